/** Statements about jobs that wait, are lost, canceled or dead. */
import { sql } from 'kysely';
import type { ErrorCode } from '@martlet/protocol';
import type { ExecutionRow } from '../../../ports/store.ts';
import type { AttemptRow, DeadQuery, JobRow, JobStore, TakenJob } from '../../../ports/store/job-store.ts';
import type { NewDecision } from '../../../ports/store/decision-store.ts';
import { appendDecisions } from './decisions.ts';
import { decodeExecution } from '../executions.ts';
import { decodeJob, decodeRequest, decodeTaken, type RawExecution } from './job-rows.ts';
import { ownerKey } from '../owner-key.ts';
import type { Database } from '../schema.ts';
import { isPostgres } from '../values-table.ts';

/** All nodes wake for the same jobs at the same instant: one of them has to change a row, and no other has to wait for it. */
const pastOthers = (db: Database) => (isPostgres(db) ? sql`for update skip locked` : sql``);

/** The state is asked for twice: another node may have moved the row on between the choice and the change. */
export async function promoteJobs(db: Database, { now, limit }: { now: number; limit: number }): Promise<number> {
  const result = await sql`with due as (
      select seq from executions where queue = 'delayed' and run_at <= ${now} order by run_at limit ${limit} ${pastOthers(db)}
    ) update executions set queue = 'ready', status = 'waiting' where seq in (select seq from due) and queue = 'delayed'`.execute(db);
  return Number(result.numAffectedRows ?? 0);
}

export async function expireJobs(db: Database, { now, limit }: { now: number; limit: number }): Promise<number> {
  const { rows } = await sql<{ id: string; project_id: string }>`with due as (
      select seq from executions where queue in ('ready', 'delayed') and expires_at is not null and expires_at <= ${now}
      order by expires_at limit ${limit} ${pastOthers(db)}
    ) update executions set queue = null, status = 'failed', error_code = 'execution_expired', ended_at = ${now}, updated_at = ${now}
    where seq in (select seq from due) and queue in ('ready', 'delayed') returning id, project_id`.execute(db);
  await forget(db, rows);
  await note(db, rows, { at: now, code: 'expired', text: 'It waited beyond the time until which it was worth running.' });
  return rows.length;
}

export async function nextDueJob(db: Database): Promise<number | null> {
  const { rows } = await sql<{ due: number | null; expiring: number | null }>`
    select (select min(run_at) from executions where queue = 'delayed') as due,
      (select min(expires_at) from executions where queue in ('ready', 'delayed') and expires_at is not null) as expiring`.execute(db);
  const times = [rows[0]?.due, rows[0]?.expiring].filter((time) => typeof time === 'number');
  return times.length === 0 ? null : Math.min(...times);
}

export async function cancelJob(
  db: Database,
  { projectId, executionId, now }: { projectId: string; executionId: string; now: number },
): Promise<'canceled' | 'requested' | null> {
  const { rows } = await sql<{ id: string; project_id: string }>`
    update executions set queue = null, status = 'failed', error_code = 'execution_canceled', ended_at = ${now}, updated_at = ${now}
    where id = ${executionId} and project_id = ${projectId} and queue in ('ready', 'delayed') returning id, project_id`.execute(db);
  if (rows.length > 0) {
    await forget(db, rows);
    await note(db, rows, { at: now, code: 'canceled', text: 'It was canceled while it waited.' });
    return 'canceled';
  }
  const marked = await sql`update executions set cancel_requested = 1
    where id = ${executionId} and project_id = ${projectId} and queue = 'taken'`.execute(db);
  return Number(marked.numAffectedRows ?? 0) > 0 ? 'requested' : null;
}

async function note(
  db: Database,
  rows: readonly { readonly id: string; readonly project_id: string }[],
  decision: Pick<NewDecision, 'at' | 'code' | 'text'>,
): Promise<void> {
  await appendDecisions(
    db,
    rows.map((row) => ({ ...decision, projectId: row.project_id, subject: 'execution', subjectId: row.id })),
  );
}

async function forget(db: Database, rows: readonly { readonly id: string }[]): Promise<void> {
  if (rows.length === 0) return;
  const ids = rows.map(({ id }) => id);
  await db.deleteFrom('execution_requests').where('execution_id', 'in', ids).execute();
}

