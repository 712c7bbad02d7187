/** What it takes to execute a function once, and what comes of it. Every way in speaks these words. */
import type { ErrorCode, LogLine, Trigger } from '@martlet/protocol';
import type { ShortBody } from '@martlet/protocol/frames';
import type { Principal } from '../../domain/principal.ts';
import type { ExecutionRow } from '../../ports/store.ts';
import type { RoutedFunction } from './function-routes.ts';
import type { Recordable, Recording } from './recorder.ts';

/** Small bodies are bytes, everything else a stream: a stream costs more than the whole rest of a small request. */
export type Body = Uint8Array | ReadableStream<Uint8Array>;
/** The shortest ones of answers never become bytes. */
export type AnswerBody = ShortBody | Body;

export interface InvokeRequest {
  readonly projectId: string;
  readonly functionId: string;
  /** What the ids mean right now, from a way in that has just looked it up. */
  readonly routed?: RoutedFunction | undefined;
  readonly principal: Principal;
  readonly trigger: Trigger;
  readonly method: string;
  /** Origin of the URL that the function sees, e.g. `http://localhost:8787`. */
  readonly origin: string;
  /** Path with query as the function sees it; starts with a slash. */
  readonly path: string;
  /** Flat: name, value, name, value, …; platform headers already removed. */
  readonly headers: readonly string[];
  readonly body: Body;
  readonly clientIp: string;
  /** Set where the execution was accepted earlier, and is on record as a job. */
  readonly attempt?: Attempt | undefined;
  /** How many functions called each other before this one. */
  readonly hops: number;
  /** Aborts when the caller has gone away. */
  readonly signal: CallerSignal | undefined;
}

/** One run of a job: the execution exists already, and what comes of it is the queue's to record. */
export interface Attempt {
  readonly executionId: string;
  /** Of the execution, in milliseconds since 1970. */
  readonly createdAt: number;
  readonly scheduledAt: number | null;
  /** Counts from 1. */
  readonly number: number;
  readonly userId: string | null;
  /** Token of that user for the function; empty where there is none. */
  readonly userToken: string;
  /** Name of the event that it is about; empty without one. */
  readonly event: string;
  record(execution: Recordable): Recording;
}

/** The part of an `AbortSignal` that is needed here; a real one costs the hot path 1 µs. */
export interface CallerSignal {
  readonly aborted: boolean;
  /** A `PlatformError` when the platform gave up on the caller's behalf. */
  readonly reason?: unknown;
  addEventListener(type: 'abort', listener: () => void, options?: { once: boolean }): void;
}

/** How an execution came out for its caller. Failure of user code is data; only a refusal of ours throws. */
export type Outcome =
  | {
      readonly kind: 'response';
      readonly status: number;
      readonly headers: readonly string[];
      /** The same as one text, joined by NUL. */
      readonly headerText: string;
      readonly body: AnswerBody;
    }
  | { readonly kind: 'failed'; readonly code: ErrorCode; readonly message: string };

export interface Invoked {
  readonly id: string;
  readonly outcome: Outcome;
  /** The record as it is now; final once `ended` has settled. */
  row(): ExecutionRow;
  lines(): readonly LogLine[];
  /** Settles when nothing of the execution runs any longer and its record was handed to the store. Never rejects. */
  readonly ended: Promise<void>;
}

export interface PendingExecution {
  readonly row: ExecutionRow;
  readonly lines: readonly LogLine[];
  /** Whether the store has lines that come before these. */
  readonly linesGoOn?: boolean;
}

/**
 * Who is told how an execution came out, by one call of one of these. The call comes from the middle of the reading of a
 * worker's frames, or of an end: what it throws would count as the worker's fault, so it must not throw.
 */
export interface Caller {
  /** The response has begun, or it has failed. */
  answered(invoked: Invoked): void;
  /** It is refused, with a `PlatformError` unless the fault is ours: unknown, not ready, not allowed, no room, draining. */
  refused(error: unknown): void;
}

/** The way in for the hot path: between the frame of a worker and the socket of its caller stands no promise. */
export interface Starter {
  /** Executes a function and tells its caller, perhaps before this returns. Never throws. */
  start(request: InvokeRequest, caller: Caller): void;
}

export interface Invoke {
  /**
   * Executes a function and resolves when its response begins or it has failed.
   * Rejects when it is refused, as `Caller` has it.
   */
  invoke(request: InvokeRequest): Promise<Invoked>;
  /** Ends a running execution. @returns whether there was one */
  cancel(projectId: string, executionId: string): boolean;
  /** Executions of a project that run now. */
  live(projectId: string): readonly ExecutionRow[];
  /** An execution that runs or is not yet committed: the store does not know its latest state. */
  pending(executionId: string): PendingExecution | undefined;
  /** Log lines as they are written, of one execution, one function, or all of a project. Ends with the signal. */
  followLines(which: FollowQuery): AsyncIterable<FollowedLine>;
}

export interface FollowQuery {
  readonly projectId: string;
  readonly functionId?: string;
  readonly executionId?: string;
  readonly signal: AbortSignal;
}

/** A log line, or with `ended` the record of an execution that has ended. */
export interface FollowedLine {
  readonly executionId: string;
  readonly functionId: string;
  readonly line?: LogLine;
  readonly ended?: ExecutionRow;
}
