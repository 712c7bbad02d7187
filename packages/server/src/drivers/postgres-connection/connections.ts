/**
 * A bounded number of connections. Those that break are replaced: by what the server says, by a question before a
 * connection is used that was idle, and, for one that does not answer, by asking the server on another one whether it
 * is still at work there. So a server that comes back is used again at once, also where the network told us nothing.
 */
import { Pool, type ClientBase, type PoolClient } from 'pg';
import { StoreFault } from '../sql/store-fault.ts';
import { endsSession, isAnswer, outcomeUnknown, toFault } from './faults.ts';
import { createSession, type Asked, type Session } from './session.ts';
import { beginOf, poolConfig, type PostgresSettings, type SessionLimits } from './settings.ts';
import { watchConnections } from './watch-connections.ts';

export interface Connections {
  /** Runs `work` with a connection of its own, each statement a transaction of its own. */
  use<Result>(work: (session: Session) => Promise<Result>): Promise<Result>;
  /**
   * Runs `work` in one transaction that writes.
   * @throws {StoreFault} `store_unavailable`; its message says so where it is not known whether the commit succeeded
   */
  write<Result>(work: (session: Session) => Promise<Result>): Promise<Result>;
  /** Runs `work`, which is one statement that writes, as a transaction by itself; it spares two round trips. Fails as `write` does. */
  writeAtOnce<Result>(work: (session: Session) => Promise<Result>): Promise<Result>;
  /** Runs `work` in one transaction that reads, all of it as of one moment. */
  read<Result>(work: (session: Session) => Promise<Result>): Promise<Result>;
  /** Waits for what is running, then closes every connection. */
  close(): Promise<void>;
}

export interface ConnectionsOptions {
  readonly settings: PostgresSettings;
  readonly limits: SessionLimits;
  readonly max: number;
}

/** A connection that was used this recently is taken for alive. */
const FRESH_MS = 1000;
const PING_MS = 1000;

interface Known extends Asked {
  readonly session: Session;
  usedAt: number;
}

export function createConnections({ settings, limits, max }: ConnectionsOptions): Connections {
  const pool = new Pool({ ...poolConfig(settings, limits, max), onConnect: refuseReadOnly });
  // A connection that breaks while nobody uses it is not missed: the next use opens another.
  pool.on('error', () => undefined);
  const known = new WeakMap<PoolClient, Known>();
  const busy = new Set<Known>();
  /** Connections last used before it are not trusted: one of their time has turned out dead. */
  let suspectedAt = 0;
  const watch = watchConnections({ settings, busy, onLost: () => (suspectedAt = Date.now()) });

  function knownOf(client: PoolClient): Known {
    const entry = known.get(client);
    if (entry !== undefined) return entry;
    // The statement in flight is rejected as well; without a listener the loss of a connection would end the process.
    client.on('error', () => undefined);
    const asked: Asked = { client, since: 0 };
    const made: Known = Object.assign(asked, { session: createSession(asked), usedAt: Date.now() });
    known.set(client, made);
    return made;
  }

  async function acquire(): Promise<Known> {
    for (;;) {
      const entry = knownOf(await pool.connect());
      const now = Date.now();
      if (entry.usedAt > suspectedAt && now - entry.usedAt < FRESH_MS) return entry;
      if (entry.usedAt > suspectedAt && (await answers(entry.client))) return entry;
      suspectedAt = Math.max(suspectedAt, entry.usedAt);
      entry.client.release(true);
    }
  }

  async function use<Result>(work: (session: Session) => Promise<Result>): Promise<Result> {
    let broken = false;
    const entry = await acquire().catch((error: unknown) => {
      throw toFault(error);
    });
    busy.add(entry);
    try {
      return await work(entry.session);
    } catch (error) {
      broken = endsSession(error);
      throw error;
    } finally {
      busy.delete(entry);
      entry.usedAt = Date.now();
      entry.client.release(broken);
    }
  }

  const transaction = <Result>(mode: string, work: (session: Session) => Promise<Result>): Promise<Result> =>
    use(async (session) => {
      await session.script(beginOf(settings, limits, mode));
      let result: Result;
      try {
        result = await work(session);
      } catch (error) {
        if (!endsSession(error)) await session.script('rollback');
        throw error;
      }
      await session.script('commit').catch((error: unknown) => {
        throw isAnswer(error) || mode !== WRITE ? error : outcomeUnknown(error);
      });
      return result;
    });

  return {
    use: (work) => (settings.pooled ? transaction(WRITE, work) : use(work)),
    write: (work) => transaction(WRITE, work),
    writeAtOnce: (work) =>
      settings.pooled
        ? transaction(WRITE, work)
        : use((session) =>
            work(session).catch((error: unknown) => {
              throw isAnswer(error) || !endsSession(error) ? error : outcomeUnknown(error);
            }),
          ),
    read: (work) => transaction('isolation level repeatable read read only', work),
    async close() {
      watch.stop();
      await pool.end();
    },
  };
}

const WRITE = 'isolation level read committed read write';

async function refuseReadOnly(client: ClientBase): Promise<void> {
  const { rows } = await client.query<{ transaction_read_only: string }>('show transaction_read_only');
  if (rows[0]?.transaction_read_only !== 'off')
    throw new StoreFault(
      'store_unavailable',
      'The database does not take writes: it is read-only or a standby. Connect to the primary server.',
    );
}

async function answers(client: PoolClient): Promise<boolean> {
  const { promise: late, resolve } = Promise.withResolvers<false>();
  const timer = setTimeout(() => resolve(false), PING_MS);
  const pong = client.query('select 1').then(
    () => true,
    () => false,
  );
  try {
    return await Promise.race([pong, late]);
  } finally {
    clearTimeout(timer);
  }
}
