/** Statements about API keys. */
import { sql, type Insertable } from 'kysely';
import type { keyAttributes } from '../../../domain/list-attributes.ts';
import type { KeyRow, ListQuery, Page } from '../../../ports/store.ts';
import { listPage, type AttributeColumns } from '../list-page.ts';
import { createRowCodec, json, plain } from '../row-codec.ts';
import type { Database, KeyTable } from '../schema.ts';
import { StoreFault, violationMeans } from '../store-fault.ts';

const codec = createRowCodec<KeyRow, Insertable<KeyTable>>({
  id: plain('id'),
  createdAt: plain('created_at'),
  updatedAt: plain('updated_at'),
  projectId: plain('project_id'),
  name: plain('name'),
  hash: plain('hash'),
  prefix: plain('prefix'),
  scopes: json('scopes'),
  expiresAt: plain('expires_at'),
  lastUsedAt: plain('last_used_at'),
});

const attributes: AttributeColumns<typeof keyAttributes> = {
  $id: { value: sql.ref('id') },
  $createdAt: { value: sql.ref('created_at') },
  $updatedAt: { value: sql.ref('updated_at') },
  $sequence: { value: sql.ref('seq') },
  name: { value: sql.ref('name') },
  prefix: { value: sql.ref('prefix') },
};

export async function insertKey(db: Database, row: KeyRow): Promise<void> {
  await db
    .insertInto('api_keys')
    .values(codec.encode(row))
    .execute()
    .catch(violationMeans({ unique: new StoreFault('key_already_exists', `A key with the id "${row.id}" exists already.`) }));
}

export async function getKeyByHash(db: Database, hash: string): Promise<KeyRow | null> {
  const raw = await db.selectFrom('api_keys').selectAll().where('hash', '=', hash).executeTakeFirst();
  return raw === undefined ? null : codec.decode(raw);
}

export async function getKey(db: Database, at: { projectId: string; id: string }): Promise<KeyRow | null> {
  const raw = await db.selectFrom('api_keys').selectAll().where('id', '=', at.id).where('project_id', '=', at.projectId).executeTakeFirst();
  return raw === undefined ? null : codec.decode(raw);
}

export function listKeys(db: Database, at: { projectId: string; query: ListQuery }): Promise<Page<KeyRow>> {
  return listPage(
    db,
    { noun: 'Key', table: 'api_keys', scope: [sql`project_id = ${at.projectId}`], attributes, insertion: ['seq'], decode: codec.decode },
    at.query,
  );
}

export async function countKeys(db: Database): Promise<number> {
  const counted = await db
    .selectFrom('api_keys')
    .select((select) => select.fn.countAll<number>().as('total'))
    .executeTakeFirstOrThrow();
  return Number(counted.total);
}

export async function touchKey(db: Database, use: { id: string; usedAt: number }): Promise<void> {
  await db.updateTable('api_keys').set({ last_used_at: use.usedAt }).where('id', '=', use.id).execute();
}

export async function deleteKey(db: Database, at: { projectId: string; id: string }): Promise<boolean> {
  const result = await db.deleteFrom('api_keys').where('id', '=', at.id).where('project_id', '=', at.projectId).executeTakeFirst();
  return result.numDeletedRows > 0n;
}
