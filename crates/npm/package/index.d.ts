/** An organization or a project. Titles are as the platform sent them: escape them where they are shown. */
export interface Named {
  id: string;
  title: string | null;
}

/** Where the key is created. */
export interface Target {
  organization: Named;
  project: Named;
}

/** A request of the flow. */
export type Step =
  | "exchange_code"
  | "login"
  | "list_organizations"
  | "list_projects"
  | "create_key";

/** The reason of a failure, which a program can act on. More may be added. */
export type Reason =
  | "dns"
  | "connect"
  | "tls"
  | "proxy"
  | "challenge"
  | "portal"
  | "unidentified"
  | "timeout"
  | "interrupted"
  | "country"
  | "policy"
  | "role"
  | "not_onboarded"
  | "quota"
  | "rate_limit"
  | "unauthorized"
  | "forbidden"
  | "not_found"
  | "rejected"
  | "unavailable"
  | "out_of_contract"
  | (string & {});

/** A fact about the progress. Events have no secrets. More may be added. */
export type Event =
  | { event: "code_exchanged" }
  | { event: "signed_in" }
  | {
      event: "waiting_for_project";
      organizations: number;
      projects: number;
      retry_in_ms: number;
      reason?: Reason;
    }
  | { event: "organization_skipped"; id: string; reason: Reason; message: string }
  | { event: "list_incomplete"; step: Step; skipped: number; cut: boolean }
  | { event: "retrying"; step: Step; reason: Reason; message: string; after_ms: number }
  | { event: "target_selected"; organization: Named; project: Named }
  | {
      event: "target_skipped";
      organization: Named;
      project: Named | null;
      reason: Reason;
    }
  | { event: "creation_requested" };

/**
 * The kind of an error. The names and exit codes are those of the command `keymint`, which does not have `stray`
 * and calls a cancelled run `interrupted`.
 *
 * - `usage` (2): an option or a call is wrong.
 * - `sign_in_refused` (4): the user or the authorization server refused, or the response is not valid.
 * - `stray` (4): the URL is not the response to this sign-in, which goes on waiting.
 * - `network` (6): a server could not be reached, or did not answer in time.
 * - `server` (7): a server refused a request, or its answer violates the contract.
 * - `no_project` (8): no project for the key was found.
 * - `outcome_unknown` (10): a key may exist that was not received. Its name and target are in the error.
 * - `cancelled` (130): the signal aborted the call, and no key was created.
 * - `internal` (1): anything else.
 */
export type ErrorKind =
  | "usage"
  | "sign_in_refused"
  | "stray"
  | "network"
  | "server"
  | "no_project"
  | "outcome_unknown"
  | "cancelled"
  | "internal";

/** Every error of this package. Its message has no secret. */
export class KeymintError extends Error {
  private constructor();
  readonly name: "KeymintError";
  readonly kind: ErrorKind;
  /** The exit code for a program that ends with this error. */
  readonly exitCode: number;
  /** Of `network`, `server`, `outcome_unknown` and some `no_project`. */
  readonly reason?: Reason;
  /** The request that failed. */
  readonly step?: Step;
  /** The status of the answer. */
  readonly status?: number;
  /** The time for which the server asks to wait, in milliseconds. */
  readonly retryAfter?: number | null;
  /** Of `sign_in_refused`: the server's error code, such as `access_denied`, exactly as sent. */
  readonly error?: string;
  /** Of `stray`. */
  readonly stray?: "foreign_state" | "other_path" | "bad_query";
  /** Of `no_project`: the organizations or projects that a name could mean. */
  readonly choices?: { organization: Named; project: Named | null }[];
  /** Of `outcome_unknown`: where the key may be. */
  readonly target?: Target;
  /** Of `outcome_unknown`: the name by which the key can be found and deleted. */
  readonly keyName?: string;
}

/**
 * A key. It does not print itself: `console.log`, `util.inspect`, `JSON.stringify` and templates show its last four
 * characters alone.
 */
export class ApiKey {
  private constructor();
  /** Returns the key. */
  reveal(): string;
  readonly lastFour: string;
  toString(): string;
  toJSON(): string;
}

