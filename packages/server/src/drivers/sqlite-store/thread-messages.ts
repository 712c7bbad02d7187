/** What the server and the threads of the store say to each other. */
import type { ErrorCode } from '@martlet/protocol';
import type { OperationName } from '../sql/operations.ts';
import type { Cell } from '../sql/row-codec.ts';

export interface ThreadData {
  readonly role: 'writer' | 'reader';
  readonly path: string;
}

/** `executions.write` has `EncodedBatch` as its input; `close` has none and is the last one. */
export type RequestName = OperationName | 'executions.write' | 'close';
export type Request = readonly [number: number, name: RequestName, input: unknown];

/** Answers go back many at once: all of a commit are one message. */
export type Reply = readonly [number: number, ok: true, result: unknown] | readonly [number: number, ok: false, fault: WireFault];

/** The number of the reply that a thread sends by itself once it is open, or when it cannot open. */
export const OPENED = 0;

export interface WireFault {
  readonly code: ErrorCode;
  readonly message: string;
}

export interface EncodedBatch {
  /** Per execution the cells of `executionColumns`. */
  readonly cells: readonly Cell[];
  /** Per execution that has new log lines these as JSON text. */
  readonly lines: readonly string[];
  /** For each of `lines` the number of its execution in the batch. */
  readonly lineRows: readonly number[];
}
