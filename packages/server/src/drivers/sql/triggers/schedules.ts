/** Statements about schedules. */
import { sql, type Insertable } from 'kysely';
import type { scheduleAttributes } from '../../../domain/list-attributes.ts';
import { settingsChange, settingsSchedule } from '../../../domain/schedules/settings-schedule.ts';
import type { FunctionRow, ListQuery, Page } from '../../../ports/store.ts';
import type { DueSchedules, ScheduleAdvance, ScheduleChange, ScheduleRow, ScheduleVersion } from '../../../ports/store/schedule-store.ts';
import { DATABASE_NOW } from '../queue/database-now.ts';
import { listPage, type AttributeColumns } from '../list-page.ts';
import { enqueueJobs } from '../queue/enqueue.ts';
import { createRowCodec, flag, json, plain, type Cell } from '../row-codec.ts';
import type { Database, ScheduleTable } from '../schema.ts';
import { StoreFault, violationMeans } from '../store-fault.ts';
import { isPostgres, valuesTable } from '../values-table.ts';

const codec = createRowCodec<ScheduleRow, Insertable<ScheduleTable>>({
  id: plain('id'),
  createdAt: plain('created_at'),
  updatedAt: plain('updated_at'),
  projectId: plain('project_id'),
  functionId: plain('function_id'),
  name: plain('name'),
  source: plain('source'),
  expression: plain('expression'),
  timezone: plain('timezone'),
  at: plain('at'),
  enabled: flag('enabled'),
  request: json('request'),
  jitterMs: plain('jitter_ms'),
  catchUp: json('catch_up'),
  overlap: plain('overlap'),
  cursor: plain('cursor_at'),
  nextDue: plain('next_due'),
  ran: plain('ran'),
  missed: plain('missed'),
  caughtUp: plain('caught_up'),
  skipped: plain('skipped'),
  lastTick: plain('last_tick'),
  lastExecutionId: plain('last_execution_id'),
  open: json('open'),
});

const attributes: AttributeColumns<typeof scheduleAttributes> = {
  $id: { value: sql.ref('id') },
  $createdAt: { value: sql.ref('created_at') },
  $updatedAt: { value: sql.ref('updated_at') },
  $sequence: { value: sql.ref('seq') },
  functionId: { value: sql.ref('function_id') },
  name: { value: sql.ref('name') },
  source: { value: sql.ref('source') },
  enabled: { value: sql.ref('enabled') },
};

export async function insertSchedule(db: Database, row: ScheduleRow): Promise<void> {
  await db
    .insertInto('schedules')
    .values(codec.encode(row))
    .execute()
    .catch(
      violationMeans({
        unique: new StoreFault('schedule_already_exists', `A schedule with the id "${row.id}" exists already.`),
        foreign: new StoreFault('function_not_found', `Cannot add a schedule: the function "${row.functionId}" does not exist.`),
      }),
    );
}

interface ScheduleAt {
  readonly projectId: string;
  readonly id: string;
}

export async function getSchedule(db: Database, at: ScheduleAt): Promise<ScheduleRow | null> {
  const raw = await db
    .selectFrom('schedules')
    .selectAll()
    .where('project_id', '=', at.projectId)
    .where('id', '=', at.id)
    .executeTakeFirst();
  return raw === undefined ? null : codec.decode(raw);
}

export function listSchedules(
  db: Database,
  at: { projectId: string; functionId: string | null; query: ListQuery },
): Promise<Page<ScheduleRow>> {
  const scope = [sql`project_id = ${at.projectId}`];
  if (at.functionId !== null) scope.push(sql`function_id = ${at.functionId}`);
  return listPage(db, { noun: 'Schedule', table: 'schedules', scope, attributes, insertion: ['seq'], decode: codec.decode }, at.query);
}

export async function updateSchedule(
  db: Database,
  at: ScheduleAt & { change: ScheduleChange; from?: ScheduleVersion | undefined },
): Promise<ScheduleRow | null> {
  const cells = codec.encodeChange(at.change);
  if (Object.keys(cells).length === 0) return getSchedule(db, at);
  const raw = await db
    .updateTable('schedules')
    .set(cells)
    .where('project_id', '=', at.projectId)
    .where('id', '=', at.id)
    .$if(at.from !== undefined, (query) =>
      query.where('cursor_at', '=', at.from?.cursor ?? 0).where('updated_at', '=', at.from?.updatedAt ?? 0),
    )
    .returningAll()
    .executeTakeFirst();
  return raw === undefined ? null : codec.decode(raw);
}

export async function deleteSchedule(db: Database, at: ScheduleAt): Promise<boolean> {
  const result = await db.deleteFrom('schedules').where('project_id', '=', at.projectId).where('id', '=', at.id).executeTakeFirst();
  return result.numDeletedRows > 0n;
}