export interface CreatedKey {
  key: ApiKey;
  name: string;
  target: Target;
  /** The id, if the platform sent one. */
  id: string | null;
  /** Seconds since 1970, if the platform sent them. */
  createdAt: number | null;
  /** Seconds since 1970, if the platform sent them. */
  expiresAt: number | null;
  /** The requested restrictions that the platform did not confirm. */
  unconfirmed: ("expiresIn" | "scopes")[];
}

/** A monotonic clock. */
export interface Clock {
  /** Returns milliseconds since any origin. */
  now(): number;
  /** Waits until `now` has advanced by this many milliseconds. The signal ends a wait of no more use. */
  sleep(milliseconds: number, signal: AbortSignal): Promise<void>;
}

export interface SignInOptions {
  /** The authorization server [default: OpenAI's]. Plain `http` is accepted for loopback addresses. */
  issuer?: string;
  /** The URL that the browser comes back to [default: `http://localhost:5000/auth/callback`]. */
  redirectUri?: string;
  clientId?: string;
  audience?: string;
  scope?: string;
  /** Fills the bytes at random [default: `crypto.getRandomValues`]. */
  random?(bytes: Uint8Array): void;
}

export interface KeyOptions {
  /** The name of the key, by which a lost one can be found. */
  name: string;
  /** The platform's API [default: OpenAI's]. */
  apiBase?: string;
  /** The organization, by id or title [default: the preferred one that has a default project]. */
  organization?: string;
  /** The project, by id or title [default: the default project]. */
  project?: string;
  /** The lifetime of the key, in seconds. */
  expiresIn?: number;
  /** The permissions of the key. */
  scopes?: string[];
  /** How long to wait for a project, in milliseconds [default: 60,000]. */
  projectTimeout?: number;
  /** The time limit of one request, in milliseconds [default: 30,000]. */
  requestTimeout?: number;
  /** Whether the login's answer may spare the lists of organizations and projects [default: true]. */
  shortcut?: boolean;
  /** Whether to revoke the refresh token of the sign-in at the end [default: true]. */
  revoke?: boolean;
  /** Receives each event. It cannot change the flow: what it throws is ignored. */
  onEvent?(event: Event): void;
  /**
   * Aborts the call. Before `creation_requested` the call rejects with `cancelled`, and no key is created. Afterwards
   * a key may exist, so the call goes on to the server's answer or to the time limit.
   */
  signal?: AbortSignal;
  /** The HTTP client [default: the global one]. It must not follow redirects if the request says so. */
  fetch?: typeof globalThis.fetch;
  /** The clock [default: `performance.now` and `setTimeout`]. */
  clock?: Clock;
}

/** A sign-in that waits for its response. */
export class SignIn {
  private constructor();
  /**
   * Begins a sign-in.
   *
   * @throws {KeymintError} `usage` if an option is wrong.
   */
  static begin(options?: SignInOptions): SignIn;
  /**
   * Restores a sign-in that {@link save} took apart.
   *
   * @throws {KeymintError} `usage` if the text is damaged.
   */
  static restore(saved: string): SignIn;
  /** The URL to open in the user's browser. Keep it out of logs: it has the state. */
  readonly authorizeUrl: string;
  /**
   * Ends this object, and returns the sign-in **with its secrets in plain text**, to be restored in another process
   * or page. Keep the text where no one else can read it, and use it once.
   */
  save(): string;
  /**
   * Reads the URL that the browser ended on, as pasted by the user, or `request.url` of an HTTP server.
   *
   * @throws {KeymintError} `stray` if it is not the response: the sign-in goes on waiting. `sign_in_refused` if it is
   * a refusal: the sign-in is over.
   */
  accept(address: string): Grant;
}

/** A sign-in that the user allowed. It is good for one key. */
export class Grant {
  private constructor();
  /**
   * Creates a key.
   *
   * @throws {KeymintError} A request that may have created a key is never repeated: that is `outcome_unknown`.
   */
  createKey(options: KeyOptions): Promise<CreatedKey>;
}
