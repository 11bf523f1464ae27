// The package in Node, against the sandbox.
import assert from "node:assert/strict";
import { createServer } from "node:http";
import test from "node:test";
import { format, inspect } from "node:util";
import { KeymintError, SignIn } from "@keymint/client";
import { FakeClock, closedUrl, failure, grant, sandbox, visit } from "./support.mjs";

test("a pasted address leads to a key that works and does not print itself", async (t) => {
  const { issuer, apiBase, end } = await sandbox(t);
  const [events, requests] = [[], []];
  const signIn = SignIn.begin({ issuer });
  const pasted = `  "${await visit(signIn.authorizeUrl)}"\n`;

  const created = await signIn.accept(pasted).createKey({
    name: "from node",
    apiBase,
    fetch: (url, init) => {
      requests.push(`${init.method} ${new URL(url).pathname}`);
      return fetch(url, init);
    },
    onEvent: (event) => events.push(event),
  });

  assert.deepEqual(requests, [
    "POST /oauth/token",
    "POST /dashboard/onboarding/login",
    "GET /v1/organizations",
    "GET /dashboard/organizations/org-1/projects",
    "POST /dashboard/organizations/org-1/projects/proj_default/api_keys",
    "POST /oauth/revoke",
  ]);
  const { key, ...facts } = created;
  const value = key.reveal();
  const headers = { accept: "application/json", authorization: `Bearer ${value}` };
  const models = await fetch(`${apiBase}/v1/models`, { headers });
  assert.equal(models.status, 200);
  assert.equal(facts.name, "from node");
  assert.deepEqual(facts.target, {
    organization: { id: "org-1", title: "Personal" },
    project: { id: "proj_default", title: "Default project" },
  });
  assert.deepEqual(
    events.map(({ event }) => event),
    ["code_exchanged", "signed_in", "target_selected", "creation_requested"],
  );
  const hidden = `[ApiKey ending in ${value.slice(-4)}]`;
  for (const shown of [
    `${key}`,
    inspect(created, { depth: null, showHidden: true }),
    inspect(key, { customInspect: false, showHidden: true }),
    format("%o %O %s %j", key, key, key, key),
    JSON.stringify({ created }),
    JSON.stringify(structuredClone({ ...created })),
  ]) {
    assert.ok(!shown.includes(value.slice(0, -4)), shown);
  }
  assert.equal(inspect(key), hidden);
  assert.equal(JSON.stringify(key), JSON.stringify(hidden));
  assert.equal(await end(), 1);
});

test("the browser comes back to an HTTP server of the caller", async (t) => {
  const { issuer, apiBase, end } = await sandbox(t);
  const server = createServer();
  server.listen(0, "localhost");
  await new Promise((listening) => server.once("listening", listening));
  t.after(() => server.close());
  const origin = `http://localhost:${server.address().port}`;
  const signIn = SignIn.begin({ issuer, redirectUri: `${origin}/auth/callback` });
  const granted = new Promise((resolve) => {
    server.on("request", (request, response) => {
      try {
        resolve(signIn.accept(request.url));
        response.end();
      } catch (error) {
        response.writeHead(error.kind === "stray" ? 404 : 500).end(error.stray);
      }
    });
  });

  const strays = [];
  for (const path of ["/favicon.ico", "/auth/callback?code=x&state=y", "/auth/callback?state=%ff"]) {
    const response = await fetch(origin + path);
    strays.push([response.status, await response.text()]);
  }
  assert.deepEqual(strays, [[404, "other_path"], [404, "foreign_state"], [404, "bad_query"]]);
  assert.equal((await fetch(await visit(signIn.authorizeUrl))).status, 200);
  const { key } = await (await granted).createKey({ name: "server", apiBase });
  assert.match(key.reveal(), /^sk-/);
  assert.equal(await end(), 1);
});

test("a refusal of the user ends the sign-in without a key", async (t) => {
  const { issuer, end } = await sandbox(t);
  const signIn = SignIn.begin({ issuer });
  const error = await failure(async () => signIn.accept(await visit(signIn.authorizeUrl, "refuse")));
  assert.ok(error instanceof KeymintError && error instanceof Error);
  assert.deepEqual(
    [error.name, error.kind, error.exitCode, error.error],
    ["KeymintError", "sign_in_refused", 4, "access_denied"],
  );
  assert.equal((await failure(() => signIn.accept("code=x"))).kind, "usage");
  assert.equal((await failure(() => signIn.authorizeUrl)).kind, "usage");
  assert.equal(await end(), 0);
});

