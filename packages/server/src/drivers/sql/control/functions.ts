/** Statements about functions. */
import { sql, type Insertable } from 'kysely';
import type { functionAttributes } from '../../../domain/list-attributes.ts';
import type { FunctionChange, FunctionRow, ListQuery, Page } from '../../../ports/store.ts';
import { deleteExecutionsOf } from '../executions.ts';
import { contains, listPage, type AttributeColumns } from '../list-page.ts';
import { createRowCodec, flag, json, plain } from '../row-codec.ts';
import type { Database, FunctionTable } from '../schema.ts';
import { followSettings } from '../triggers/schedules.ts';
import { StoreFault, violationMeans } from '../store-fault.ts';

const codec = createRowCodec<FunctionRow, Omit<Insertable<FunctionTable>, 'search_text'>>({
  id: plain('id'),
  createdAt: plain('created_at'),
  updatedAt: plain('updated_at'),
  projectId: plain('project_id'),
  name: plain('name'),
  path: plain('path'),
  runtime: plain('runtime'),
  execute: json('execute'),
  enabled: flag('enabled'),
  logging: flag('logging'),
  entrypoint: plain('entrypoint'),
  commands: plain('commands'),
  scopes: json('scopes'),
  events: json('events'),
  schedule: plain('schedule'),
  timezone: plain('timezone'),
  timeoutSeconds: plain('timeout_seconds'),
  memoryMb: plain('memory_mb'),
  concurrency: plain('concurrency'),
  retries: json('retries'),
  egress: json('egress'),
  durability: plain('durability'),
  deploymentRetention: plain('deployment_retention'),
  live: flag('live'),
  activeDeploymentId: plain('active_deployment_id'),
});

const attributes: AttributeColumns<typeof functionAttributes> = {
  $id: { value: sql.ref('id') },
  $createdAt: { value: sql.ref('created_at') },
  $updatedAt: { value: sql.ref('updated_at') },
  $sequence: { value: sql.ref('seq') },
  name: { value: sql.ref('name') },
  path: { value: sql.ref('path') },
  enabled: { value: sql.ref('enabled') },
  live: { value: sql.ref('live') },
  runtime: { value: sql.ref('runtime') },
  deploymentId: { value: sql.ref('active_deployment_id'), whenNull: '' },
  schedule: { value: sql.ref('schedule') },
  timeout: { value: sql.ref('timeout_seconds') },
  memory: { value: sql.ref('memory_mb') },
  entrypoint: { value: sql.ref('entrypoint') },
  commands: { value: sql.ref('commands') },
};

export interface FunctionAt {
  readonly projectId: string;
  readonly id: string;
}

export async function insertFunction(db: Database, row: FunctionRow): Promise<void> {
  await db
    .insertInto('functions')
    .values({ ...codec.encode(row), search_text: searchText(row) })
    .execute()
    .catch(violationMeans({ unique: alreadyExists(`A function with the id "${row.id}" or the name "${row.path}" exists already.`) }));
  await followSettings(db, row);
}

export async function getFunction(db: Database, at: FunctionAt): Promise<FunctionRow | null> {
  const raw = await db
    .selectFrom('functions')
    .selectAll()
    .where('project_id', '=', at.projectId)
    .where('id', '=', at.id)
    .executeTakeFirst();
  return raw === undefined ? null : codec.decode(raw);
}

export async function listListeners(db: Database, projectId: string): Promise<readonly FunctionRow[]> {
  const raws = await db.selectFrom('functions').selectAll().where('project_id', '=', projectId).where('events', '<>', '[]').execute();
  return raws.map((raw) => codec.decode(raw));
}

export async function getFunctionByPath(db: Database, at: { projectId: string; paths: readonly string[] }): Promise<FunctionRow | null> {
  if (at.paths.length === 0) return null;
  const raws = await db.selectFrom('functions').selectAll().where('project_id', '=', at.projectId).where('path', 'in', at.paths).execute();
  const rows = new Map(raws.map((raw) => [raw.path, raw]));
  const first = at.paths.map((path) => rows.get(path)).find((raw) => raw !== undefined);
  return first === undefined ? null : codec.decode(first);
}

export function listFunctions(
  db: Database,
  at: { projectId: string; query: ListQuery; search: string | undefined },
): Promise<Page<FunctionRow>> {
  const words = (at.search ?? '')
    .toLowerCase()
    .split(/\s+/)
    .filter((word) => word !== '');
  const search = words.map((word) => contains(sql.ref('search_text'), word));
  const scope = [sql`project_id = ${at.projectId}`];
  return listPage(
    db,
    { noun: 'Function', table: 'functions', scope, search, attributes, insertion: ['seq'], decode: codec.decode },
    at.query,
  );
}

export async function updateFunction(db: Database, at: FunctionAt & { change: FunctionChange }): Promise<FunctionRow | null> {
  const cells = codec.encodeChange(at.change);
  if (Object.keys(cells).length === 0) return getFunction(db, at);
  const raw = await db
    .updateTable('functions')
    .set(cells)
    .where('project_id', '=', at.projectId)
    .where('id', '=', at.id)
    .returningAll()
    .executeTakeFirst()
    .catch(violationMeans({ unique: alreadyExists(`A function with the name "${at.change.path ?? ''}" exists already.`) }));
  if (raw === undefined) return null;
  const row = codec.decode(raw);
  if (at.change.schedule !== undefined || at.change.timezone !== undefined) await followSettings(db, row);
  if (raw.search_text !== searchText(row))
    await db
      .updateTable('functions')
      .set({ search_text: searchText(row) })
      .where('seq', '=', raw.seq)
      .execute();
  return row;
}

/** Deployments and variables go with the function by their foreign keys. */
export async function deleteFunction(db: Database, at: FunctionAt): Promise<boolean> {
  await deleteExecutionsOf(db, { ...at, limit: Number.MAX_SAFE_INTEGER });
  const result = await db.deleteFrom('functions').where('project_id', '=', at.projectId).where('id', '=', at.id).executeTakeFirst();
  return result.numDeletedRows > 0n;
}

function searchText(row: FunctionRow): string {
  return `${row.id} ${row.name} ${row.path} ${row.runtime}`.toLowerCase();
}

function alreadyExists(message: string): StoreFault {
  return new StoreFault('function_already_exists', message);
}
