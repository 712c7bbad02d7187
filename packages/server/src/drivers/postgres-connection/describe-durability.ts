/** What a database promises about commits, in words: for `martlet doctor`. */
import { createConnections } from './connections.ts';
import { toPlatformError } from './faults.ts';
import { describeDatabase, readSettings } from './settings.ts';

export interface DatabaseCheck {
  readonly feature: string;
  /** `broken`: a server does not start, or an acknowledged write is lost with the next crash. */
  readonly state: 'good' | 'weak' | 'broken';
  readonly detail: string;
}

interface Facts {
  readonly version: string;
  readonly version_number: number;
  readonly encoding: string;
  readonly fsync: string;
  readonly full_page_writes: string;
  readonly session_commit: string;
  readonly standbys: string;
  readonly streaming: number;
  readonly in_recovery: boolean;
}

const LIMITS = { statementMs: 5000, lockMs: 5000 };
const VERSION_MIN = 150_000;

/** Writes nothing. @throws {PlatformError} `config_invalid` for a connection string that is none */
export async function describeDurability(url: string): Promise<readonly DatabaseCheck[]> {
  const settings = orPlatformError(() => readSettings(url));
  const connections = createConnections({ settings, limits: LIMITS, max: 1 });
  try {
    const { rows } = await connections.write((session) =>
      session.query<Facts>(
        `select current_setting('server_version') as version, current_setting('server_version_num')::int as version_number,
           current_setting('server_encoding') as encoding, current_setting('fsync') as fsync,
           current_setting('full_page_writes') as full_page_writes,
           current_setting('synchronous_commit') as session_commit,
           current_setting('synchronous_standby_names') as standbys,
           (select count(*)::int from pg_stat_replication) as streaming, pg_is_in_recovery() as in_recovery`,
      ),
    );
    const [facts] = rows;
    return facts === undefined ? [] : [reached(describeDatabase(settings), facts), ...judge(facts)];
  } catch (error) {
    return [{ feature: 'database', state: 'broken', detail: `${describeDatabase(settings)}: ${toPlatformError(error).message}` }];
  } finally {
    await connections.close();
  }
}

function reached(name: string, { version, version_number, encoding, in_recovery }: Facts): DatabaseCheck {
  const found = `${name}, PostgreSQL ${version}, ${encoding}`;
  const problem =
    version_number < VERSION_MIN
      ? '15 or newer is needed'
      : encoding !== 'UTF8'
        ? 'its encoding must be UTF8'
        : in_recovery
          ? 'a standby'
          : '';
  return { feature: 'database', state: problem === '' ? 'good' : 'broken', detail: problem === '' ? found : `${found}: ${problem}` };
}

export function judge(facts: Pick<Facts, 'fsync' | 'full_page_writes' | 'session_commit' | 'standbys' | 'streaming'>): DatabaseCheck[] {
  const { fsync, full_page_writes: pages, session_commit: commit } = facts;
  return [
    {
      feature: 'database fsync',
      state: fsync === 'on' ? 'good' : 'broken',
      detail: fsync === 'on' ? 'on: a commit is on disk' : 'off: a crash of the machine can destroy the database. Set fsync = on',
    },
    {
      feature: 'database full_page_writes',
      state: pages === 'on' ? 'good' : 'weak',
      detail: pages === 'on' ? 'on' : 'off: a crash may leave half a page, unless the file system writes pages whole',
    },
    {
      feature: 'database synchronous_commit',
      state: commit === 'off' ? 'broken' : 'good',
      detail: commit === 'off' ? 'off: a crash loses the last commits' : `${commit} in every session of Martlet`,
    },
    standbysOf(facts),
  ];
}

function standbysOf({ standbys, streaming }: Pick<Facts, 'standbys' | 'streaming'>): DatabaseCheck {
  const feature = 'database standbys';
  if (standbys !== '')
    return {
      feature,
      state: 'good',
      detail: `synchronous (${standbys}): a failover loses no commit; writes wait while too few of them answer`,
    };
  if (streaming > 0)
    return {
      feature,
      state: 'weak',
      detail: `${streaming} asynchronous: a failover may lose the last commits. Set synchronous_standby_names`,
    };
  return {
    feature,
    state: 'good',
    detail: 'none: a crash loses nothing, and Martlet waits until the server is back; its disk is the only copy',
  };
}

function orPlatformError<Result>(read: () => Result): Result {
  try {
    return read();
  } catch (error) {
    throw toPlatformError(error);
  }
}