test("a sign-in goes on in another process", async (t) => {
  const { issuer, apiBase } = await sandbox(t);
  const first = SignIn.begin({ issuer });
  const { authorizeUrl } = first;
  const saved = first.save();
  assert.equal((await failure(() => first.accept("code=x"))).kind, "usage");
  assert.equal((await failure(() => SignIn.restore(saved.replace("issuer", "x")))).kind, "usage");
  const second = SignIn.restore(saved);
  assert.equal(second.authorizeUrl, authorizeUrl);
  const { key } = await second.accept(await visit(authorizeUrl)).createKey({ name: "restored", apiBase });
  assert.match(key.reveal(), /^sk-/);
});

test("an account without an organization is waited for until the time is up", async (t) => {
  const server = await sandbox(t, "--organizations", "0");
  const clock = new FakeClock();
  const events = [];
  const error = await failure((await grant(server)).createKey({
    name: "none",
    apiBase: server.apiBase,
    projectTimeout: 90_000,
    clock,
    fetch: clock.fetch,
    onEvent: (event) => events.push(event),
  }));
  assert.deepEqual([error.kind, error.exitCode], ["no_project", 8]);
  assert.match(error.message, /no default project after/);
  assert.ok(clock.now() >= 90_000, `${clock.now()}`);
  assert.ok(events.filter(({ event }) => event === "waiting_for_project").length > 5);
  assert.equal(await server.end(), 0);
});

test("a name that several have is an error with the choices", async (t) => {
  const server = await sandbox(t, "--organizations", "3");
  const call = (await grant(server)).createKey({ name: "x", apiBase: server.apiBase, organization: "Acme" });
  const error = await failure(call);
  assert.deepEqual([error.kind, error.choices.length], ["no_project", 3]);
  assert.equal(error.choices[0].organization.id, "org-1");
});

test("a server that never answers is given up when the time is up", async (t) => {
  const server = await sandbox(t);
  const clock = new FakeClock();
  const error = await failure((await grant(server)).createKey({
    name: "late",
    apiBase: server.apiBase,
    requestTimeout: 5_000,
    clock,
    fetch: (_url, { signal }) => new Promise((_, reject) => {
      signal.addEventListener("abort", () => reject(signal.reason));
    }),
  }));
  assert.deepEqual(
    [error.kind, error.exitCode, error.reason, error.step],
    ["network", 6, "timeout", "exchange_code"],
  );
  assert.ok(clock.now() >= 5_000);
});

test("an unreachable server is retried, and is a network error", async (t) => {
  const server = await sandbox(t);
  const clock = new FakeClock();
  const events = [];
  const error = await failure((await grant(server)).createKey({
    name: "nowhere",
    apiBase: await closedUrl(),
    clock,
    fetch: clock.fetch,
    onEvent: (event) => events.push(event),
  }));
  assert.deepEqual([error.kind, error.reason, error.step], ["network", "connect", "login"]);
  assert.ok(events.some(({ event, reason }) => event === "retrying" && reason === "connect"));
});

test("a failed connection has the reason that Node gives", async (t) => {
  const server = await sandbox(t);
  for (const [cause, expected] of [
    [{ code: "ENOTFOUND" }, ["network", "dns"]],
    [{ code: "EAI_AGAIN" }, ["network", "dns"]],
    [{ code: "ECONNREFUSED" }, ["network", "connect"]],
    [{ code: "UND_ERR_CONNECT_TIMEOUT" }, ["network", "timeout"]],
    [{ code: "ETIMEDOUT", syscall: "connect" }, ["network", "timeout"]],
    [{ code: "DEPTH_ZERO_SELF_SIGNED_CERT" }, ["network", "tls"]],
    [{ code: "UNABLE_TO_VERIFY_LEAF_SIGNATURE" }, ["network", "tls"]],
    [{ code: "CERT_HAS_EXPIRED" }, ["network", "tls"]],
    [{ code: "ERR_TLS_CERT_ALTNAME_INVALID" }, ["network", "tls"]],
    [{ code: "ETIMEDOUT", syscall: "read" }, ["server", "interrupted"]],
    [{ code: "ECONNRESET" }, ["server", "interrupted"]],
    [undefined, ["server", "interrupted"]],
  ]) {
    const clock = new FakeClock();
    const options = { name: "x", apiBase: server.apiBase, clock };
    const error = await failure((await grant(server)).createKey({
      ...options,
      fetch: async () => {
        throw new TypeError("fetch failed", { cause });
      },
    }));
    assert.deepEqual([error.kind, error.reason], expected, cause?.code);
  }
  assert.equal(await server.end(), 0);
});

