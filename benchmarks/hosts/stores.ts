/** The store of a server that is stopped, through its own driver: to fill it with what would take hours over the API. */
import { closeSync, openSync, readdirSync, readSync } from 'node:fs';
import { join } from 'node:path';
import { createPostgresStore } from '../../packages/server/src/drivers/postgres-store/postgres-store.ts';
import { createSqliteStore } from '../../packages/server/src/drivers/sqlite-store/sqlite-store.ts';
import { createPinoLog } from '../../packages/server/src/drivers/system/pino-log.ts';
import type { Store } from '../../packages/server/src/ports/store.ts';

export interface StoreAt {
  /** Of PostgreSQL; undefined: the SQLite database below the data folder. */
  readonly url: string | undefined;
  readonly dataDir: string;
}

const SQLITE_MAGIC = 'SQLite format 3\0';

export async function withStore<Result>({ url, dataDir }: StoreAt, work: (store: Store) => Promise<Result>): Promise<Result> {
  const store =
    url === undefined
      ? createSqliteStore({ path: findDatabase(dataDir), log: createPinoLog({ level: 'warn' }) })
      : createPostgresStore({ url });
  await store.open();
  try {
    return await work(store);
  } finally {
    await store.close();
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
