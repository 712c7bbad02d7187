/** Statements about sessions of users. */
import { sql, type Insertable } from 'kysely';
import type { SessionRow } from '../../../ports/store/user-store.ts';
import { createRowCodec, plain } from '../row-codec.ts';
import type { Database } from '../schema.ts';
import { StoreFault, violationMeans } from '../store-fault.ts';
import type { SessionTable } from './identity-tables.ts';

const codec = createRowCodec<SessionRow, Insertable<SessionTable>>({
  id: plain('id'),
  createdAt: plain('created_at'),
  updatedAt: plain('updated_at'),
  projectId: plain('project_id'),
  userId: plain('user_id'),
  hash: plain('hash'),
  provider: plain('provider'),
  expiresAt: plain('expires_at'),
  ip: plain('ip'),
  userAgent: plain('user_agent'),
});

export interface UserOf {
  readonly projectId: string;
  readonly userId: string;
}

export async function insertSession(db: Database, row: SessionRow): Promise<void> {
  const gone = new StoreFault('user_not_found', `Cannot add a session: the user "${row.userId}" does not exist.`);
  await db
    .insertInto('sessions')
    .values(codec.encode(row))
    .execute()
    .catch(violationMeans({ foreign: gone }));
}

export async function getSessionByHash(db: Database, hash: string): Promise<SessionRow | null> {
  const raw = await db.selectFrom('sessions').selectAll().where('hash', '=', hash).executeTakeFirst();
  return raw === undefined ? null : codec.decode(raw);
}

export async function getSession(db: Database, at: { projectId: string; id: string }): Promise<SessionRow | null> {
  const raw = await db.selectFrom('sessions').selectAll().where('id', '=', at.id).where('project_id', '=', at.projectId).executeTakeFirst();
  return raw === undefined ? null : codec.decode(raw);
}

export async function listSessionsOf(db: Database, at: UserOf): Promise<readonly SessionRow[]> {
  const raws = await db
    .selectFrom('sessions')
    .selectAll()
    .where('project_id', '=', at.projectId)
    .where('user_id', '=', at.userId)
    .orderBy('seq')
    .execute();
  return raws.map(codec.decode);
}

export async function deleteSession(db: Database, at: UserOf & { id: string }): Promise<boolean> {
  const result = await db
    .deleteFrom('sessions')
    .where('id', '=', at.id)
    .where('project_id', '=', at.projectId)
    .where('user_id', '=', at.userId)
    .executeTakeFirst();
  return result.numDeletedRows > 0n;
}

export async function deleteSessionsOf(db: Database, at: UserOf): Promise<number> {
  const result = await db.deleteFrom('sessions').where('project_id', '=', at.projectId).where('user_id', '=', at.userId).executeTakeFirst();
  return Number(result.numDeletedRows);
}

export async function deleteExpiredSessions(db: Database, at: { time: number; limit: number }): Promise<number> {
  const chosen = sql`select seq from sessions where expires_at < ${at.time} order by expires_at limit ${at.limit}`;
  const result = await sql`delete from sessions where seq in (${chosen})`.execute(db);
  return Number(result.numAffectedRows ?? 0);
}