test("no error repeats a secret that fetch repeats", async (t) => {
  const server = await sandbox(t);
  const secrets = new Set();
  for (const path of ["/oauth/token", "/dashboard/onboarding/login", "/v1/organizations", "/api_keys"]) {
    const clock = new FakeClock();
    const signIn = SignIn.begin({ issuer: server.issuer });
    const address = await visit(signIn.authorizeUrl);
    secrets.add(new URL(address).searchParams.get("code"));
    const error = await failure(signIn.accept(address).createKey({
      name: "x",
      apiBase: server.apiBase,
      projectTimeout: 0,
      clock,
      fetch: async (url, init) => {
        const sent = [init.headers.get("authorization")?.split(" ")[1]];
        if (url.endsWith("/oauth/token")) sent.push(new URLSearchParams(init.body).get("code_verifier"));
        sent.filter(Boolean).forEach((secret) => secrets.add(secret));
        if (url.endsWith(path)) throw new Error(`sent ${init.body} with ${sent} to ${url}`);
        return clock.fetch(url, init);
      },
    }));
    const shown = inspect(error, { depth: null, showHidden: true });
    assert.match(shown, /redacted/);
    for (const secret of secrets) assert.ok(!shown.includes(secret), shown);
  }
  assert.equal(secrets.size, 4 + 4 + 3 + 2);
});

test("a creation whose answer is lost is not repeated", async (t) => {
  const server = await sandbox(t);
  let creations = 0;
  const error = await failure((await grant(server)).createKey({
    name: "lost",
    apiBase: server.apiBase,
    fetch: async (url, init) => {
      const response = await fetch(url, init);
      if (!url.endsWith("/api_keys")) return response;
      creations += 1;
      throw new TypeError("terminated");
    },
  }));
  assert.deepEqual(
    [error.kind, error.exitCode, error.keyName, error.target.project.id, error.reason],
    ["outcome_unknown", 10, "lost", "proj_default", "interrupted"],
  );
  assert.equal(creations, 1);
  assert.equal(await server.end(), 1);
});

test("a whole key counts although its answer never ends, and the connection is closed", async (t) => {
  const server = await sandbox(t);
  const clock = new FakeClock();
  let signal;
  const { key } = await (await grant(server)).createKey({
    name: "endless",
    apiBase: server.apiBase,
    clock,
    fetch: async (url, init) => {
      const response = await clock.fetch(url, init);
      if (!url.endsWith("/api_keys")) return response;
      signal = init.signal;
      const whole = new Uint8Array(await response.arrayBuffer());
      return new Response(new ReadableStream({ start: (controller) => controller.enqueue(whole) }));
    },
  });
  assert.match(key.reveal(), /^sk-/);
  assert.ok(signal.aborted);
  assert.equal(await server.end(), 1);
});

test("a fetch that returns no response, or throws, ends the call like a broken connection", async (t) => {
  const server = await sandbox(t);
  for (const broken of [() => undefined, () => ({ status: 200 }), () => {
    throw new Error("a mistake");
  }]) {
    const clock = new FakeClock();
    const options = { name: "x", apiBase: server.apiBase, clock, fetch: broken };
    const error = await failure((await grant(server)).createKey(options));
    assert.deepEqual([error.kind, error.reason, error.step], ["server", "interrupted", "exchange_code"]);
  }
  assert.equal(await server.end(), 0);
});

