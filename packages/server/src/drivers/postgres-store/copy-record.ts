/** What a database that is being filled by a copy remembers of it: so a copy goes on where it was cut, and no server starts on half of one. */
import { PlatformError } from '@martlet/protocol';
import type { CopyProgress } from '../../ports/copy.ts';
import type { Session } from '../postgres-connection/session.ts';
import { StoreFault } from '../sql/store-fault.ts';

const TABLE = 'create table if not exists copies (name text collate "C" primary key, value text not null)';
const LAST = 'last:';

export interface CopyRecord {
  readonly origin: string;
  readonly complete: boolean;
  readonly progress: CopyProgress;
}

export async function readCopyRecord(session: Session): Promise<CopyRecord | undefined> {
  const { rows: tables } = await session.query(`select 1 from pg_tables where schemaname = current_schema() and tablename = 'copies'`);
  if (tables.length === 0) return undefined;
  const { rows } = await session.query<{ name: string; value: string }>('select name, value from copies');
  const values = new Map(rows.map(({ name, value }) => [name, value]));
  const origin = values.get('origin');
  if (origin === undefined) return undefined;
  return {
    origin,
    complete: values.get('state') === 'complete',
    progress: new Map(rows.filter(({ name }) => name.startsWith(LAST)).map(({ name, value }) => [name.slice(LAST.length), value])),
  };
}

export async function beginCopyRecord(session: Session, origin: string): Promise<void> {
  await session.script(TABLE);
  await session.query(`insert into copies (name, value) values ('origin', $1), ('state', 'copying')`, [origin]);
}

/** In the transaction of a piece. @throws {PlatformError} `config_invalid` when another process copies into the database as well */
export async function recordPiece(
  session: Session,
  { table, before, last }: { table: string; before: string | undefined; last: string },
): Promise<void> {
  const { affected } =
    before === undefined
      ? await session.query('insert into copies (name, value) values ($1, $2) on conflict (name) do nothing', [LAST + table, last])
      : await session.query('update copies set value = $2 where name = $1 and value = $3', [LAST + table, last, before]);
  if (affected !== 1)
    throw new PlatformError('config_invalid', 'Cannot copy: another process copies into this database. Wait for it, or stop it.');
}

export async function endCopyRecord(session: Session): Promise<void> {
  await session.query(`update copies set value = 'complete' where name = 'state'`);
}

/** For a server that starts. @throws {StoreFault} `store_unavailable` */
export async function refuseUnfinishedCopy(session: Session): Promise<void> {
  const record = await readCopyRecord(session);
  if (record !== undefined && !record.complete)
    throw new StoreFault(
      'store_unavailable',
      'Cannot open the store in PostgreSQL: a copy into this database was not finished. Run the same "martlet migrate" or "martlet restore" again; it goes on where it was cut.',
    );
}
