/** Reads a PostgreSQL database for a copy, in one transaction that sees one moment; servers may write meanwhile. */
import { createHash } from 'node:crypto';
import { PlatformError } from '@martlet/protocol';
import type { Artifacts } from '../../ports/artifacts.ts';
import type { CopyCell, CopyCounts, CopyPiece, CopySource } from '../../ports/copy.ts';
import { createConnections } from '../postgres-connection/connections.ts';
import { toPlatformError } from '../postgres-connection/faults.ts';
import type { Session } from '../postgres-connection/session.ts';
import { readSettings } from '../postgres-connection/settings.ts';
import { keyOf, nextLimit, pageStatement, parseKey, type CopiedTable } from '../sql/copied-table.ts';

export interface PostgresCopySourceOptions {
  readonly url: string;
  readonly artifacts: Artifacts;
  /** The tables of a schema, by the number of its last migration. */
  readonly tablesOf: (migration: number) => readonly CopiedTable[];
}

type Receive = (piece: CopyPiece) => Promise<void>;

const LIMITS = { statementMs: 120_000, lockMs: 30_000 };

/** @throws {PlatformError} `store_unavailable`, also for a database that is not of Martlet or newer than this code */
export async function openPostgresCopySource({ url, artifacts, tablesOf }: PostgresCopySourceOptions): Promise<CopySource> {
  const connections = createConnections({ settings: readSettings(url), limits: LIMITS, max: 1 });
  try {
    const { origin, migration, vaultKey } = await connections.read(readFacts);
    const tables = tablesOf(migration);
    return {
      facts: { origin, migration, vaultKey },
      async send(progress, receive) {
        const counts = await connections
          .read(async (session) => {
            for (const table of tables) await sendTable(session, { table, after: progress.get(table.name), receive });
            return countRows(session, tables);
          })
          .catch((error: unknown) => {
            throw toPlatformError(error);
          });
        for (const key of await artifacts.keys()) await sendArtifact(artifacts, key, receive);
        return counts;
      },
      close: () => connections.close(),
    };
  } catch (error) {
    await connections.close();
    throw toPlatformError(error);
  }
}

async function readFacts(session: Session): Promise<{ origin: string; migration: number; vaultKey: string | null }> {
  const { rows: names } = await session.query<{ name: string }>(
    `select tablename::text as name from pg_tables where schemaname = current_schema() and tablename in ('migrations', 'agreements')`,
  );
  if (!names.some(({ name }) => name === 'migrations'))
    throw new PlatformError('store_unavailable', 'Cannot read the store in PostgreSQL: the database holds nothing of Martlet.');
  const { rows: applied } = await session.query('select number, checksum, applied_at from migrations order by number');
  const { rows: keys } = names.some(({ name }) => name === 'agreements')
    ? await session.query<{ value: string }>(`select value from agreements where name = 'vault-key'`)
    : { rows: [] };
  return {
    origin: `postgres-${createHash('sha256').update(JSON.stringify(applied)).digest('hex').slice(0, 32)}`,
    migration: applied.length,
    vaultKey: keys[0]?.value ?? null,
  };
}

interface TableToSend {
  readonly table: CopiedTable;
  readonly after: string | undefined;
  readonly receive: Receive;
}

async function sendTable(session: Session, { table, after, receive }: TableToSend): Promise<void> {
  let last = after;
  for (let limit = nextLimit(table); ;) {
    const { rows: found } = await session.query<Record<string, CopyCell>>(
      pageStatement(table, last !== undefined, (number) => `$${number}`),
      [...(last === undefined ? [] : parseKey(last)), limit],
    );
    const rows = found.map((row) => table.columns.map((column) => row[column] ?? null));
    const end = rows.at(-1);
    if (end === undefined) return;
    last = keyOf(table, end);
    await receive({ kind: 'rows', table: table.name, columns: table.columns, rows, last });
    limit = nextLimit(table, rows);
  }
}

export async function countRows(session: Session, tables: readonly CopiedTable[]): Promise<CopyCounts> {
  const counts = new Map<string, number>();
  for (const { name } of tables) {
    const { rows } = await session.query<{ n: number }>(`select count(*) as n from "${name}"`);
    counts.set(name, rows[0]?.n ?? Number.NaN);
  }
  return counts;
}

/** One that was deleted since the keys were listed belongs to a deployment that is gone. */
async function sendArtifact(artifacts: Artifacts, key: string, receive: Receive): Promise<void> {
  const bytes = await artifacts.get(key);
  if (bytes !== undefined) await receive({ kind: 'artifact', key, bytes });
}
