/** How ready jobs are found and taken. */
import { sql, type RawBuilder } from 'kysely';
import { READY_COUNT_MAX, type ClaimedJob, type ReadyGroup, type Take, type TakenJob } from '../../../ports/store/job-store.ts';
import { appendDecisions } from './decisions.ts';
import { decodeRequest, decodeTaken, type RawExecution } from './job-rows.ts';
import { ownerKey } from '../owner-key.ts';
import type { Database } from '../schema.ts';
import { isPostgres, valuesTable } from '../values-table.ts';

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
  if (isPostgres(db)) return claimAtOnce(db, { nodeId, now, takes });
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
  return complete(
    db,
    taken.map((job) => ({ taken: job, sent: requestOf.get(job.job.executionId) })),
    now,
  );
}

interface Found {
  readonly taken: TakenJob;
  readonly sent: { readonly request: string | null; readonly body: Uint8Array | null } | undefined;
}

/** A job whose request is gone, by damage or by a hand in the database, ends here: it must not keep all others from being claimed. */
async function complete(db: Database, found: readonly Found[], now: number): Promise<readonly ClaimedJob[]> {
  const whole: ClaimedJob[] = [];
  const broken: TakenJob[] = [];
  for (const { taken, sent } of found) {
    const { request = null, body = null } = sent ?? {};
    if (request === null || body === null) broken.push(taken);
    else whole.push({ ...taken, request: decodeRequest(request), body });
  }
  if (broken.length > 0) await endBroken(db, broken, now);
  return whole;
}

async function endBroken(db: Database, broken: readonly TakenJob[], now: number): Promise<void> {
  const ids = broken.map(({ job }) => job.executionId);
  await sql`update executions set queue = null, status = 'failed', error_code = 'general_server_error', node_id = null,
    ended_at = ${now}, updated_at = ${now} where id in (${sql.join(ids)}) and queue = 'taken'`.execute(db);
  await db
    .updateTable('execution_attempts')
    .set({ ended_at: now, error_code: 'general_server_error' })
    .where('execution_id', 'in', ids)
    .where('ended_at', 'is', null)
    .execute();
  const text = 'What it was to be called with is no longer in the store.';
  await appendDecisions(
    db,
    broken.map(({ job }) => ({
      at: now,
      projectId: job.projectId,
      subject: 'execution',
      subjectId: job.executionId,
      code: 'request_lost',
      text,
    })),
  );
}

async function takeSome(db: Database, { projectId, functionId, count, concurrency }: Take, nodeId: string): Promise<TakenJob[]> {
  const key = ownerKey(projectId, functionId);
  const room = sql`${concurrency} - (select count(*) from executions where queue = 'taken' and function_key = ${key})`;
  const { rows } = await sql<RawExecution>`
    with chosen as materialized (
      select seq from executions as candidate
      where queue = 'ready' and function_key = ${key} and project_id = ${projectId} and function_id = ${functionId} and ${keyFree}
      order by priority desc, run_at, seq
      limit max(0, min(${count}, ${room}))
    )
    update executions set ${takenColumns(nodeId)} where seq in (select seq from chosen) and queue = 'ready'
    returning *`.execute(db);
  return rows.map(decodeTaken);
}

const takenColumns = (nodeId: string) =>
  sql`queue = 'taken', status = 'processing', attempt = attempt + 1, fence = fence + 1, node_id = ${nodeId}, cancel_requested = 0`;

/**
 * All functions, their attempts and requests in one statement, after one that locks: what is counted as taken must be
 * counted after the lock was given, and a statement sees what was committed when it began.
 */
async function claimAtOnce(
  db: Database,
  { nodeId, now, takes }: { nodeId: string; now: number; takes: readonly Take[] },
): Promise<readonly ClaimedJob[]> {
  const mine = await lockedTakes(db, takes);
  if (mine.length === 0) return [];
  const cells = mine.map(({ projectId, functionId, count, concurrency }) => [
    ownerKey(projectId, functionId),
    projectId,
    functionId,
    count,
    concurrency,
  ]);
  const room = sql`takes.concurrency - (select count(*) from executions where queue = 'taken' and function_key = takes.key)`;
  // Chosen apart: within the condition of the update PostgreSQL may run the choice anew for each row, and take too many.
  const { rows } = await sql<RawExecution & { sent: string | null; sent_body: Uint8Array | null }>`
    with ${valuesTable(db, 'takes', { types: takeTypes, rows: cells })},
    chosen as materialized (
      select picked.seq from takes cross join lateral (
        select seq from executions as candidate
        where queue = 'ready' and function_key = takes.key and project_id = takes.project_id and function_id = takes.function_id and ${keyFree}
        order by priority desc, run_at, seq
        limit greatest(0, least(takes.count, ${room}))
        for update skip locked
      ) as picked
    ),
    taken as (update executions set ${takenColumns(nodeId)} where seq in (select seq from chosen) and queue = 'ready' returning *),
    begun as (insert into execution_attempts (execution_id, number, fence, node_id, started_at)
      select id, attempt, fence, node_id, cast(${now} as double precision) from taken)
    select taken.*, execution_requests.request as sent, execution_requests.body as sent_body
    from taken left join execution_requests on execution_requests.execution_id = taken.id
    order by taken.priority desc, taken.run_at, taken.seq`.execute(db);
  return complete(
    db,
    rows.map((row) => ({ taken: decodeTaken(row), sent: { request: row.sent, body: row.sent_body } })),
    now,
  );
}

const takeTypes = { key: 'bigint', project_id: 'text', function_id: 'text', count: 'bigint', concurrency: 'bigint' } as const;

/**
 * Of several nodes one claims from a function at a time; so the count of what is taken holds, and two jobs with one key
 * are not taken at once. Another node comes back in its next round.
 */
async function lockedTakes(db: Database, takes: readonly Take[]): Promise<readonly Take[]> {
  const keys = takes.map(({ projectId, functionId }) => ownerKey(projectId, functionId));
  const { rows } = await sql<{ locked: boolean }>`
    select pg_try_advisory_xact_lock(key) as locked from unnest(cast(${keys} as bigint[])) with ordinality as asked(key, number)
    order by number`.execute(db);
  return takes.filter((_, index) => rows[index]?.locked === true);
}

const sameKey = sql`other.function_key = candidate.function_key and other.concurrency_key = candidate.concurrency_key`;
const keyTaken = sql`select 1 from executions as other where other.queue = 'taken' and ${sameKey}`;
const keyBefore = sql`select 1 from executions as other where other.queue = 'ready' and other.concurrency_key is not null
  and ${sameKey}
  and (other.priority > candidate.priority or (other.priority = candidate.priority and (other.run_at, other.seq) < (candidate.run_at, candidate.seq)))`;

/** Free of its concurrency key: no job with the same one is taken, or stands before it. */
const keyFree = sql`(concurrency_key is null or (not exists (${keyTaken}) and not exists (${keyBefore})))`;
