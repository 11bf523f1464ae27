// The sandbox, the user in the browser, and a clock that a test runs.
import { spawn } from "node:child_process";
import { once } from "node:events";
import { createServer } from "node:net";
import { SignIn } from "@keymint/client";

/** Starts `keymint sandbox`, which ends with the test and must have seen no violation of the protocol. */
export async function sandbox(test, ...args) {
  const child = spawn(process.env.KEYMINT, ["sandbox", ...args], { stdio: ["ignore", "pipe", "pipe"] });
  let errors = "";
  child.stderr.setEncoding("utf8").on("data", (text) => (errors += text));
  const ended = once(child, "exit");
  test.after(async () => {
    child.kill("SIGTERM");
    await ended;
  });
  const [variables] = await once(child.stdout.setEncoding("utf8"), "data");
  const { KEYMINT_ISSUER: issuer, KEYMINT_API_BASE: apiBase } = Object.fromEntries(
    variables.trim().split(" ").map((pair) => pair.split(/=(.*)/s)),
  );
  /** Ends the sandbox, and returns the number of its keys. */
  const end = async () => {
    child.kill("SIGTERM");
    await ended;
    if (/warning/i.test(errors)) throw new Error(errors);
    return Number(/Keys made: (\d+)/.exec(errors)[1]);
  };
  return { issuer, apiBase, end };
}

/** Opens the authorize URL, decides, and returns the URL that the browser is sent to. */
export async function visit(authorizeUrl, decision = "continue") {
  const page = await fetch(authorizeUrl);
  const cookie = page.headers.getSetCookie().map((cookie) => cookie.split(";")[0]).join("; ");
  const request = /name="request" value="([^"]*)"/.exec(await page.text())[1];
  const redirect = await fetch(new URL("/oauth/authorize/decision", authorizeUrl), {
    method: "POST",
    redirect: "manual",
    headers: { cookie },
    body: new URLSearchParams({ request, decision }),
  });
  return redirect.headers.get("location");
}

/** Signs in at this sandbox. */
export async function grant({ issuer }) {
  const signIn = SignIn.begin({ issuer });
  return signIn.accept(await visit(signIn.authorizeUrl));
}

/** A URL of this machine at which no server listens. */
export async function closedUrl() {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address();
  server.close();
  await once(server, "close");
  return `http://127.0.0.1:${port}`;
}

/** The error that a call ends with. */
export async function failure(call) {
  try {
    await (typeof call === "function" ? call() : call);
  } catch (error) {
    return error;
  }
  throw new Error("the call must fail");
}

/** A clock that advances whenever nothing but a sleep can go on, and the `fetch` that it knows of. */
export class FakeClock {
  #now = 0;
  #sleeping = [];
  #requests = 0;
  #isRunning = false;

  now() {
    return this.#now;
  }

  sleep(milliseconds, signal) {
    return new Promise((resolve) => {
      const sleep = { until: this.#now + milliseconds, resolve };
      this.#sleeping.push(sleep);
      signal.addEventListener("abort", () => {
        this.#sleeping = this.#sleeping.filter((other) => other !== sleep);
      });
      this.#run();
    });
  }

  /** Reads the answer to its end, so that nothing of it is under way afterwards. */
  fetch = async (url, init) => {
    this.#requests += 1;
    try {
      const { status, headers, body } = await fetch(url, init);
      const content = body && (await new Response(body).arrayBuffer());
      return new Response(content, { status, headers });
    } finally {
      this.#requests -= 1;
    }
  };

  async #run() {
    if (this.#isRunning) return;
    this.#isRunning = true;
    for (let idle = 0; this.#sleeping.length > 0; idle += 1) {
      await new Promise(setImmediate);
      if (this.#requests > 0) idle = 0;
      if (idle < 10) continue;
      idle = 0;
      this.#sleeping.sort((a, b) => a.until - b.until);
      const next = this.#sleeping.shift();
      this.#now = Math.max(this.#now, next.until);
      next.resolve();
    }
    this.#isRunning = false;
  }
}
