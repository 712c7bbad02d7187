/** How attempts end. Every statement carries the fence: a node that comes too late changes nothing. */
import { sql, type RawBuilder } from 'kysely';
import type { NewDecision } from '../../../ports/store/decision-store.ts';
import type { JobEnd, JobStore } from '../../../ports/store/job-store.ts';
import { appendEvents } from '../triggers/append-events.ts';
import { appendDecisions } from './decisions.ts';
import { appendExecution, changingExecutionColumns, executionColumns } from '../executions.ts';
import type { Cell } from '../row-codec.ts';
import { typesOf } from './job-rows.ts';
import type { Database } from '../schema.ts';
import { isPostgres, valuesTable, type ValueType } from '../values-table.ts';

const endTypes: Readonly<Record<string, ValueType>> = {
  ...typesOf(executionColumns),
  ...typesOf(['fence', 'queue', 'run_at', 'job']),
  attempt_ended_at: 'double precision',
  attempt_error: 'text',
  lines: 'text',
};
const endColumns = sql.raw(
  changingExecutionColumns
    .filter((column) => column !== 'status' && column !== 'error_code' && column !== 'ended_at')
    .map((column) => `${column} = ended.${column}`)
    .join(', '),
);
/** Somebody wanted it canceled while it ran, and it would be tried again: now it is not. */
const isCanceled = sql`executions.cancel_requested = 1 and ended.queue in ('ready', 'delayed')`;

export async function settleJobs(db: Database, batch: readonly JobEnd[]): Promise<readonly boolean[]> {
  if (batch.length === 0) return [];
  // Two ends under one fence are of one attempt: the first one counts, as it would if they came one after the other.
  const firsts = [...new Map(batch.toReversed().map((end) => [signOf(end), end])).values()].toReversed();
  const ended = valuesTable(db, 'ended', { types: endTypes, rows: firsts.map(endCells) });
  const { rows } = await (isPostgres(db) ? settleAtOnce(ended) : sql<Held>`with ${ended} ${endExecutions}`).execute(db);
  const held = new Map(rows.map((row) => [`${row.id} ${row.fence}`, row]));
  const settled = firsts.filter((end) => held.has(signOf(end)));
  if (!isPostgres(db)) {
    await endAttempts(db, firsts);
    await appendLines(db, settled);
    await forgetRequests(db, settled);
  }
  await appendDecisions(
    db,
    settled.flatMap((end) => (wouldGoOn(end) && held.get(signOf(end))?.canceled === 1 ? [canceledWhileItRan(end)] : end.decisions)),
  );
  await appendEvents(
    db,
    settled.flatMap(({ told = [] }) => told),
  );
  return batch.map((end) => settled.includes(end));
}

interface Held {
  readonly id: string;
  readonly fence: number;
  readonly canceled: number;
}

const wouldGoOn = ({ next }: JobEnd): boolean => next.state === 'ready' || next.state === 'delayed';

const canceledWhileItRan = ({ execution, attempt }: JobEnd): NewDecision => ({
  at: attempt.endedAt,
  projectId: execution.projectId,
  subject: 'execution',
  subjectId: execution.id,
  code: 'canceled',
  text: 'It was canceled while it ran, and is not tried again.',
});

const endExecutions = sql`update executions set ${endColumns}, node_id = null,
  queue = case when ${isCanceled} then null else ended.queue end,
  status = case when ${isCanceled} then 'failed' else ended.status end,
  error_code = case when ${isCanceled} then 'execution_canceled' else ended.error_code end,
  ended_at = case when ${isCanceled} then ended.attempt_ended_at else ended.ended_at end,
  run_at = coalesce(ended.run_at, executions.run_at), job = coalesce(ended.job, executions.job)
  from ended where executions.id = ended.id and executions.fence = ended.fence and executions.queue = 'taken'
  returning executions.id as id, executions.fence as fence, executions.cancel_requested as canceled`;

/** The same four changes as one statement, which PostgreSQL can: one round trip in place of four. */
function settleAtOnce(ended: RawBuilder<unknown>): RawBuilder<Held> {
  return sql<Held>`with ${ended},
    held as (${endExecutions}),
    attempts as (update execution_attempts set ended_at = ended.attempt_ended_at, error_code = ended.attempt_error
      from ended where execution_attempts.execution_id = ended.id and execution_attempts.fence = ended.fence),
    written as (insert into execution_logs (execution_id, lines)
      select ended.id, ended.lines from ended join held on held.id = ended.id and held.fence = ended.fence where ended.lines is not null),
    forgotten as (delete from execution_requests using ended, held
      where execution_requests.execution_id = ended.id and held.id = ended.id and held.fence = ended.fence and ended.status = 'completed')
    select id, fence, canceled from held`;
}

