/** Types for authors of functions: `import type { FunctionConfig, FunctionContext } from 'martlet'`. */
export type { EgressPolicy, FunctionConfig } from './function-config.ts';

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
