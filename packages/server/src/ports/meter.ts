/**
 * Counts what happens, for operators. Calls are cheap (`execution` ≤ 1 µs), never throw and never wait; what has a
 * momentary value is asked for when somebody looks.
 */
import type { ErrorCode } from '@martlet/protocol';
import type { ExecutionRow } from './store.ts';

/** The part of an execution's record that is counted; handing over the record itself costs nothing. */
export type MeteredExecution = Pick<ExecutionRow, 'projectId' | 'functionId' | 'trigger' | 'errorCode' | 'queueMs' | 'runMs'>;

export interface Meter {
  /** Once for each execution, when it has ended. */
  execution(ended: MeteredExecution): void;
  /** Milliseconds from asking for a worker to having one. */
  coldStart(ms: number): void;
  /** V8 refused a code cache, which is then made anew. */
  cacheRejected(): void;
  egressDenied(count: number): void;
  /** `error`: null for a build that is ready. */
  buildEnded(error: ErrorCode | null, ms: number): void;
}

/** Momentary values by name; `readingHelp` says what each is. */
export type Readings = Readonly<Record<keyof typeof readingHelp, number>>;

export const readingHelp = {
  workers_live: 'Workers that hold a deployment.',
  workers_starting: 'Workers that are being started or loaded.',
  workers_blank: 'Started workers without a deployment.',
  workers_memory_bytes: 'Memory that workers may use, as counted against the budget.',
  executions_running: 'Executions in the hands of workers.',
  executions_queued: 'Executions that wait for a place.',
  records_pending: 'Records of executions that are not yet committed to the store.',
  store_lag_seconds: 'Age of the oldest record that is not yet committed.',
} as const;