test("a clock that fails ends the call", async (t) => {
  const server = await sandbox(t);
  const clock = { now: () => 0, sleep: () => Promise.reject(new Error("a mistake")) };
  const options = { name: "x", apiBase: server.apiBase, clock };
  const error = await failure((await grant(server)).createKey(options));
  assert.deepEqual([error.kind, error.reason], ["network", "timeout"]);
  assert.equal(await server.end(), 0);
});

test("an abort before the creation leaves no key, and one before the call costs nothing", async (t) => {
  const server = await sandbox(t, "--organizations", "0");
  const granted = await grant(server);
  const early = await failure(granted.createKey({ name: "x", signal: AbortSignal.abort("early") }));
  assert.deepEqual([early.kind, early.exitCode, early.cause], ["cancelled", 130, "early"]);
  const controller = new AbortController();
  const error = await failure(granted.createKey({
    name: "x",
    apiBase: server.apiBase,
    signal: controller.signal,
    onEvent: ({ event }) => event === "waiting_for_project" && controller.abort("enough"),
  }));
  assert.deepEqual([error.kind, error.cause], ["cancelled", "enough"]);
  assert.equal((await failure(granted.createKey({ name: "x" }))).kind, "usage");
  assert.equal(await server.end(), 0);
});

test("an abort during the creation waits for the key", async (t) => {
  const server = await sandbox(t);
  const controller = new AbortController();
  const { key } = await (await grant(server)).createKey({
    name: "x",
    apiBase: server.apiBase,
    signal: controller.signal,
    onEvent: ({ event }) => {
      if (event === "creation_requested") controller.abort();
      throw new Error("this changes nothing");
    },
  });
  assert.match(key.reveal(), /^sk-/);
});

test("a failure of the live service has its reason", async (t) => {
  for (const [args, expected] of [
    [["--scenario", "challenge", "--at", "login"], ["server", "challenge", "login", 403]],
    [["--scenario", "portal-redirect", "--at", "login"], ["server", "portal", "login", 302]],
    [["--scenario", "new-keys-disabled"], ["server", "forbidden", "create_key", 403]],
  ]) {
    const server = await sandbox(t, ...args);
    const error = await failure((await grant(server)).createKey({ name: "x", apiBase: server.apiBase }));
    assert.deepEqual([error.kind, error.reason, error.step, error.status], expected);
  }
});

test("an answer without end is refused, in bounded memory", async (t) => {
  const server = await sandbox(t);
  let bytes = 0;
  const endless = new ReadableStream({
    pull: (controller) => {
      bytes += 65_536;
      controller.enqueue(new Uint8Array(65_536).fill(32));
    },
  });
  const error = await failure((await grant(server)).createKey({
    name: "x",
    apiBase: server.apiBase,
    fetch: async () => new Response(endless),
  }));
  assert.deepEqual([error.kind, error.reason], ["server", "out_of_contract"]);
  assert.ok(bytes < 4 * 1024 * 1024, `${bytes}`);
});

test("a wrong option is named, before anything is sent", async (t) => {
  const server = await sandbox(t);
  const begin = (options) => failure(() => SignIn.begin(options));
  assert.match((await begin({ isuer: "x" })).message, /isuer/);
  assert.match((await begin({ issuer: "http://example.com" })).message, /^issuer: .*https/);
  assert.match((await begin({ redirectUri: "nowhere" })).message, /redirectUri/);
  const random = () => {
    throw new Error("no randomness");
  };
  assert.equal((await begin({ random })).kind, "internal");
  for (const [options, name] of [
    [{}, /name/],
    [{ name: " " }, /name/],
    [{ name: "x", expires: 1 }, /expires/],
    [{ name: "x", expiresIn: 0 }, /expiresIn/],
    [{ name: "x", scopes: ["a b"] }, /scopes/],
    [{ name: "x", projectTimeout: -1 }, /projectTimeout/],
    [{ name: "x", apiBase: "ftp://x" }, /apiBase/],
  ]) {
    const error = await failure((await grant(server)).createKey(options));
    assert.deepEqual([error.kind, error.exitCode], ["usage", 2]);
    assert.match(error.message, name);
  }
  assert.equal(await server.end(), 0);
});
