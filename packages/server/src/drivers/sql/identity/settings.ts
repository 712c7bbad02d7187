/** Statements about settings that a project keeps. */
import type { Database } from '../schema.ts';

export interface SettingAt {
  readonly projectId: string;
  readonly name: string;
}

export async function getSetting(db: Database, at: SettingAt): Promise<string | null> {
  const raw = await db
    .selectFrom('project_settings')
    .select('value')
    .where('project_id', '=', at.projectId)
    .where('name', '=', at.name)
    .executeTakeFirst();
  return raw?.value ?? null;
}

export async function putSetting(db: Database, { projectId, name, value }: SettingAt & { value: string }): Promise<void> {
  await db
    .insertInto('project_settings')
    .values({ project_id: projectId, name, value })
    .onConflict((conflict) => conflict.columns(['project_id', 'name']).doUpdateSet({ value }))
    .execute();
}

export async function ensureSetting(db: Database, { projectId, name, value }: SettingAt & { value: string }): Promise<string> {
  await db
    .insertInto('project_settings')
    .values({ project_id: projectId, name, value })
    .onConflict((conflict) => conflict.columns(['project_id', 'name']).doNothing())
    .execute();
  return (await getSetting(db, { projectId, name })) ?? value;
}

/** One statement that names what it replaces: of two that change the same text, one finds nothing. */
export async function replaceSetting(
  db: Database,
  { projectId, name, from, to }: SettingAt & { from: string; to: string | null },
): Promise<boolean> {
  if (to === null) {
    const deleted = await db
      .deleteFrom('project_settings')
      .where('project_id', '=', projectId)
      .where('name', '=', name)
      .where('value', '=', from)
      .executeTakeFirst();
    return deleted.numDeletedRows > 0n;
  }
  const updated = await db
    .updateTable('project_settings')
    .set({ value: to })
    .where('project_id', '=', projectId)
    .where('name', '=', name)
    .where('value', '=', from)
    .executeTakeFirst();
  return updated.numUpdatedRows > 0n;
}

export async function deleteSetting(db: Database, at: SettingAt): Promise<boolean> {
  const result = await db
    .deleteFrom('project_settings')
    .where('project_id', '=', at.projectId)
    .where('name', '=', at.name)
    .executeTakeFirst();
  return result.numDeletedRows > 0n;
}
