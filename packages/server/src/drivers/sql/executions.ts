/** Statements about executions and their log lines, but the write of a batch: each dialect has its own fastest way. */
import { sql, type RawBuilder } from 'kysely';
import type { ErrorCode, ExecutionStatus, LogLine, Trigger } from '@martlet/protocol';
import type { executionAttributes } from '../../domain/list-attributes.ts';
import type { ExecutionRow, Filter, ListQuery, Page } from '../../ports/store.ts';
import { ownerKey } from './owner-key.ts';
import { listPage, type AttributeColumns } from './list-page.ts';
import type { Cell } from './row-codec.ts';
import type { Database, ExecutionTable } from './schema.ts';

/** The columns in the order in which `appendExecution` appends their cells. */
export const executionColumns = [
  'id',
  'created_at',
  'updated_at',
  'project_key',
  'function_key',
  'project_id',
  'function_id',
  'deployment_id',
  'trigger',
  'status',
  'error_code',
  'user_id',
  'request_method',
  'request_path',
  'response_status',
  'run_ms',
  'ended_at',
  'facts',
] as const satisfies readonly (keyof ExecutionTable)[];

/** Columns that a later write of the same execution leaves as they are; so their indexes need no change. */
const fixed: ReadonlySet<string> = new Set(['id', 'created_at', 'project_key', 'function_key', 'project_id', 'function_id']);
export const changingExecutionColumns = executionColumns.filter((column) => !fixed.has(column));

/** Appends the cells of a row: written out, since one call per field would cost more than the cells. */
export function appendExecution(cells: Cell[], row: ExecutionRow): void {
  cells.push(
    row.id,
    row.createdAt,
    row.updatedAt,
    ownerKey(row.projectId),
    ownerKey(row.projectId, row.functionId),
    row.projectId,
    row.functionId,
    row.deploymentId,
    row.trigger,
    row.status,
    row.errorCode,
    row.userId,
    row.requestMethod,
    row.requestPath,
    row.responseStatus,
    row.runMs,
    row.endedAt,
    JSON.stringify(toFacts(row)),
  );
}

/** The order is that of every row on disk: append only. */
function toFacts(row: ExecutionRow) {
  return [
    row.requestHeaders,
    row.requestBytes,
    row.responseHeaders,
    row.responseBytes,
    row.cold,
    row.queueMs,
    row.coldMs,
    row.memoryPeakBytes,
    row.cpuMicros,
    row.logsDroppedBytes,
    row.scheduledAt,
    row.attempt,
  ] as const;
}

export function decodeExecution(raw: object): ExecutionRow {
  const cells = raw as ExecutionTable;
  const facts = JSON.parse(cells.facts) as ReturnType<typeof toFacts>;
  return {
    id: cells.id,
    createdAt: cells.created_at,
    updatedAt: cells.updated_at,
    projectId: cells.project_id,
    functionId: cells.function_id,
    deploymentId: cells.deployment_id,
    trigger: cells.trigger as Trigger,
    status: cells.status as ExecutionStatus,
    errorCode: cells.error_code as ErrorCode | null,
    userId: cells.user_id,
    requestMethod: cells.request_method,
    requestPath: cells.request_path,
    requestHeaders: facts[0],
    requestBytes: facts[1],
    responseStatus: cells.response_status,
    responseHeaders: facts[2],
    responseBytes: facts[3],
    cold: facts[4],
    queueMs: facts[5],
    coldMs: facts[6],
    runMs: cells.run_ms,
    memoryPeakBytes: facts[7],
    cpuMicros: facts[8],
    logsDroppedBytes: facts[9],
    // Rows of the first version end before these.
    scheduledAt: facts[10] ?? null,
    attempt: facts[11] ?? 0,
    endedAt: cells.ended_at,
  };
}

const attributes: AttributeColumns<typeof executionAttributes> = {
  $id: { value: sql.ref('id') },
  $createdAt: { value: sql.ref('created_at') },
  $updatedAt: { value: sql.ref('updated_at') },
  $sequence: { value: sql.ref('seq') },
  functionId: { value: sql.ref('function_id') },
  deploymentId: { value: sql.ref('deployment_id') },
  trigger: { value: sql.ref('trigger') },
  status: { value: sql.ref('status') },
  errorCode: { value: sql.ref('error_code'), whenNull: '' },
  requestMethod: { value: sql.ref('request_method') },
  requestPath: { value: sql.ref('request_path') },
  responseStatusCode: { value: sql.ref('response_status') },
  duration: { value: sql.ref('run_ms'), perUnit: 1000 },
};

export async function getExecution(db: Database, at: { projectId: string; functionId: string; id: string }): Promise<ExecutionRow | null> {
  const row = await findExecution(db, at);
  return row?.functionId === at.functionId ? row : null;
}

export async function findExecution(db: Database, at: { projectId: string; id: string }): Promise<ExecutionRow | null> {
  const raw = await db.selectFrom('executions').selectAll().where('id', '=', at.id).executeTakeFirst();
  return raw?.project_id === at.projectId ? decodeExecution(raw) : null;
}

