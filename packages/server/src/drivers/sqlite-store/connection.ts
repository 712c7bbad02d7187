/** Opens SQLite: the only file that knows how `node:sqlite` is used, how it is set up and what its errors mean. */
import { chmodSync, existsSync, mkdirSync, renameSync, rmSync, statfsSync, statSync } from 'node:fs';
import { dirname } from 'node:path';
import { DatabaseSync, type SQLInputValue, type StatementSync } from 'node:sqlite';
import { Kysely, SqliteDialect, type SqliteStatement } from 'kysely';
import type { Schema } from '../sql/schema.ts';
import { ConstraintViolation, StoreFault } from '../sql/store-fault.ts';
import { migrate } from './migrate.ts';

/** Before it, two connections that wrote and checkpointed at one moment could lose commits (the WAL-reset bug). */
const SQLITE_MIN = [3, 51, 3] as const;
/** "Mart": tells our files from other SQLite databases. */
export const APPLICATION_ID = 0x4d617274;
const NETWORK_FILE_SYSTEMS = new Map([
  [0x6969, 'NFS'],
  [0x517b, 'SMB'],
  [0xff534d42, 'CIFS'],
  [0xfe534d42, 'SMB2'],
]);
const STATEMENTS_MAX = 256;

export interface Connection {
  readonly raw: DatabaseSync;
  readonly db: Kysely<Schema>;
  close(): void;
}

/** The connection that writes. Creates the file where there is none, and applies missing migrations. */
export function openWriter(path: string): Connection {
  refuseOldSqlite();
  mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
  refuseNetwork(dirname(path));
  if (!existsSync(path)) createFile(path);
  const raw = openFile(path, false);
  try {
    migrate(raw);
  } catch (error) {
    raw.close();
    throw error;
  }
  return connect(raw);
}

export function openReader(path: string): Connection {
  return connect(openFile(path, true));
}

/**
 * A new database is made under another name and renamed when it is whole. So an empty or cut file is always damage,
 * never a start that was interrupted, and is not taken for a new database.
 */
function createFile(path: string): void {
  const unfinished = `${path}.new`;
  for (const suffix of ['', '-wal', '-shm']) rmSync(unfinished + suffix, { force: true });
  const raw = new DatabaseSync(unfinished);
  raw.exec(`pragma application_id = ${APPLICATION_ID}; pragma journal_mode = wal; pragma synchronous = full`);
  migrate(raw);
  raw.close();
  // It holds sealed secrets and logs; the -wal and -shm files take over these rights.
  chmodSync(unfinished, 0o600);
  renameSync(unfinished, path);
}

function openFile(path: string, readOnly: boolean): DatabaseSync {
  if (statSync(path).size === 0) throw damaged(path, 'the file is empty');
  const raw = new DatabaseSync(path, {
    readOnly,
    enableForeignKeyConstraints: true,
    enableDoubleQuotedStringLiterals: false,
    timeout: 5000,
  });
  try {
    if (pragma(raw, 'application_id') !== APPLICATION_ID) throw damaged(path, 'the file is not of Martlet');
    if (pragma(raw, 'journal_mode') !== 'wal') raw.exec('pragma journal_mode = wal');
    // FULL: with group commit it costs nothing against NORMAL, which loses the last commits when power fails.
    raw.exec('pragma synchronous = full; pragma case_sensitive_like = on; pragma cache_size = -8192; pragma journal_size_limit = 67108864');
    return raw;
  } catch (error) {
    raw.close();
    throw isDamage(error) ? damaged(path, (error as Error).message) : error;
  }
}

function connect(raw: DatabaseSync): Connection {
  const statements = createStatementCache(raw);
  const db = new Kysely<Schema>({ dialect: new SqliteDialect({ database: { prepare: statements, close: () => undefined } }) });
  return { raw, db, close: () => raw.close() };
}

/** Keeps the statements used last: preparing one costs more than running it. */
function createStatementCache(raw: DatabaseSync): (text: string) => SqliteStatement {
  const cache = new Map<string, SqliteStatement>();
  return (text) => {
    const statement = cache.get(text) ?? adapt(raw.prepare(text));
    cache.delete(text);
    cache.set(text, statement);
    if (cache.size > STATEMENTS_MAX) cache.delete(cache.keys().next().value ?? '');
    return statement;
  };
}

