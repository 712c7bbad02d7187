/** Statements about users. */
import { sql, type Insertable } from 'kysely';
import type { userAttributes } from '../../../domain/list-attributes.ts';
import type { ListQuery, Page } from '../../../ports/store.ts';
import type { UserChange, UserRow } from '../../../ports/store/user-store.ts';
import { ownerKey } from '../owner-key.ts';
import { contains, listPage, type AttributeColumns } from '../list-page.ts';
import { createRowCodec, flag, json, plain } from '../row-codec.ts';
import type { Database } from '../schema.ts';
import { StoreFault, violationMeans } from '../store-fault.ts';
import type { UserTable } from './identity-tables.ts';

const codec = createRowCodec<UserRow, Omit<Insertable<UserTable>, 'search_text'>>({
  id: plain('id'),
  createdAt: plain('created_at'),
  updatedAt: plain('updated_at'),
  projectId: plain('project_id'),
  email: plain('email'),
  emailVerified: flag('email_verified'),
  name: plain('name'),
  passwordHash: plain('password_hash'),
  passwordUpdatedAt: plain('password_updated_at'),
  blocked: flag('blocked'),
  labels: json('labels'),
  prefs: json('prefs'),
  issuer: plain('issuer'),
  subject: plain('subject'),
  accessedAt: plain('accessed_at'),
});

const attributes: AttributeColumns<typeof userAttributes> = {
  $id: { value: sql.ref('id') },
  $createdAt: { value: sql.ref('created_at') },
  $updatedAt: { value: sql.ref('updated_at') },
  $sequence: { value: sql.ref('seq') },
  name: { value: sql.ref('name') },
  email: { value: sql.ref('email'), whenNull: '' },
  emailVerification: { value: sql.ref('email_verified') },
  status: { value: sql`(1 - blocked)` },
  registration: { value: sql.ref('created_at') },
  passwordUpdate: { value: sql.ref('password_updated_at'), whenNull: 0 },
  accessedAt: { value: sql.ref('accessed_at'), whenNull: 0 },
  issuer: { value: sql.ref('issuer'), whenNull: '' },
  subject: { value: sql.ref('subject'), whenNull: '' },
};

export interface UserAt {
  readonly projectId: string;
  readonly id: string;
}

export async function insertUser(db: Database, row: UserRow): Promise<void> {
  await db
    .insertInto('users')
    .values({ ...codec.encode(row), search_text: searchText(row) })
    .execute()
    .catch(violationMeans({ unique: taken }));
}

export async function getUser(db: Database, at: UserAt): Promise<UserRow | null> {
  const raw = await db.selectFrom('users').selectAll().where('project_id', '=', at.projectId).where('id', '=', at.id).executeTakeFirst();
  return raw === undefined ? null : codec.decode(raw);
}

export async function getUserByEmail(db: Database, at: { projectId: string; email: string }): Promise<UserRow | null> {
  const raw = await db
    .selectFrom('users')
    .selectAll()
    .where('project_id', '=', at.projectId)
    .where('email', '=', at.email)
    .executeTakeFirst();
  return raw === undefined ? null : codec.decode(raw);
}

export async function getUserBySubject(db: Database, at: { projectId: string; issuer: string; subject: string }): Promise<UserRow | null> {
  const raw = await db
    .selectFrom('users')
    .selectAll()
    .where('project_id', '=', at.projectId)
    .where('issuer', '=', at.issuer)
    .where('subject', '=', at.subject)
    .executeTakeFirst();
  return raw === undefined ? null : codec.decode(raw);
}

export function listUsers(db: Database, at: { projectId: string; query: ListQuery; search: string | undefined }): Promise<Page<UserRow>> {
  const words = (at.search ?? '')
    .toLowerCase()
    .split(/\s+/)
    .filter((word) => word !== '');
  const search = words.map((word) => contains(sql.ref('search_text'), word));
  const scope = [sql`project_id = ${at.projectId}`];
  return listPage(db, { noun: 'User', table: 'users', scope, search, attributes, insertion: ['seq'], decode: codec.decode }, at.query);
}

export async function updateUser(db: Database, at: UserAt & { change: UserChange }): Promise<UserRow | null> {
  const cells = codec.encodeChange(at.change);
  if (Object.keys(cells).length === 0) return getUser(db, at);
  const raw = await db
    .updateTable('users')
    .set(cells)
    .where('project_id', '=', at.projectId)
    .where('id', '=', at.id)
    .returningAll()
    .executeTakeFirst()
    .catch(violationMeans({ unique: taken }));
  if (raw === undefined) return null;
  const row = codec.decode(raw);
  const search = searchText(row);
  if (raw.search_text !== search) await db.updateTable('users').set({ search_text: search }).where('seq', '=', raw.seq).execute();
  return row;
}

/** Sessions and memberships go with the user by their foreign keys. */
export async function deleteUser(db: Database, at: UserAt): Promise<boolean> {
  await db
    .updateTable('executions')
    .set({ user_id: null })
    .where('project_key', '=', ownerKey(at.projectId))
    .where('user_id', '=', at.id)
    .where('project_id', '=', at.projectId)
    .execute();
  const result = await db.deleteFrom('users').where('project_id', '=', at.projectId).where('id', '=', at.id).executeTakeFirst();
  return result.numDeletedRows > 0n;
}

function searchText(row: UserRow): string {
  return `${row.id} ${row.name} ${row.email ?? ''}`.toLowerCase();
}

const taken = new StoreFault('user_already_exists', 'A user with the same id or e-mail address already exists in this project.');