export function listExecutions(
  db: Database,
  at: { projectId: string; functionId: string | null; readerUserId: string | undefined; query: ListQuery },
): Promise<Page<ExecutionRow>> {
  const scope = ownedBy(at.projectId, at.functionId);
  // Written as in the partial index, which a bound value would not match.
  const search = at.query.filters.some(isFailedOnly) ? [sql`status = 'failed'`] : [];
  if (at.readerUserId !== undefined) scope.push(sql`user_id = ${at.readerUserId}`);
  return listPage(
    db,
    { noun: 'Execution', table: 'executions', scope, search, attributes, insertion: ['created_at', 'seq'], decode: decodeExecution },
    at.query,
  );
}

/** The number finds the rows, the ids make sure of them. */
export function ownedBy(projectId: string, functionId: string | null): RawBuilder<unknown>[] {
  const scope = [sql`project_id = ${projectId}`];
  if (functionId === null) return [sql`project_key = ${ownerKey(projectId)}`, ...scope];
  return [sql`function_key = ${ownerKey(projectId, functionId)}`, ...scope, sql`function_id = ${functionId}`];
}

/** The one status that people search for among many; each further index costs every execution a tenth of its write. */
function isFailedOnly(filter: Filter): boolean {
  return filter.kind === 'equal' && filter.attribute === 'status' && filter.values.length === 1 && filter.values[0] === 'failed';
}

export async function executionLines(db: Database, id: string): Promise<readonly LogLine[]> {
  const pieces = await db.selectFrom('execution_logs').select('lines').where('execution_id', '=', id).orderBy('seq').execute();
  return pieces.flatMap((piece) => JSON.parse(piece.lines) as LogLine[]);
}

export async function deleteExecution(db: Database, at: { projectId: string; functionId: string; id: string }): Promise<boolean> {
  const result = await db
    .deleteFrom('executions')
    .where('id', '=', at.id)
    .where('project_id', '=', at.projectId)
    .where('function_id', '=', at.functionId)
    .executeTakeFirst();
  if (result.numDeletedRows === 0n) return false;
  for (const table of belongings) await db.deleteFrom(table).where('execution_id', '=', at.id).execute();
  return true;
}

/** See `nodeIdOf`. */
const hasItsServer = sql`exists (select 1 from nodes where substr(nodes.id, 1, length(executions.node_id) + 1) = executions.node_id || '.')`;

export async function failInterrupted(db: Database, { endedAt, graceMs }: { endedAt: number; graceMs?: number }): Promise<number> {
  // Of a function that is gone nothing may run at all.
  const mayRunMs = sql<number>`coalesce((select timeout_seconds from functions where functions.project_id = executions.project_id and functions.id = executions.function_id), 0) * 2000`;
  const result = await db
    .updateTable('executions')
    .set({ status: 'failed', error_code: 'execution_interrupted', ended_at: endedAt, updated_at: endedAt })
    // Written as in the partial index, which a bound value would not match.
    .where(sql<boolean>`status in ('waiting', 'processing')`)
    .where('queue', 'is', null)
    .$if(graceMs !== undefined, (query) =>
      query.where(
        sql<boolean>`case when node_id is null then created_at + ${mayRunMs} < ${endedAt - (graceMs ?? 0)} else not ${hasItsServer} end`,
      ),
    )
    .executeTakeFirst();
  return Number(result.numUpdatedRows);
}

/** @returns how many were deleted; fewer than `limit` when none is left */
export async function deleteExecutionsOf(db: Database, at: { projectId: string; id: string; limit: number }): Promise<number> {
  return deleteThese(db, sql`${sql.join(ownedBy(at.projectId, at.id), sql` and `)} order by created_at, seq limit ${at.limit}`);
}

export async function deleteEndedBefore(db: Database, at: { time: number; limit: number }): Promise<number> {
  const projects = JSON.stringify(await projectsWithEnded(db, at));
  return deleteThese(db, endedBefore(sql`project_key in (select value from json_each(${projects}))`, at));
}

/**
 * An index by the end would be one more for each execution to be in. None ends before it began; so the index of its
 * project finds it: of each project there are read in vain only those that ran at that time.
 */
export function endedBefore(ofProjects: RawBuilder<unknown>, at: { time: number; limit: number }): RawBuilder<unknown> {
  return sql`${ofProjects} and created_at < ${at.time} and ended_at < ${at.time} order by project_key, created_at, seq limit ${at.limit}`;
}

/** The numbers of projects that have such executions: `limit` of them have as many, so more are of no use. */
export async function projectsWithEnded(db: Database, at: { time: number; limit: number }): Promise<readonly number[]> {
  // From each number to the next one: `distinct` would read the whole index.
  const { rows } = await sql<{ key: number }>`
    with recursive projects (key) as (
      select min(project_key) from executions
      union all
      select (select min(project_key) from executions where project_key > projects.key) from projects where projects.key is not null
    )
    select key from projects
    where exists (select 1 from executions where project_key = projects.key and created_at < ${at.time} and ended_at < ${at.time})
    limit ${at.limit}`.execute(db);
  return rows.map(({ key }) => Number(key));
}

/** What an execution leaves in other tables. */
export const belongings = ['execution_logs', 'execution_requests', 'execution_attempts', 'idempotency_keys'] as const;

/** Belongings first: they find their executions by the same choice, which is stable within a transaction. */
async function deleteThese(db: Database, choice: ReturnType<typeof sql>): Promise<number> {
  for (const table of belongings)
    await sql`delete from ${sql.table(table)} where execution_id in (select id from executions where ${choice})`.execute(db);
  const result = await sql`delete from executions where id in (select id from executions where ${choice})`.execute(db);
  return Number(result.numAffectedRows ?? 0);
}
