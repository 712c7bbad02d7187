/** Between jobs of the port and the columns of an execution that make it one. */
import type { Selectable } from 'kysely';
import type { JobFacts, JobRequest, JobRow, NewJob, QueueState } from '../../../ports/store/job-store.ts';
import { appendExecution, decodeExecution, executionColumns } from '../executions.ts';
import type { Cell } from '../row-codec.ts';
import type { ExecutionTable } from '../schema.ts';
import type { ValueType } from '../values-table.ts';

export type RawExecution = Selectable<ExecutionTable>;

export const jobColumns = [
  ...executionColumns,
  'queue',
  'run_at',
  'priority',
  'expires_at',
  'attempt',
  'fence',
  'concurrency_key',
  'job',
] as const;

const reals: ReadonlySet<string> = new Set(['created_at', 'updated_at', 'run_ms', 'ended_at', 'run_at', 'expires_at']);
const wholes: ReadonlySet<string> = new Set(['project_key', 'function_key', 'response_status', 'priority', 'attempt', 'fence']);

/** Types of columns of an execution, for a table of values. */
export function typesOf(columns: readonly string[]): Readonly<Record<string, ValueType>> {
  return Object.fromEntries(
    columns.map((column) => [column, reals.has(column) ? 'double precision' : wholes.has(column) ? 'bigint' : 'text'] as const),
  );
}

export function encodeJob(job: NewJob): Cell[] {
  const cells: Cell[] = [];
  appendExecution(cells, job.execution);
  cells.push(
    job.delayed ? 'delayed' : 'ready',
    job.runAt,
    job.priority,
    job.expiresAt,
    0,
    0,
    job.concurrencyKey,
    JSON.stringify(job.facts),
  );
  return cells;
}

export function decodeJob(raw: RawExecution): JobRow {
  return {
    executionId: raw.id,
    projectId: raw.project_id,
    functionId: raw.function_id,
    state: raw.queue as QueueState | null,
    runAt: raw.run_at ?? 0,
    priority: raw.priority ?? 0,
    expiresAt: raw.expires_at,
    attempt: raw.attempt ?? 0,
    fence: raw.fence ?? 0,
    nodeId: raw.node_id,
    concurrencyKey: raw.concurrency_key,
    cancelRequested: raw.cancel_requested === 1,
    facts: JSON.parse(raw.job ?? '{"crashes":0}') as JobFacts,
  };
}

export const decodeTaken = (raw: RawExecution) => ({ job: decodeJob(raw), execution: decodeExecution(raw) });
export const decodeRequest = (text: string): JobRequest => JSON.parse(text) as JobRequest;
