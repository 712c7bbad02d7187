/**
 * Fills the data folder of a stopped server with functions: copies of one that was really deployed, written through
 * the store's own driver. To deploy ten thousand one by one would measure nothing more and take an hour.
 */
import { closeSync, openSync, readdirSync, readSync } from 'node:fs';
import { join } from 'node:path';
import type { ListQuery, Store } from '../../packages/server/src/ports/store.ts';
import { createPinoLog } from '../../packages/server/src/drivers/system/pino-log.ts';
import { createSystemClock } from '../../packages/server/src/drivers/system/system-clock.ts';
import { createSystemIds } from '../../packages/server/src/drivers/system/system-ids.ts';
import { createSqliteStore } from '../../packages/server/src/drivers/sqlite-store/sqlite-store.ts';

export interface SeedOptions {
  readonly dataDir: string;
  readonly project: string;
  /** Path of the function to copy. */
  readonly from: string;
  /** How many functions there shall be in the end, the copied one included. */
  readonly total: number;
}

const SQLITE_MAGIC = 'SQLite format 3\0';
/** The store commits what arrives together in one go. */
const AT_ONCE = 500;
const everything: ListQuery = { filters: [], order: [], limit: 1, offset: 0, withTotal: true };

export async function seedFunctions(options: SeedOptions): Promise<void> {
  const store = createSqliteStore({ path: findDatabase(options.dataDir), log: createPinoLog({ level: 'warn' }) });
  await store.open();
  try {
    await copyFunction(store, options);
  } finally {
    await store.close();
  }
}

async function copyFunction(store: Store, { project, from, total }: SeedOptions): Promise<void> {
  const ids = createSystemIds(createSystemClock());
  const model = await store.functions.getByPath(project, [from]);
  const deployment = model === null ? null : await store.deployments.get(project, model.id, model.activeDeploymentId ?? '');
  if (model === null || deployment === null) throw new Error(`Cannot seed: ${from} has no active deployment in ${project}`);
  const { total: present } = await store.functions.list(project, everything);
  const copyOne = async (index: number) => {
    const [functionId, deploymentId] = [ids.next(), ids.next()];
    const name = `${from}-${index}`;
    await store.functions.insert({ ...model, id: functionId, name, path: name, activeDeploymentId: deploymentId });
    await store.deployments.insert({ ...deployment, id: deploymentId, functionId });
  };
  for (let index = present; index < total; index += AT_ONCE) {
    await Promise.all(Array.from({ length: Math.min(AT_ONCE, total - index) }, (_, offset) => copyOne(index + offset)));
  }
}

/** The one file below the folder that is an SQLite database. */
export function findDatabase(dataDir: string): string {
  const found = readdirSync(dataDir, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name))
    .filter((path) => startsWith(path, SQLITE_MAGIC));
  const [database] = found;
  if (database === undefined || found.length > 1) throw new Error(`Cannot seed: ${dataDir} holds ${found.length} databases and not one`);
  return database;
}

function startsWith(path: string, magic: string): boolean {
  const file = openSync(path, 'r');
  try {
    const head = Buffer.alloc(magic.length);
    return readSync(file, head) === magic.length && head.toString('latin1') === magic;
  } finally {
    closeSync(file);
  }
}