export async function jobCancelRequests(db: Database, nodeId: string): Promise<readonly string[]> {
  const rows = await db
    .selectFrom('executions')
    .select('id')
    .where(sql<boolean>`queue = 'taken'`)
    .where('node_id', '=', nodeId)
    .where('cancel_requested', '=', 1)
    .execute();
  return rows.map(({ id }) => id);
}

export async function jobsTakenBeside(
  db: Database,
  { nodeId, known, limit }: { nodeId: string; known: readonly string[]; limit: number },
): Promise<readonly TakenJob[]> {
  const { rows } = await sql<RawExecution>`
    select * from executions where queue = 'taken' and node_id = ${nodeId}
    ${known.length > 0 ? sql`and id not in (${sql.join(known)})` : sql``} limit ${limit}`.execute(db);
  return rows.map(decodeTaken);
}

export async function lostJobs(db: Database, limit: number): Promise<readonly TakenJob[]> {
  const { rows } = await sql<RawExecution>`
    select * from executions where queue = 'taken' and node_id not in (select id from nodes) order by node_id, seq limit ${limit}`.execute(
    db,
  );
  return rows.map(decodeTaken);
}

export async function getJob(db: Database, at: { projectId: string; executionId: string }): Promise<JobRow | null> {
  const raw = await db.selectFrom('executions').selectAll().where('id', '=', at.executionId).executeTakeFirst();
  return raw === undefined || raw.project_id !== at.projectId || raw.fence === null ? null : decodeJob(raw);
}

export async function getJobPayload(db: Database, at: { projectId: string; executionId: string }): ReturnType<JobStore['payload']> {
  const row = await db
    .selectFrom('execution_requests')
    .innerJoin('executions', 'executions.id', 'execution_requests.execution_id')
    .select(['execution_requests.request', 'execution_requests.body'])
    .where('execution_requests.execution_id', '=', at.executionId)
    .where('executions.project_id', '=', at.projectId)
    .executeTakeFirst();
  return row === undefined ? null : { request: decodeRequest(row.request), body: row.body };
}

export async function listAttempts(db: Database, at: { projectId: string; executionId: string }): Promise<readonly AttemptRow[]> {
  const rows = await db
    .selectFrom('execution_attempts')
    .innerJoin('executions', 'executions.id', 'execution_attempts.execution_id')
    .selectAll('execution_attempts')
    .where('execution_attempts.execution_id', '=', at.executionId)
    .where('executions.project_id', '=', at.projectId)
    .orderBy('execution_attempts.fence')
    .execute();
  return rows.map((row) => ({
    executionId: row.execution_id,
    number: row.number,
    fence: row.fence,
    nodeId: row.node_id,
    startedAt: row.started_at,
    endedAt: row.ended_at,
    errorCode: row.error_code as ErrorCode | null,
  }));
}

function deadOnes({ projectId, functionId, executionIds, before }: DeadQuery) {
  const conditions = [sql`queue = 'dead'`, sql`project_key = ${ownerKey(projectId)}`, sql`project_id = ${projectId}`];
  if (functionId !== null) conditions.push(sql`function_id = ${functionId}`);
  if (executionIds !== undefined) conditions.push(executionIds.length === 0 ? sql`1 = 0` : sql`id in (${sql.join([...executionIds])})`);
  if (before !== undefined) conditions.push(sql`ended_at < ${before}`);
  return sql.join(conditions, sql` and `);
}

export async function listDeadJobs(db: Database, at: DeadQuery & { limit: number }): Promise<readonly ExecutionRow[]> {
  const { rows } =
    await sql<RawExecution>`select * from executions where ${deadOnes(at)} order by created_at, seq limit ${at.limit}`.execute(db);
  return rows.map(decodeExecution);
}

export async function purgeDeadJobs(db: Database, at: DeadQuery): Promise<number> {
  const { rows } = await sql<{ id: string }>`update executions set queue = null where ${deadOnes(at)} returning id`.execute(db);
  await forget(db, rows);
  return rows.length;
}

export async function jobDepth(db: Database, at: { projectId: string; functionId: string; max: number }): Promise<number> {
  const key = ownerKey(at.projectId, at.functionId);
  const some = (state: 'ready' | 'delayed') =>
    sql`(select count(*) from (select 1 from executions where queue = ${sql.lit(state)} and function_key = ${key} limit ${at.max}) as counted)`;
  const { rows } = await sql<{ depth: number }>`select ${some('ready')} + ${some('delayed')} as depth`.execute(db);
  return Math.min(at.max, Number(rows[0]?.depth ?? 0));
}
