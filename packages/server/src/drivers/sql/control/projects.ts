/** Statements about projects. */
import type { Insertable } from 'kysely';
import type { ProjectRow } from '../../../ports/store.ts';
import { createRowCodec, plain } from '../row-codec.ts';
import type { Database, ProjectTable } from '../schema.ts';

const codec = createRowCodec<ProjectRow, Insertable<ProjectTable>>({
  id: plain('id'),
  createdAt: plain('created_at'),
  updatedAt: plain('updated_at'),
  name: plain('name'),
});

export async function getProject(db: Database, id: string): Promise<ProjectRow | null> {
  const raw = await db.selectFrom('projects').selectAll().where('id', '=', id).executeTakeFirst();
  return raw === undefined ? null : codec.decode(raw);
}

export async function ensureProject(db: Database, row: ProjectRow): Promise<ProjectRow> {
  await db
    .insertInto('projects')
    .values(codec.encode(row))
    .onConflict((conflict) => conflict.column('id').doNothing())
    .execute();
  return (await getProject(db, row.id)) ?? row;
}
