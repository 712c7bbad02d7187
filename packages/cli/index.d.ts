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

/**
 * A schema of the Standard Schema specification, version 1: zod, valibot, arktype and others make such. Declared as
 * `export const input`, it checks what callers send before the handler runs.
 */
export interface StandardSchema<Input = unknown, Output = Input> {
  readonly '~standard': {
    readonly version: 1;
    readonly vendor: string;
    readonly validate: (value: unknown) => unknown;
    readonly types?: { readonly input: Input; readonly output: Output } | undefined;
  };
}

/** What a handler finds as `ctx.input`: the output of the declared schema, or the type itself where it is none. */
export type ParsedInput<Declared> = Declared extends StandardSchema ? NonNullable<Declared['~standard']['types']>['output'] : Declared;

/** A `Response` that knows the type of its JSON, so that callers of the function know it too. */
export interface JsonResponse<Body> extends Response {
  json(): Promise<Body>;
}

/** Statuses whose body says what went wrong; it is not what the function is called for. */
export type ErrorStatus =
  | (400 | 401 | 402 | 403 | 404 | 405 | 406 | 408 | 409 | 410 | 411 | 412 | 413 | 414 | 415 | 416 | 417 | 418)
  | (421 | 422 | 423 | 424 | 425 | 426 | 428 | 429 | 431 | 451)
  | (500 | 501 | 502 | 503 | 504 | 505 | 507 | 508 | 510 | 511);

/** `Response.json` with a type: the result of the function is the type of what it was given. */
export interface AnswerJson {
  (body: unknown, init: ResponseInit & { readonly status: ErrorStatus }): JsonResponse<never>;
  <Body>(body: Body, init?: ResponseInit): JsonResponse<Body>;
}

/**
 * What a function is handed beside its request. `FunctionContext<typeof input>` types `ctx.input` by the schema that the
 * file declares.
 */
export interface FunctionContext<Declared = undefined> {
  /** The input as the schema declared by `export const input` gave it; undefined where none is declared. */
  readonly input: ParsedInput<Declared>;
  /** Answers with JSON whose type the callers of the function see. An error status says nothing of the result. */
  readonly json: AnswerJson;
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
    /** 1 for the first attempt, and for every call whose caller waits; more where the queue runs an execution again. */
    readonly attempt: number;
    /** Milliseconds since 1970 at which it was due: the tick of a schedule, or the time that it was put off to. */
    readonly scheduledAt: number | undefined;
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
export type FunctionHandler<Declared = undefined, Body = unknown> = (
  request: Request,
  context: FunctionContext<Declared>,
) => JsonResponse<Body> | Promise<JsonResponse<Body>>;

/** `export default { fetch }` */
export interface FetchHandler<Declared = undefined, Body = unknown> {
  fetch: FunctionHandler<Declared, Body>;
}
