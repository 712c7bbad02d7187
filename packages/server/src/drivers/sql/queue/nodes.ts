/** Statements about the servers that share the store. Their clock is the argument `now`. */
import type { NodeRow } from '../../../ports/store/node-store.ts';
import type { Database } from '../schema.ts';

export async function insertNode(db: Database, node: NodeRow): Promise<void> {
  await db.insertInto('nodes').values({ id: node.id, name: node.name, started_at: node.startedAt, lease_until: node.leaseUntil }).execute();
}

/** @returns whether it was still on the list */
export async function renewNode(db: Database, at: { id: string; leaseUntil: number }): Promise<boolean> {
  const result = await db.updateTable('nodes').set({ lease_until: at.leaseUntil }).where('id', '=', at.id).executeTakeFirst();
  return result.numUpdatedRows > 0n;
}

export async function deleteNode(db: Database, id: string): Promise<void> {
  await db.deleteFrom('nodes').where('id', '=', id).execute();
}

export async function deleteOtherNodes(db: Database, id: string): Promise<readonly string[]> {
  const rows = await db.deleteFrom('nodes').where('id', '!=', id).returning('id').execute();
  return rows.map((row) => row.id);
}

export async function reapNodes(db: Database, now: number): Promise<readonly string[]> {
  const rows = await db.deleteFrom('nodes').where('lease_until', '<', now).returning('id').execute();
  return rows.map((row) => row.id);
}

export async function listNodes(db: Database): Promise<readonly NodeRow[]> {
  const rows = await db.selectFrom('nodes').selectAll().orderBy('started_at').orderBy('id').execute();
  return rows.map((row) => ({ id: row.id, name: row.name, startedAt: row.started_at, leaseUntil: row.lease_until }));
}
