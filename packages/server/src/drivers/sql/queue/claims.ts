/** How ready jobs are found and taken. */
import { PostgresAdapter, sql, type RawBuilder } from 'kysely';
import { READY_COUNT_MAX, type ClaimedJob, type ReadyGroup, type Take, type TakenJob } from '../../../ports/store/job-store.ts';
import { decodeRequest, decodeTaken, type RawExecution } from './job-rows.ts';
import { ownerKey } from '../owner-key.ts';
import type { Database } from '../schema.ts';

/** Functions in turn from `after` on, each found by one seek, however many jobs the ones before it have. */
export async function readyGroups(
  db: Database,
  { limit, after }: { limit: number; after: { projectId: string; functionId: string } | null },
): Promise<readonly ReadyGroup[]> {
  const from = after === null ? -1 : ownerKey(after.projectId, after.functionId);
  const groups = await groupsBeyond(db, from, limit);
  if (groups.length >= limit || from < 0) return groups;
  // Round to the beginning; the ones already found end the round.
  const more = await groupsBeyond(db, -1, limit - groups.length);
  return [...groups, ...more.filter((group) => !groups.some((known) => known.key === group.key))];
}

interface Group extends ReadyGroup {
  readonly key: number;
}

async function groupsBeyond(db: Database, from: number, limit: number): Promise<Group[]> {
  const next = (after: RawBuilder<unknown>) =>
    sql`select min(function_key) from executions where queue = 'ready' and function_key > ${after}`;
  const first = (column: 'project_id' | 'function_id') =>
    sql`(select ${sql.ref(column)} from executions where queue = 'ready' and function_key = found.function_key order by priority desc, run_at, seq limit 1)`;
  const { rows } = await sql<{ key: number; project_id: string; function_id: string; ready: number; taken: number }>`
    with recursive found(function_key, number) as (
      select (${next(sql`cast(${from} as bigint)`)}), 1
      union all
      select (${next(sql`found.function_key`)}), number + 1 from found where found.function_key is not null and number < ${limit}
    )
    select function_key as key, ${first('project_id')} as project_id, ${first('function_id')} as function_id,
      (select count(*) from (select 1 from executions where queue = 'ready' and function_key = found.function_key limit ${READY_COUNT_MAX}) as counted) as ready,
      (select count(*) from executions where queue = 'taken' and function_key = found.function_key) as taken
    from found where function_key is not null`.execute(db);
  return rows.map((row) => ({
    key: Number(row.key),
    projectId: row.project_id,
    functionId: row.function_id,
    ready: Number(row.ready),
    taken: Number(row.taken),
  }));
}

export async function claimJobs(
  db: Database,
  { nodeId, now, takes }: { nodeId: string; now: number; takes: readonly Take[] },
): Promise<readonly ClaimedJob[]> {
  const taken: TakenJob[] = [];
  for (const take of takes) taken.push(...(await takeSome(db, take, nodeId)));
  if (taken.length === 0) return [];
  await db
    .insertInto('execution_attempts')
    .values(
      taken.map(({ job }) => ({ execution_id: job.executionId, number: job.attempt, fence: job.fence, node_id: nodeId, started_at: now })),
    )
    .execute();
  const ids = taken.map(({ job }) => job.executionId);
  const requests = await db.selectFrom('execution_requests').selectAll().where('execution_id', 'in', ids).execute();
  const requestOf = new Map(requests.map((row) => [row.execution_id, row]));
  return taken.map((job) => {
    const row = requestOf.get(job.job.executionId);
    if (row === undefined) throw new Error(`The job ${job.job.executionId} has no request.`);
    return { ...job, request: decodeRequest(row.request), body: row.body };
  });
}

async function takeSome(db: Database, { projectId, functionId, count, concurrency }: Take, nodeId: string): Promise<TakenJob[]> {
  const key = ownerKey(projectId, functionId);
  if (!(await mayClaim(db, key))) return [];
  const room = sql`${concurrency} - (select count(*) from executions where queue = 'taken' and function_key = ${key})`;
  // Chosen apart: within the condition of the update PostgreSQL may run the choice anew for each row, and take too many.
  const { rows } = await sql<RawExecution>`
    with chosen as materialized (
      select seq from executions as candidate
      where queue = 'ready' and function_key = ${key} and project_id = ${projectId} and function_id = ${functionId}
        and (concurrency_key is null or (not exists (${keyTaken}) and not exists (${keyBefore})))
      order by priority desc, run_at, seq
      limit ${atMost(db, count, room)} ${isPostgres(db) ? sql`for update skip locked` : sql``}
    )
    update executions set queue = 'taken', status = 'processing', attempt = attempt + 1, fence = fence + 1, node_id = ${nodeId}, cancel_requested = 0
    where seq in (select seq from chosen) and queue = 'ready'
    returning *`.execute(db);
  return rows.map(decodeTaken);
}

const sameKey = sql`other.function_key = candidate.function_key and other.concurrency_key = candidate.concurrency_key`;
const keyTaken = sql`select 1 from executions as other where other.queue = 'taken' and ${sameKey}`;
const keyBefore = sql`select 1 from executions as other where other.queue = 'ready' and other.concurrency_key is not null
  and ${sameKey}
  and (other.priority > candidate.priority or (other.priority = candidate.priority and (other.run_at, other.seq) < (candidate.run_at, candidate.seq)))`;

/** A negative limit means "all" to SQLite and is an error to PostgreSQL. */
const atMost = (db: Database, count: number, room: RawBuilder<unknown>) =>
  isPostgres(db) ? sql`greatest(0, least(${count}, ${room}))` : sql`max(0, min(${count}, ${room}))`;

/**
 * Of several nodes one claims from a function at a time; so the count of what is taken holds, and two jobs with one key
 * are not taken at once. Another node comes back in its next round.
 */
async function mayClaim(db: Database, key: number): Promise<boolean> {
  if (!isPostgres(db)) return true;
  const { rows } = await sql<{ locked: boolean }>`select pg_try_advisory_xact_lock(${key}) as locked`.execute(db);
  return rows[0]?.locked === true;
}

export const isPostgres = (db: Database): boolean => db.getExecutor().adapter instanceof PostgresAdapter;