const signOf = (end: { readonly executionId: string; readonly fence: number }): string => `${end.executionId} ${end.fence}`;

function endCells({ execution, fence, next, attempt, lines }: JobEnd): Cell[] {
  const cells: Cell[] = [];
  appendExecution(cells, execution);
  const facts = next.state === null ? null : JSON.stringify(next.facts);
  cells.push(fence, next.state, 'runAt' in next ? next.runAt : null, facts);
  cells.push(attempt.endedAt, attempt.errorCode, lines.length === 0 ? null : JSON.stringify(lines));
  return cells;
}

/** Also those that come too late: what they did is part of the story. */
async function endAttempts(db: Database, batch: readonly JobEnd[]): Promise<void> {
  const rows = batch.map(({ executionId, fence, attempt }) => [executionId, fence, attempt.endedAt, attempt.errorCode]);
  const types = { id: 'text', fence: 'bigint', ended_at: 'double precision', error_code: 'text' } as const;
  await sql`with ${valuesTable(db, 'ended', { types, rows })}
    update execution_attempts set ended_at = ended.ended_at, error_code = ended.error_code
    from ended where execution_attempts.execution_id = ended.id and execution_attempts.fence = ended.fence`.execute(db);
}

async function appendLines(db: Database, batch: readonly Pick<JobEnd, 'executionId' | 'lines'>[]): Promise<void> {
  const rows = batch.filter(({ lines }) => lines.length > 0);
  if (rows.length === 0) return;
  await db
    .insertInto('execution_logs')
    .values(rows.map(({ executionId, lines }) => ({ execution_id: executionId, lines: JSON.stringify(lines) })))
    .execute();
}

/** A failed one keeps what it was called with, so that it can be replayed. */
async function forgetRequests(db: Database, settled: readonly JobEnd[]): Promise<void> {
  const completed = settled.filter(({ execution }) => execution.status === 'completed').map(({ executionId }) => executionId);
  if (completed.length > 0) await db.deleteFrom('execution_requests').where('execution_id', 'in', completed).execute();
}

/** Where another node may end or take a job between two statements: what was read stays so until the commit. */
const untilCommit = (db: Database) => (isPostgres(db) ? sql`for share of executions` : sql``);

export async function addJobLines(db: Database, batch: Parameters<JobStore['addLines']>[0]): Promise<void> {
  if (batch.length === 0) return;
  const { rows } = await sql<Held>`
    with ${fencesTable(db, 'written', batch)}
    select executions.id as id, executions.fence as fence from executions
    join written on executions.id = written.id and executions.fence = written.fence where executions.queue = 'taken'
    ${untilCommit(db)}`.execute(db);
  const held = new Set(rows.map((row) => `${row.id} ${row.fence}`));
  await appendLines(
    db,
    batch.filter((write) => held.has(signOf(write))),
  );
}

/** One that somebody wants canceled is over instead. */
export async function releaseJobs(db: Database, batch: Parameters<JobStore['release']>[0]): Promise<void> {
  if (batch.length === 0) return;
  const { rows } = await sql<Held>`with ${fencesTable(db, 'given', batch)}
    update executions set attempt = attempt - 1, node_id = null,
      queue = case when cancel_requested = 1 then null else 'ready' end,
      status = case when cancel_requested = 1 then 'failed' else 'waiting' end,
      error_code = case when cancel_requested = 1 then 'execution_canceled' else error_code end,
      ended_at = case when cancel_requested = 1 then updated_at else ended_at end
    from given where executions.id = given.id and executions.fence = given.fence and executions.queue = 'taken'
    returning executions.id as id, executions.fence as fence, executions.cancel_requested as canceled`.execute(db);
  for (const row of rows)
    await db.deleteFrom('execution_attempts').where('execution_id', '=', row.id).where('fence', '=', Number(row.fence)).execute();
}

function fencesTable(db: Database, name: string, batch: readonly { readonly executionId: string; readonly fence: number }[]) {
  const types = { id: 'text', fence: 'bigint' } as const;
  return valuesTable(db, name, { types, rows: batch.map(({ executionId, fence }) => [executionId, fence]) });
}
