/** Writes a copy into an empty PostgreSQL database, piece by piece; each is recorded with the rows of it. */
import { PlatformError } from '@martlet/protocol';
import type { Artifacts } from '../../ports/artifacts.ts';
import type { CopyTarget, RowsPiece } from '../../ports/copy.ts';
import { createConnections } from '../postgres-connection/connections.ts';
import { toPlatformError } from '../postgres-connection/faults.ts';
import type { Session } from '../postgres-connection/session.ts';
import { readSettings } from '../postgres-connection/settings.ts';
import { insertStatement, type CopiedTable } from '../sql/copied-table.ts';
import { migrations } from '../sql/migration.ts';
import { beginCopyRecord, endCopyRecord, readCopyRecord, recordPiece } from './copy-record.ts';
import { migrate } from './migrate.ts';
import { countRows } from './postgres-copy-source.ts';

export interface PostgresCopyTargetOptions {
  readonly url: string;
  /** Asked for once the database has turned out to be fit. */
  readonly artifacts: () => Promise<Artifacts>;
  readonly tablesOf: (migration: number) => readonly CopiedTable[];
}

const LIMITS = { statementMs: 120_000, lockMs: 30_000 };
/** The protocol counts values with 16 bits. */
const VALUES_MAX = 60_000;

export function createPostgresCopyTarget({ url, artifacts: openArtifacts, tablesOf }: PostgresCopyTargetOptions): CopyTarget {
  const connections = createConnections({ settings: readSettings(url), limits: LIMITS, max: 1 });
  const ends = new Map<string, string>();
  let tables: readonly CopiedTable[] = [];
  let resumed = false;
  let opened: Promise<Artifacts> | undefined;
  const writing = async <Result>(work: (session: Session) => Promise<Result>): Promise<Result> => {
    try {
      return await connections.write(work);
    } catch (error) {
      throw toPlatformError(error);
    }
  };

  return {
    begin({ origin, migration }) {
      tables = tablesOf(migration);
      return writing(async (session) => {
        const record = await readCopyRecord(session);
        if (record?.complete === true && record.origin === origin) return 'complete';
        await migrate(session, migrations.slice(0, migration));
        if (record === undefined) {
          await refuseRows(session, tables);
          await beginCopyRecord(session, origin);
        } else if (record.origin !== origin || record.complete) throw notEmpty('a copy of another source');
        resumed = record !== undefined;
        for (const [table, last] of record?.progress ?? []) ends.set(table, last);
        return new Map(ends);
      });
    },
    async write(piece) {
      if (piece.kind === 'artifact') {
        const artifacts = await (opened ??= openArtifacts());
        // What is under a key now was put there before the cut.
        if (!resumed || !(await artifacts.has(piece.key))) await artifacts.put(piece.key, piece.bytes);
        return;
      }
      await writing((session) => writeRows(session, piece, ends.get(piece.table)));
      ends.set(piece.table, piece.last);
    },
    counts: () => writing((session) => countRows(session, tables)),
    finish: () =>
      writing(async (session) => {
        for (const { name, columns } of tables) if (columns.includes('seq')) await continueCounting(session, name);
        await endCopyRecord(session);
      }),
    close: () => connections.close(),
  };
}

async function writeRows(session: Session, { table, columns, rows, last }: RowsPiece, before: string | undefined): Promise<void> {
  const atOnce = Math.max(1, Math.floor(VALUES_MAX / columns.length));
  for (let from = 0; from < rows.length; from += atOnce) {
    const some = rows.slice(from, from + atOnce);
    // Rows keep their number in the order of insertion, which the database would give them anew.
    const overriding = 'overriding system value';
    await session.query(
      insertStatement({ name: table, columns }, { rows: some.length, mark: (number) => `$${number}`, overriding }),
      some.flatMap((row) => row.map((cell) => (cell instanceof Uint8Array ? Buffer.from(cell) : cell))),
    );
  }
  await recordPiece(session, { table, before, last });
}

async function continueCounting(session: Session, table: string): Promise<void> {
  await session.query(
    `select setval(pg_get_serial_sequence('"${table}"', 'seq'), greatest((select max(seq) from "${table}"), 1), (select max(seq) from "${table}") is not null)`,
  );
}

async function refuseRows(session: Session, tables: readonly CopiedTable[]): Promise<void> {
  for (const { name } of tables) {
    const { rows } = await session.query(`select 1 from "${name}" limit 1`);
    if (rows.length > 0) throw notEmpty(`rows in its table "${name}"`);
  }
}

function notEmpty(what: string): PlatformError {
  return new PlatformError(
    'config_invalid',
    `Cannot copy into this database: it holds ${what}. Name a database that is empty, for example one made anew by "createdb".`,
  );
}
