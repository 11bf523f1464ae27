// The checks of the domain's ports, for the adapters of the package.
import test from "node:test";
import { SignIn } from "@keymint/client";
import { sandbox, visit } from "./support.mjs";

test("the adapters keep the promises of the ports", async (t) => {
  const keymint = await import(new URL("keymint.js", import.meta.resolve("@keymint/client")));
  const { issuer, apiBase } = await sandbox(t, "--organizations", "2");
  const host = {
    fetch: async (url, init) => {
      const { type, status, headers, body } = await fetch(url, init);
      return { type, status, headers: [...headers], reader: body?.getReader() };
    },
    now: () => performance.now(),
    sleep: (milliseconds, signal) =>
      new Promise((resolve) => {
        const timer = setTimeout(resolve, milliseconds);
        signal.addEventListener("abort", () => clearTimeout(timer));
      }),
  };
  const grant = async () => {
    const signIn = SignIn.begin({ issuer });
    const { authorizeUrl } = signIn;
    return keymint.SignIn.restore(signIn.save()).accept(await visit(authorizeUrl));
  };
  await keymint.check_clock(host);
  await keymint.check_auth_server(host, await grant(), await grant());
  await keymint.check_platform(host, apiBase, await grant());
});
