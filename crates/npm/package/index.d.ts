/** An organization or a project. The title is exactly what the platform sent: escape it before you display it. */
export interface Named {
  id: string;
  title: string | null;
}

/** The organization and the project of a key. */
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

/** The reason of a failure, which a program can act on. Later versions may add reasons. */
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

/** A fact about the progress. Events contain no secrets. Later versions may add events. */
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
 * The kind of an error. The names and exit codes are those of the command `keymint`, except that the command has no
 * `stray`, and calls a cancelled run `interrupted`.
 *
 * - `usage` (2): an option or a call is invalid.
 * - `sign_in_refused` (4): the user or the authorization server refused, or the response is not valid.
 * - `stray` (4): the URL is not the response to this sign-in. The sign-in stays pending.
 * - `network` (6): a server could not be reached, or did not answer in time.
 * - `server` (7): a server refused a request, or its answer violates the contract.
 * - `no_project` (8): no project for the key was found.
 * - `outcome_unknown` (10): a key may exist that was not received. The error has its name and target.
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

/** Every error of this package. The message contains no secret. */
export class KeymintError extends Error {
  private constructor();
  readonly name: "KeymintError";
  readonly kind: ErrorKind;
  /** The exit code for a program that ends with this error. */
  readonly exitCode: number;
  /** The reason of the failure. Set for `network`, `server`, `outcome_unknown` and some `no_project`. */
  readonly reason?: Reason;
  /** The request that failed. */
  readonly step?: Step;
  /** The HTTP status of the answer. */
  readonly status?: number;
  /** The time for which the server asks to wait, in milliseconds. */
  readonly retryAfter?: number | null;
  /** The server's error code, such as `access_denied`, exactly as sent. Set for `sign_in_refused`. */
  readonly error?: string;
  /** The reason why the URL is not the response: a wrong state, a wrong path or an invalid query. Set for `stray`. */
  readonly stray?: "foreign_state" | "other_path" | "bad_query";
  /** The organizations or projects to choose from. Set for some `no_project`. */
  readonly choices?: { organization: Named; project: Named | null }[];
  /** The organization and the project in which the key may exist. Set for `outcome_unknown`. */
  readonly target?: Target;
  /** The name by which the key can be found and deleted. Set for `outcome_unknown`. */
  readonly keyName?: string;
}

/**
 * An API key. `console.log`, `util.inspect`, `JSON.stringify` and template literals show only its last four
 * characters.
 */
export class ApiKey {
  private constructor();
  /** Returns the key itself. */
  reveal(): string;
  readonly lastFour: string;
  toString(): string;
  toJSON(): string;
}

export interface CreatedKey {
  key: ApiKey;
  name: string;
  target: Target;
  /** The id of the key. Null if the platform sent none. */
  id: string | null;
  /** The time of the creation, in seconds since 1970. Null if the platform did not send it. */
  createdAt: number | null;
  /** The time from which the key is no longer valid, in seconds since 1970. Null if the platform did not send it. */
  expiresAt: number | null;
  /** The requested restrictions that the platform did not confirm. */
  unconfirmed: ("expiresIn" | "scopes")[];
}

/** A monotonic clock. */
export interface Clock {
  /** Returns the milliseconds since any origin. They never decrease. */
  now(): number;
  /** Waits until `now` has advanced by this many milliseconds. The signal aborts a wait that is no longer needed. */
  sleep(milliseconds: number, signal: AbortSignal): Promise<void>;
}

export interface SignInOptions {
  /** The authorization server [default: OpenAI's]. Plain `http` is accepted for loopback addresses. */
  issuer?: string;
  /** The redirect URI [default: `http://localhost:5000/auth/callback`]. */
  redirectUri?: string;
  clientId?: string;
  audience?: string;
  scope?: string;
  /** Fills the bytes with random values [default: `crypto.getRandomValues`]. */
  random?(bytes: Uint8Array): void;
}

export interface KeyOptions {
  /** The name of the key. A unique name identifies a key that was lost. */
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
  /** The time limit of the search for the project, in milliseconds [default: 60,000]. */
  projectTimeout?: number;
  /** The time limit of one request, in milliseconds [default: 30,000]. */
  requestTimeout?: number;
  /**
   * Whether to skip the lists of organizations and projects if the answer to the login determines the project
   * [default: true].
   */
  shortcut?: boolean;
  /** Whether to revoke the refresh token of the sign-in at the end [default: true]. */
  revoke?: boolean;
  /** Receives each event. It cannot change the flow: its exceptions are ignored. */
  onEvent?(event: Event): void;
  /**
   * Aborts the call. Before the event `creation_requested`, the call rejects with `cancelled`, and no key is created.
   * After it, a key may exist, so the call continues until the server answers or the time limit is reached.
   */
  signal?: AbortSignal;
  /** The HTTP client [default: the global `fetch`]. It must respect the `redirect` option of the request. */
  fetch?: typeof globalThis.fetch;
  /** The clock [default: `performance.now` and `setTimeout`]. */
  clock?: Clock;
}

/** A pending sign-in: its response has not arrived. */
export class SignIn {
  private constructor();
  /**
   * Begins a sign-in.
   *
   * @throws {KeymintError} `usage` if an option is invalid.
   */
  static begin(options?: SignInOptions): SignIn;
  /**
   * Restores a sign-in from the text that {@link save} returned.
   *
   * @throws {KeymintError} `usage` if the text is invalid.
   */
  static restore(saved: string): SignIn;
  /** The URL to open in the user's browser. Keep it out of logs, since it contains the state. */
  readonly authorizeUrl: string;
  /**
   * Returns the sign-in **with its secrets in plain text**, to be restored in another process or page. This object
   * cannot be used afterwards. Keep the text private, and use it once.
   */
  save(): string;
  /**
   * Reads the URL of the browser's last page, as pasted by the user, or the `request.url` of an HTTP server.
   *
   * @throws {KeymintError} `stray` if the URL is not the response; the sign-in stays pending. `sign_in_refused` if
   * access was refused; the sign-in has ended.
   */
  accept(address: string): Grant;
}

/** A sign-in to which the user granted access. It is valid for one key. */
export class Grant {
  private constructor();
  /**
   * Creates a key.
   *
   * @throws {KeymintError} If the call fails. A request that may have created a key is never repeated: the error is
   * `outcome_unknown` then.
   */
  createKey(options: KeyOptions): Promise<CreatedKey>;
}