/** While nothing is due, one statement. */
export async function dueSchedules(db: Database, limit: number): Promise<DueSchedules> {
  const now = isPostgres(db) ? sql.raw<number>(DATABASE_NOW) : sql<number>`${Date.now()}`;
  const { rows } = await sql<{ now: number; next: number | null }>`select ${now} as now,
    (select min(next_due) from schedules where next_due is not null and enabled = 1) as next`.execute(db);
  const [look] = rows;
  if (look === undefined) throw new TypeError('A select without a table gave no row.');
  const due = look.next !== null && look.next <= look.now;
  return { ...look, rows: due ? await schedulesDueAt(db, { now: look.now, limit }) : [] };
}

export async function schedulesDueAt(db: Database, { now, limit }: { now: number; limit: number }): Promise<readonly ScheduleRow[]> {
  const raws = await db
    .selectFrom('schedules')
    .selectAll()
    .where(sql<boolean>`next_due is not null`)
    .where('next_due', '<=', now)
    .where('enabled', '=', 1)
    .orderBy('next_due')
    .limit(limit)
    .execute();
  const rows = raws.map((raw) => codec.decode(raw));
  const open = rows.flatMap((row) => row.open);
  if (open.length === 0) return rows;
  const alive = await db
    .selectFrom('executions')
    .select('id')
    .where('id', 'in', open)
    .where('status', 'not in', ['completed', 'failed'])
    .execute();
  const ids = new Set(alive.map(({ id }) => id));
  return rows.map((row) => ({ ...row, open: row.open.filter((id) => ids.has(id)) }));
}

export async function advanceSchedules(db: Database, batch: readonly ScheduleAdvance[]): Promise<readonly boolean[]> {
  if (batch.length === 0) return [];
  const rows = batch.map(advancedCells);
  const columns = sql.raw(advancedColumns.map((column) => `${column} = advanced.${column}`).join(', '));
  const { rows: moved } = await sql<{ project_id: string; id: string }>`
    with ${valuesTable(db, 'advanced', { types: advancedTypes, rows })}
    update schedules set ${columns} from advanced
    where schedules.project_id = advanced.project and schedules.id = advanced.schedule and schedules.enabled = 1
      and schedules.cursor_at = advanced.moved_from and schedules.updated_at = advanced.changed_at
    returning schedules.project_id as project_id, schedules.id as id`.execute(db);
  const first = new Set(moved.map((row) => `${row.project_id} ${row.id}`));
  const answers = batch.map(({ projectId, id }) => first.has(`${projectId} ${id}`));
  const won = batch.filter((_, index) => answers[index]);
  await enqueueJobs(db, { batch: won.flatMap(({ jobs }) => jobs), decisions: won.flatMap(({ decisions }) => decisions) });
  return answers;
}

const advancedTypes = {
  project: 'text',
  schedule: 'text',
  moved_from: 'double precision',
  changed_at: 'double precision',
  cursor_at: 'double precision',
  next_due: 'double precision',
  ran: 'bigint',
  missed: 'bigint',
  caught_up: 'bigint',
  skipped: 'bigint',
  last_tick: 'double precision',
  last_execution_id: 'text',
  open: 'text',
} as const;
const advancedColumns = Object.keys(advancedTypes).slice(4);

function advancedCells({ projectId, id, from, change }: ScheduleAdvance): Cell[] {
  const { cursor, nextDue, ran, missed, caughtUp, skipped, lastTick, lastExecutionId, open } = change;
  const counters = [ran, missed, caughtUp, skipped];
  return [projectId, id, from.cursor, from.updatedAt, cursor, nextDue, ...counters, lastTick, lastExecutionId, JSON.stringify(open)];
}

/** In the words of its partial index, as SQLite compares them literally. */
export async function deleteSchedulesDoneBefore(db: Database, { time, limit }: { time: number; limit: number }): Promise<number> {
  const { rows } = await sql`delete from schedules where seq in (
    select seq from schedules where at is not null and next_due is null and enabled = 1 and cursor_at < ${time}
    order by cursor_at limit ${limit}) returning seq`.execute(db);
  return rows.length;
}

/** Brings the schedule that stands in the settings of a function in line with them, in the same commit. */
export async function followSettings(db: Database, fn: FunctionRow): Promise<void> {
  const at = { projectId: fn.projectId, id: fn.id };
  const old = await getSchedule(db, at);
  if (fn.schedule === '') {
    if (old?.source === 'settings') await deleteSchedule(db, at);
    return;
  }
  if (old !== null && old.source !== 'settings') return;
  if (old === null) return insertSchedule(db, settingsSchedule(fn));
  const change = settingsChange(fn, old);
  if (change === null) return;
  // One that is paused stays so, whatever its times are now; also where that happens between the look and this.
  const nextDue = sql<number | null>`case when enabled = 1 then cast(${change.nextDue} as double precision) end`;
  await db
    .updateTable('schedules')
    .set({ ...codec.encodeChange(change), next_due: nextDue })
    .where('project_id', '=', at.projectId)
    .where('id', '=', at.id)
    .execute();
}
