/** Reads a SQLite database for a copy, in one transaction that sees one moment; a server may write meanwhile. */
import { createHash } from 'node:crypto';
import type { DatabaseSync } from 'node:sqlite';
import { PlatformError } from '@martlet/protocol';
import type { Artifacts } from '../../ports/artifacts.ts';
import type { CopyCell, CopyCounts, CopyPiece, CopySource } from '../../ports/copy.ts';
import { keyOf, nextLimit, pageStatement, parseKey, type CopiedTable } from '../sql/copied-table.ts';
import { StoreFault } from '../sql/store-fault.ts';
import { openReader, toFault } from './connection.ts';
import { copiedTables } from './copied-tables.ts';

export interface SqliteCopySourceOptions {
  readonly path: string;
  readonly artifacts: Artifacts;
  readonly vaultKey: string | null;
}

type Receive = (piece: CopyPiece) => Promise<void>;

/** @throws {PlatformError} `store_unavailable` for a database that is damaged, foreign or newer than this code */
export function openSqliteCopySource({ path, artifacts, vaultKey }: SqliteCopySourceOptions): CopySource {
  const raw = orPlatformError(() => openReader(path).raw);
  const applied = orPlatformError(() => raw.prepare('select number, checksum, applied_at from migrations order by number').all());
  const tables = copiedTables(applied.length);
  return {
    facts: {
      // Moment and content of its migrations tell one database from every other.
      origin: `sqlite-${createHash('sha256').update(JSON.stringify(applied)).digest('hex').slice(0, 32)}`,
      migration: applied.length,
      vaultKey,
    },
    async send(progress, receive) {
      orPlatformError(() => raw.exec('begin'));
      try {
        for (const table of tables) await sendTable({ raw, table, after: progress.get(table.name), receive });
        const counts = countRows(raw, tables);
        for (const key of await artifacts.keys()) await sendArtifact(artifacts, key, receive);
        return counts;
      } finally {
        raw.exec('rollback');
      }
    },
    close: async () => raw.close(),
  };
}

interface TableToSend {
  readonly raw: DatabaseSync;
  readonly table: CopiedTable;
  readonly after: string | undefined;
  readonly receive: Receive;
}

async function sendTable({ raw, table, after, receive }: TableToSend): Promise<void> {
  let last = after;
  for (let limit = nextLimit(table); ;) {
    const statement = raw.prepare(pageStatement(table, last !== undefined, () => '?'));
    const found = orPlatformError(() => statement.all(...(last === undefined ? [] : parseKey(last)), limit));
    const rows = found.map((row) => table.columns.map((column) => row[column] as CopyCell));
    const end = rows.at(-1);
    if (end === undefined) return;
    last = keyOf(table, end);
    await receive({ kind: 'rows', table: table.name, columns: table.columns, rows, last });
    limit = nextLimit(table, rows);
  }
}

export function countRows(raw: DatabaseSync, tables: readonly CopiedTable[]): CopyCounts {
  return new Map(tables.map(({ name }) => [name, Number(raw.prepare(`select count(*) as n from "${name}"`).get()?.['n'])]));
}

/** One that was deleted since the keys were listed belongs to a deployment that is gone. */
async function sendArtifact(artifacts: Artifacts, key: string, receive: Receive): Promise<void> {
  const bytes = await artifacts.get(key);
  if (bytes !== undefined) await receive({ kind: 'artifact', key, bytes });
}

export function orPlatformError<Result>(work: () => Result): Result {
  try {
    return work();
  } catch (error) {
    const fault = toFault(error);
    if (fault instanceof StoreFault) throw new PlatformError(fault.code, { message: fault.message, cause: fault.cause });
    throw fault;
  }
}
