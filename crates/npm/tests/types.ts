// Compiled, not run: the types of the package as a caller uses them.
import { ApiKey, type Clock, type CreatedKey, type Event, KeymintError, SignIn } from "@keymint/client";
import load, { SignIn as SignInInBrowser } from "@keymint/client/web";

const clock: Clock = { now: () => 0, sleep: async (_milliseconds, signal) => signal.throwIfAborted() };
const signIn = SignIn.begin({ issuer: "https://auth.example", random: (bytes) => void bytes.fill(7) });
const url: string = signIn.authorizeUrl;
const created: CreatedKey = await SignIn.restore(signIn.save()).accept(url).createKey({
  name: "types",
  clock,
  fetch,
  signal: AbortSignal.timeout(1000),
  onEvent: (event: Event) => {
    if (event.event === "retrying") event.after_ms.toFixed();
  },
});
const key: string = created.key.reveal();
await load(new URL("https://page.example/keymint_bg.wasm"));
SignInInBrowser.begin();

try {
  SignIn.begin();
} catch (error) {
  if (error instanceof KeymintError) {
    const { kind, exitCode, reason } = error;
    process.exitCode = kind === "stray" ? exitCode : reason?.length;
  }
}

// @ts-expect-error A key is no string.
const text: string = created.key;
// @ts-expect-error Only the package makes keys.
new ApiKey();
// @ts-expect-error A name is required.
signIn.accept(url).createKey({});
// @ts-expect-error There is no such option.
SignIn.begin({ isuer: url });
export { key, text };
