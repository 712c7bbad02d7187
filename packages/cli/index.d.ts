/** Types for authors of functions: `import type { FunctionConfig, FunctionContext } from 'martlet'`. */

/** `export const config: FunctionConfig = {…}` beside the handler. Values are literals: they are read without running the code. */
export interface FunctionConfig {
  /** Path under which the function is called; default: from its file name. */
  name?: string | undefined;
  /** Cron expression, five fields, six with seconds. */
  schedule?: string | undefined;
  /** IANA time zone of `schedule`; default UTC. */
  timezone?: string | undefined;
  /** Event patterns that start the function. */
  events?: string[] | undefined;
  /** Who may call over HTTP, e.g. `["any"]`, `["users"]`, `[]` for API keys only. Default `["any"]`. */
  execute?: string[] | undefined;
  /** Scopes of the key that the function gets. */
  scopes?: string[] | undefined;
  /** Seconds that one execution may run: 1–900, default 15. */
  timeout?: number | undefined;
  /** MB of memory of one worker: 64–16384, default 256. */
  memory?: number | undefined;
  /** Executions at the same time: 1–10000, default 100. */
  concurrency?: number | undefined;
  /** Attempts after the first, for executions that nobody waits for: 0–20; or the rules of trying again. */
  retries?: number | RetryRules | undefined;
  /** Where it may connect to. Default `public`. */
  egress?: EgressPolicy | undefined;
  /** Whether log lines are kept; default true. */
  logging?: boolean | undefined;
  /** `strict` makes an answer wait until its record is on disk; default `relaxed`. */
  durability?: 'relaxed' | 'strict' | undefined;
}

/** How an execution that nobody waits for is tried again. */
export interface RetryRules {
  /** The first one included: 1–100, default 3. */
  attempts?: number | undefined;
  /** Seconds between attempts: `initial` (1), then `factor` (2) times the one before, at most `max` (300), spread by `jitter` (0.2). */
  backoff?:
    | { initial?: number | undefined; factor?: number | undefined; max?: number | undefined; jitter?: number | undefined }
    | undefined;
  /** Outcomes that are tried again. Default: all of the function's own. */
  on?: ('threw' | 'timed_out' | 'crashed' | 'out_of_memory' | 'load_failed' | 'answered_error' | 'interrupted')[] | undefined;
  /** When the server that ran it is gone: run it `retry` again (default), or `fail` it, which is at most once. */
  interrupted?: 'retry' | 'fail' | undefined;
}

/**
 * `public`: every public address on every port but 25. `none`: nowhere. A list: these names, or `*.example.com`, with
 * an optional `:port`. Private addresses stay closed in every policy.
 */
export type EgressPolicy = 'public' | 'none' | { allow: string[] };

/** What a function is handed beside its request. */
export interface FunctionContext {
  /** Keeps the execution alive until the promise settles, after the response was sent; bounded by the timeout. */
  waitUntil(work: Promise<unknown>): void;
  /** Writes to the log of this execution. Takes printf patterns, objects and errors like `console.log`. */
  readonly log: FunctionLog;
  /** Variables and secrets of the function and its project. */
  readonly env: Readonly<Record<string, string | undefined>>;
  /** The signed-in caller, or undefined. */
  readonly user: { readonly id: string } | undefined;
  readonly execution: {
    readonly id: string;
    readonly trigger: 'http' | 'schedule' | 'event' | 'manual';
    /** Milliseconds since 1970 at which the execution is stopped. */
    readonly deadline: number;
    readonly function: string;
    readonly deployment: string;
    readonly project: string;
  };
  /** Aborts when the caller goes away, the execution is canceled or its time is up. */
  readonly signal: AbortSignal;
}

export interface FunctionLog {
  (...values: unknown[]): void;
  debug(...values: unknown[]): void;
  info(...values: unknown[]): void;
  warn(...values: unknown[]): void;
  error(...values: unknown[]): void;
}

/** `export default (request, ctx) => Response` */
export type FunctionHandler = (request: Request, context: FunctionContext) => Response | Promise<Response>;

/** `export default { fetch }` */
export interface FetchHandler {
  fetch: FunctionHandler;
}