function adapt(statement: StatementSync): SqliteStatement {
  return {
    reader: statement.columns().length > 0,
    all: (values) => withFaults(() => statement.all(...(values as SQLInputValue[]))),
    run: (values) => withFaults(() => statement.run(...(values as SQLInputValue[]))),
    iterate: (values) => statement.iterate(...(values as SQLInputValue[])) as IterableIterator<unknown>,
  };
}

function withFaults<Result>(run: () => Result): Result {
  try {
    return run();
  } catch (error) {
    throw toFault(error);
  }
}

const CONSTRAINT_FOREIGN_KEY = 787;
const CONSTRAINT_PRIMARY_KEY = 1555;
const CONSTRAINT_UNIQUE = 2067;
const IO_ERROR_FSYNC = 1034;
const IO_ERROR_DIR_FSYNC = 1290;
const DAMAGE = new Set([11, 26]);
/** Primary codes for which the storage, not the statement, is to blame: BUSY, LOCKED, NOMEM, READONLY, IOERR, CORRUPT, FULL, CANTOPEN, PROTOCOL, NOTADB. */
const STORAGE = new Set([5, 6, 7, 8, 10, 11, 13, 14, 15, 26]);

/** What an error of SQLite means; other errors are returned as they are. */
export function toFault(error: unknown): unknown {
  const code = sqliteCode(error);
  if (code === undefined || !(error instanceof Error)) return error;
  if (code === CONSTRAINT_UNIQUE || code === CONSTRAINT_PRIMARY_KEY) return new ConstraintViolation('unique', error);
  if (code === CONSTRAINT_FOREIGN_KEY) return new ConstraintViolation('foreign', error);
  return STORAGE.has(code & 0xff)
    ? new StoreFault('store_unavailable', `The store cannot be read or written: ${error.message}.`, error)
    : error;
}

/**
 * Whether nothing that this process believes about the file can be trusted any more. After a failed fsync the kernel
 * may have dropped the pages and report success next time: only a restart, which reads what is really there, is safe.
 */
export function isFatal(error: unknown): boolean {
  const code = sqliteCode(error instanceof StoreFault ? error.cause : error);
  return code === IO_ERROR_FSYNC || code === IO_ERROR_DIR_FSYNC || (code !== undefined && DAMAGE.has(code & 0xff));
}

function isDamage(error: unknown): boolean {
  const code = sqliteCode(error);
  return code !== undefined && DAMAGE.has(code & 0xff);
}

function sqliteCode(error: unknown): number | undefined {
  const code: unknown = error instanceof Error && 'errcode' in error ? error.errcode : undefined;
  return typeof code === 'number' ? code : undefined;
}

function damaged(path: string, reason: string): StoreFault {
  return new StoreFault(
    'store_unavailable',
    `Cannot open the store ${path}: ${reason}. Restore it from a backup, or move it away to start with an empty one.`,
  );
}

function refuseOldSqlite(): void {
  const version = process.versions.sqlite ?? '0';
  const parts = version.split('.').map(Number);
  const differing = SQLITE_MIN.findIndex((part, index) => parts[index] !== part);
  if (differing !== -1 && (parts[differing] ?? 0) < (SQLITE_MIN[differing] ?? 0)) {
    throw new StoreFault(
      'store_unavailable',
      `Cannot open the store: this Node has SQLite ${version}, and ${SQLITE_MIN.join('.')} is needed. Use a newer Node 24.`,
    );
  }
}

/** SQLite's shared memory and locks do not hold there, and the file would be destroyed. */
function refuseNetwork(folder: string): void {
  const name = NETWORK_FILE_SYSTEMS.get(statfsSync(folder).type);
  if (name !== undefined)
    throw new StoreFault('store_unavailable', `Cannot open the store: ${folder} is on a network file system (${name}). Use a local disk.`);
}

function pragma(raw: DatabaseSync, name: string): unknown {
  return raw.prepare(`pragma ${name}`).get()?.[name];
}
