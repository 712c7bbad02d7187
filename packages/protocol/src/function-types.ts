/** Types for authors of functions: `import type { FunctionConfig, FunctionContext } from 'martlet'`. */
export type { EgressPolicy, FunctionConfig } from './function-config.ts';

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
