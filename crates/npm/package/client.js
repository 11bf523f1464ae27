// The API of the package. It runs in Node and in browsers.
import * as keymint from "./keymint.js";

const inspect = Symbol.for("nodejs.util.inspect.custom");

const systemClock = {
  now: () => performance.now(),
  sleep: (milliseconds, signal) =>
    new Promise((resolve) => {
      const timer = setTimeout(resolve, milliseconds);
      signal.addEventListener("abort", () => clearTimeout(timer), { once: true });
    }),
};

/** The functions that the module calls. */
function host({ fetch = globalThis.fetch, clock = systemClock, random } = {}) {
  return {
    fetch: async (url, init) => {
      const { type, status, headers, body } = await fetch(url, init);
      return { type, status, headers: [...headers], reader: body?.getReader() };
    },
    now: () => clock.now(),
    sleep: async (milliseconds, signal) => clock.sleep(milliseconds, signal),
    random: random ?? ((bytes) => crypto.getRandomValues(bytes)),
  };
}

/** Returns the error for callers. The errors of the module are JSON. */
function translate(error) {
  return typeof error === "string" ? new KeymintError(JSON.parse(error)) : error;
}

/** Runs a call of the module. */
function call(run) {
  try {
    return run();
  } catch (error) {
    throw translate(error);
  }
}

export class KeymintError extends Error {
  constructor({ message, ...facts }, options) {
    super(message, options);
    Object.assign(this, facts);
  }

  get name() {
    return "KeymintError";
  }
}

export class ApiKey {
  #created;
  #lastFour;

  constructor(created, lastFour) {
    this.#created = created;
    this.#lastFour = lastFour;
  }

  reveal() {
    return this.#created.reveal();
  }

  get lastFour() {
    return this.#lastFour;
  }

  toString() {
    return `[ApiKey ending in ${this.#lastFour}]`;
  }

  toJSON() {
    return this.toString();
  }

  [inspect]() {
    return this.toString();
  }
}

export class Grant {
  #grant;

  constructor(grant) {
    this.#grant = grant;
  }

  async createKey({ onEvent, signal, fetch, clock, ...options }) {
    const cancelled = () => new KeymintError({
      kind: "cancelled",
      exitCode: 130,
      message: "the call was aborted, and no key was created",
    }, { cause: signal.reason });
    if (signal?.aborted) throw cancelled();
    const grant = this.#grant;
    if (grant === undefined) {
      throw new KeymintError({ kind: "usage", exitCode: 2, message: "the grant is used up: it is good for one key" });
    }
    this.#grant = undefined;
    let abort;
    const aborted = new Promise((resolve) => (abort = resolve));
    signal?.addEventListener("abort", abort);
    try {
      const report = (event) => onEvent?.(JSON.parse(event));
      const created = await grant.create_key(JSON.stringify(options), host({ fetch, clock }), report, aborted);
      const { lastFour, ...facts } = JSON.parse(created.facts());
      return { key: new ApiKey(created, lastFour), ...facts };
    } catch (error) {
      const translated = translate(error);
      throw translated.kind === "cancelled" ? cancelled() : translated;
    } finally {
      signal?.removeEventListener("abort", abort);
    }
  }
}

export class SignIn {
  #signIn;

  constructor(signIn) {
    this.#signIn = signIn;
  }

  static begin({ random, ...options } = {}) {
    return new SignIn(call(() => keymint.SignIn.begin(JSON.stringify(options), host({ random }))));
  }

  static restore(saved) {
    return new SignIn(call(() => keymint.SignIn.restore(saved)));
  }

  get authorizeUrl() {
    return call(() => this.#signIn.authorize_url());
  }

  save() {
    return call(() => this.#signIn.save());
  }

  accept(address) {
    return new Grant(call(() => this.#signIn.accept(address)));
  }
}
