/**
 * The embedded store: one SQLite file, one thread that writes and reads by key, one thread that reads lists. See
 * docs/decisions/0003-store.md.
 */
import { PlatformError } from '@martlet/protocol';
import type { Log } from '../../ports/system/log.ts';
import type { Store } from '../../ports/store.ts';
import { operations, type RunOperation } from '../sql/operations.ts';
import { announcingNouns, createSqlNouns, type SqlDialect } from '../sql/sql-store.ts';
import { createOnlyNode } from './only-node.ts';
import { encodeBatch } from './execution-batch.ts';
import { startThread, type ThreadLink } from './thread-link.ts';
import type { RequestName } from './thread-messages.ts';

export interface SqliteStoreOptions {
  /** The database file; it and its folder are made where they are missing. */
  readonly path: string;
  readonly log: Log;
  /** Called when a fault of the storage has ended the writer: from then on nothing is written or read by key. Only a new process heals it. */
  readonly onFatal?: (error: PlatformError) => void;
  /** The entry of the threads. Default: the source beside this file; a bundle names its own bundle of `sqlite-thread.ts`. */
  readonly threadUrl?: URL;
}

interface Threads {
  readonly writer: ThreadLink;
  readonly reader: ThreadLink;
}

/** @throws from `open()`: `store_unavailable` for a file that is damaged, foreign, newer than this code, or on a network disk */
export function createSqliteStore({
  path,
  log,
  onFatal,
  threadUrl = new URL('./sqlite-thread.ts', import.meta.url),
}: SqliteStoreOptions): Store {
  let threads: Threads | undefined;
  let opening: Promise<void> | undefined;
  let closing: Promise<void> | undefined;

  async function open(): Promise<void> {
    const writer = startThread(threadUrl, { role: 'writer', path }, { log, onFatal });
    await writer.opened;
    // The reader opens what the writer has migrated; lists wait for it, nothing else does.
    const reader = startThread(threadUrl, { role: 'reader', path }, { log });
    threads = { writer, reader };
    reader.opened.catch((error: unknown) => log.error({ err: error }, 'the reader of the store cannot open it'));
  }

  async function close(): Promise<void> {
    // After a failed start there is nothing to close, and whoever called open() knows.
    await opening?.catch(() => undefined);
    const open = threads;
    threads = undefined;
    // The writer last: the last connection moves the whole WAL into the database file.
    await open?.reader.close();
    await open?.writer.close();
  }

  function ask(lane: keyof Threads, name: RequestName, input: unknown): Promise<unknown> {
    return (
      threads?.[lane].ask(name, input) ??
      Promise.reject(new PlatformError('store_unavailable', 'The store does not answer: it is not open.'))
    );
  }

  const run = ((name, input) => ask(operations[name].lane === 'list' ? 'reader' : 'writer', name, input)) as RunOperation;
  const dialect: SqlDialect = { run, writeExecutions: async (batch) => void (await ask('writer', 'executions.write', encodeBatch(batch))) };
  const nodes = createOnlyNode(run);
  return {
    ...createSqlNouns(dialect),
    nodes,
    announcing: (told) => announcingNouns(dialect, nodes, told),
    open: () => (opening ??= open()),
    close: () => (closing ??= close()),
  };
}
