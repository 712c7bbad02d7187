/** Brings a database to the schema of this code, or refuses it: a newer one, a foreign one, one that cannot hold our texts. */
import { createHash } from 'node:crypto';
import type { Session } from '../postgres-connection/session.ts';
import { migrations, type Migration, type SqlWords } from '../sql/migration.ts';
import { StoreFault } from '../sql/store-fault.ts';

const words: SqlWords = {
  seq: 'bigint generated always as identity primary key',
  int: 'bigint',
  real: 'double precision',
  bytes: 'bytea',
  strict: '',
  ownerKey: (projectId, functionId) =>
    `(('x' || substr(encode(sha256(convert_to('[' || to_json(${projectId}) || ',' || to_json(${functionId}::text) || ']', 'UTF8')), 'hex'), 1, 12))::bit(48)::bigint / 2)`,
};

const VERSION_MIN = 15;
/** "Mart" and the number of what is locked. */
const MIGRATION_LOCK = 0x4d61727400;
const WAIT_FOR_LOCK_MS = 120_000;

interface Applied {
  readonly number: number;
  readonly name: string;
  readonly checksum: string;
}

/** In one transaction that writes: all missing migrations are applied or none. */
export async function migrate(session: Session, all: readonly Migration[] = migrations): Promise<void> {
  // A lock of the transaction, so that it works through a pooler: of nodes that start at once the first one migrates.
  await session.script(`set local lock_timeout = ${WAIT_FOR_LOCK_MS}; set local statement_timeout = 0`);
  await session.query('select pg_advisory_xact_lock($1)', [MIGRATION_LOCK]);
  await refuseUnfit(session);
  const applied = await readPast(session);
  refuseForeignPast(applied, all);
  const missing = all.slice(applied.length);
  for (const migration of missing) {
    await session.script(migration.sql(words));
    await session.query('insert into migrations (number, name, checksum, applied_at) values ($1, $2, $3, $4)', [
      migration.number,
      migration.name,
      checksumOf(migration),
      Date.now(),
    ]);
  }
  if (missing.length > 0) await sortByBytes(session);
}

async function refuseUnfit(session: Session): Promise<void> {
  const { rows } = await session.query<{ version: string; encoding: string }>(
    `select current_setting('server_version_num') as version, current_setting('server_encoding') as encoding`,
  );
  const major = Math.floor(Number(rows[0]?.version) / 10_000);
  if (!(major >= VERSION_MIN)) throw unusable(`the server is PostgreSQL ${major}, and ${VERSION_MIN} is needed`);
  if (rows[0]?.encoding !== 'UTF8')
    throw unusable(
      `its encoding is ${rows[0]?.encoding}, which cannot hold every text. Create it with "encoding 'UTF8' template template0"`,
    );
}

async function readPast(session: Session): Promise<readonly Applied[]> {
  const { rows: tables } = await session.query<{ name: string }>(
    `select tablename::text as name from pg_tables where schemaname = current_schema()`,
  );
  if (tables.some(({ name }) => name === 'migrations')) {
    const { rows } = await session.query<Applied>('select number, name, checksum from migrations order by number');
    return rows;
  }
  const [other] = tables;
  if (other !== undefined) throw unusable(`it holds tables that are not of Martlet ("${other.name}"). Give Martlet a database of its own`);
  await session.script(
    'create table migrations (number bigint primary key, name text not null, checksum text not null, applied_at bigint not null)',
  );
  return [];
}

function refuseForeignPast(applied: readonly Applied[], all: readonly Migration[]): void {
  for (const [index, past] of applied.entries()) {
    const known = all[index];
    if (known === undefined)
      throw unusable(
        `it was written by a newer Martlet (migration ${past.number} "${past.name}" is not known here). Start that version, or restore a backup of before the upgrade`,
      );
    if (past.number !== known.number || past.checksum !== checksumOf(known))
      throw unusable(
        `its migration ${past.number} "${past.name}" is not the one of this Martlet. Start the version that wrote it, or restore a backup`,
      );
  }
}

/** Texts shall have one order, that of SQLite, whatever language the database was made for. */
async function sortByBytes(session: Session): Promise<void> {
  const { rows } = await session.query<{ name: string; columns: string }>(
    `select table_name::text as name,
            string_agg(format('alter column %I type text collate "C"', column_name), ', ' order by ordinal_position) as columns
     from information_schema.columns
     where table_schema = current_schema() and data_type = 'text' and collation_name is distinct from 'C'
     group by table_name order by table_name`,
  );
  for (const { name, columns } of rows) await session.script(`alter table "${name}" ${columns}`);
}

function checksumOf(migration: Migration): string {
  return createHash('sha256').update(migration.sql(words)).digest('hex');
}

function unusable(reason: string): StoreFault {
  return new StoreFault('store_unavailable', `Cannot open the store in PostgreSQL: ${reason}.`);
}
