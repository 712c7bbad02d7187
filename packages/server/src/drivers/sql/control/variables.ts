/** Statements about variables of projects and functions. */
import { sql, type Insertable } from 'kysely';
import type { variableAttributes } from '../../../domain/list-attributes.ts';
import type { ListQuery, Page, VariableChange, VariableRow } from '../../../ports/store.ts';
import { listPage, type AttributeColumns } from '../list-page.ts';
import { createRowCodec, flag, plain } from '../row-codec.ts';
import type { Database, VariableTable } from '../schema.ts';
import { StoreFault, violationMeans } from '../store-fault.ts';

const codec = createRowCodec<VariableRow, Insertable<VariableTable>>({
  id: plain('id'),
  createdAt: plain('created_at'),
  updatedAt: plain('updated_at'),
  projectId: plain('project_id'),
  functionId: plain('function_id'),
  key: plain('key'),
  value: plain('value'),
  secret: flag('secret'),
});

const attributes: AttributeColumns<typeof variableAttributes> = {
  $id: { value: sql.ref('id') },
  $createdAt: { value: sql.ref('created_at') },
  $updatedAt: { value: sql.ref('updated_at') },
  $sequence: { value: sql.ref('seq') },
  key: { value: sql.ref('key') },
  secret: { value: sql.ref('secret') },
  resourceType: { value: sql`case when function_id is null then 'project' else 'function' end` },
  resourceId: { value: sql`coalesce(function_id, project_id)` },
};

/** Of a function, or with null of the project itself. */
export interface Owner {
  readonly projectId: string;
  readonly functionId: string | null;
}

export async function insertVariable(db: Database, row: VariableRow): Promise<void> {
  const foreign = new StoreFault('function_not_found', `Cannot add a variable: the function "${row.functionId ?? ''}" does not exist.`);
  await db
    .insertInto('variables')
    .values(codec.encode(row))
    .execute()
    .catch(violationMeans({ unique: taken(row.key), foreign }));
}

export async function getVariable(db: Database, at: Owner & { id: string }): Promise<VariableRow | null> {
  const raw = await db.selectFrom('variables').selectAll().where(ownedBy(at)).where('id', '=', at.id).executeTakeFirst();
  return raw === undefined ? null : codec.decode(raw);
}

export function listVariables(db: Database, at: Owner & { query: ListQuery }): Promise<Page<VariableRow>> {
  return listPage(
    db,
    { noun: 'Variable', table: 'variables', scope: [ownedBy(at)], attributes, insertion: ['seq'], decode: codec.decode },
    at.query,
  );
}

export async function listEffectiveVariables(db: Database, at: { projectId: string; functionId: string }): Promise<readonly VariableRow[]> {
  const raws = await db
    .selectFrom('variables')
    .selectAll()
    .where('project_id', '=', at.projectId)
    .where((where) => where.or([where('function_id', 'is', null), where('function_id', '=', at.functionId)]))
    .orderBy(sql`case when function_id is null then 0 else 1 end`)
    .orderBy('seq')
    .execute();
  return raws.map(codec.decode);
}

export async function updateVariable(db: Database, at: Owner & { id: string; change: VariableChange }): Promise<VariableRow | null> {
  const cells = codec.encodeChange(at.change);
  if (Object.keys(cells).length === 0) return getVariable(db, at);
  const raw = await db
    .updateTable('variables')
    .set(cells)
    .where(ownedBy(at))
    .where('id', '=', at.id)
    .returningAll()
    .executeTakeFirst()
    .catch(violationMeans({ unique: taken(at.change.key ?? '') }));
  return raw === undefined ? null : codec.decode(raw);
}

export async function deleteVariable(db: Database, at: Owner & { id: string }): Promise<boolean> {
  const result = await db.deleteFrom('variables').where(ownedBy(at)).where('id', '=', at.id).executeTakeFirst();
  return result.numDeletedRows > 0n;
}

/** The same expression as in the unique indexes, where NULL would not be equal to NULL. */
function ownedBy(owner: Owner) {
  return sql<boolean>`project_id = ${owner.projectId} and coalesce(function_id, '') = ${owner.functionId ?? ''}`;
}

function taken(key: string): StoreFault {
  return new StoreFault('variable_already_exists', `A variable with this id or the key "${key}" exists already.`);
}
