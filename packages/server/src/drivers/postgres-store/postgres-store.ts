/**
 * The store for several nodes: PostgreSQL 15 or newer. Writes of one noun keep their order, those of different nouns do
 * not wait for each other; a read by key waits for the writes of its noun that were asked for before it. See
 * docs/postgres.md.
 */
import { PlatformError } from '@martlet/protocol';
import type { Store } from '../../ports/store.ts';
import { createConnections, type Connections } from '../postgres-connection/connections.ts';
import { toPlatformError } from '../postgres-connection/faults.ts';
import type { Session } from '../postgres-connection/session.ts';
import { readSettings } from '../postgres-connection/settings.ts';
import { operations, type OperationName, type RunOperation } from '../sql/operations.ts';
import type { Database } from '../sql/schema.ts';
import { announcingNouns, createSqlNouns, type SqlDialect } from '../sql/sql-store.ts';
import { refuseUnfinishedCopy } from './copy-record.ts';
import { encodeBatch } from './execution-batch.ts';
import { isOneStatement, laneName, lanesBefore } from './lanes.ts';
import { createLeasedNodes } from './leased-nodes.ts';
import { migrate } from './migrate.ts';
import { ownOperations } from './own-operations.ts';
import { createWriteLane, type WriteLane } from './write-lane.ts';

export interface PostgresStoreOptions {
  /** `postgres://…`, with TLS as its `sslmode` says; `pgbouncer=true` for a pooler that shares connections per transaction. */
  readonly url: string;
  /** Connections to the database, at least 4. Default 12. */
  readonly connections?: number;
  /** The entry of the lease thread. Default: the source beside this file; a bundle names its own bundle of `lease-thread.ts`. */
  readonly leaseThreadUrl?: URL;
}

interface Open {
  /** For writes and reads by key, which never wait for a list. */
  readonly quick: Connections;
  readonly lists: Connections;
  readonly lanes: Map<string, WriteLane>;
}

const QUICK = { statementMs: 10_000, lockMs: 5000 };
const LISTS = { statementMs: 30_000, lockMs: 5000 };
const CONNECTIONS = 12;
const CONNECTIONS_MIN = 4;

/** @throws {PlatformError} `config_invalid` for a connection string that is none; from `open()`: `store_unavailable` with the reason */
export function createPostgresStore({
  url,
  connections = CONNECTIONS,
  leaseThreadUrl = new URL('./lease-thread.ts', import.meta.url),
}: PostgresStoreOptions): Store {
  const settings = orPlatformError(() => readSettings(url));
  const forLists = Math.max(1, Math.floor(Math.max(connections, CONNECTIONS_MIN) / 4));
  const running = new Set<Promise<unknown>>();
  let current: Open | undefined;
  let opening: Promise<void> | undefined;
  let closing: Promise<void> | undefined;

  async function open(): Promise<void> {
    const quick = createConnections({ settings, limits: QUICK, max: Math.max(connections, CONNECTIONS_MIN) - forLists });
    try {
      await quick.write(async (session) => {
        await refuseUnfinishedCopy(session);
        await migrate(session);
      });
    } catch (error) {
      await quick.close();
      throw toPlatformError(error);
    }
    current = { quick, lists: createConnections({ settings, limits: LISTS, max: forLists }), lanes: new Map() };
  }

  async function close(): Promise<void> {
    // After a failed start there is nothing to close, and whoever called open() knows.
    await opening?.catch(() => undefined);
    await nodes.close();
    const closed = current;
    current = undefined;
    await Promise.allSettled(running);
    await Promise.all([closed?.quick.close(), closed?.lists.close()]);
  }

  /** Runs what needs an open store, and is waited for by `close()`. */
  async function whileOpen<Result>(work: (open: Open) => Promise<Result>): Promise<Result> {
    if (current === undefined) throw new PlatformError('store_unavailable', 'The store does not answer: it is not open.');
    const promise = work(current);
    running.add(promise);
    try {
      return await promise;
    } catch (error) {
      throw toPlatformError(error);
    } finally {
      running.delete(promise);
    }
  }

  const run = ((name, input) => whileOpen((open) => ask(open, name, input))) as RunOperation;
  const nodes = createLeasedNodes({
    url,
    threadUrl: leaseThreadUrl,
    session: (work) => whileOpen(({ quick }) => quick.use(work)),
    list: () => run('nodes.list', undefined),
  });
  const dialect: SqlDialect = {
    run,
    writeExecutions: (batch) =>
      whileOpen(async (open) => {
        await laneOf(open, 'executions').add({ batch: encodeBatch(batch) });
      }),
  };
  return {
    ...createSqlNouns(dialect),
    nodes,
    announcing: (told) => announcingNouns(dialect, nodes, told),
    open: () => (opening ??= open()),
    close: () => (closing ??= close()),
  };
}

async function ask(open: Open, name: OperationName, input: unknown): Promise<unknown> {
  const operation = (ownOperations[name] ?? operations[name].run) as (db: Database, input: unknown) => Promise<unknown>;
  const operate = ({ db }: Session): Promise<unknown> => operation(db, input);
  switch (operations[name].lane) {
    case 'write':
      return laneOf(open, laneName(name)).add({ operate, isOneStatement: isOneStatement(name, input) });
    case 'point':
      await Promise.all(lanesBefore(name).map((before) => open.lanes.get(before)?.settled()));
      return open.quick.use(operate);
    case 'list':
      return open.lists.read(operate);
  }
}

function laneOf({ lanes, quick }: Open, name: string): WriteLane {
  const lane = lanes.get(name) ?? createWriteLane(quick);
  lanes.set(name, lane);
  return lane;
}

function orPlatformError<Result>(read: () => Result): Result {
  try {
    return read();
  } catch (error) {
    throw toPlatformError(error);
  }
}
