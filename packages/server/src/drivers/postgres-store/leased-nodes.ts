/**
 * The servers that share the database, by its clock: theirs may differ. A thread renews the lease of a node; the node
 * gives up by its own clock, when the lease was not renewed for long, before another one may take what it had.
 */
import { Worker } from 'node:worker_threads';
import { PlatformError } from '@martlet/protocol';
import type { NodeLease, NodeStore } from '../../ports/store/node-store.ts';
import type { Session } from '../postgres-connection/session.ts';
import { DATABASE_NOW } from '../sql/queue/database-now.ts';
import { leaseClock, LOST_AT, MOMENTS_BYTES, steadyNow, type LeaseNews, type LeaseOrder, type LeaseThreadData } from './lease-words.ts';

export interface LeasedNodesOptions {
  readonly url: string;
  /** The entry of the lease thread. */
  readonly threadUrl: URL;
  session<Result>(work: (session: Session) => Promise<Result>): Promise<Result>;
  readonly list: NodeStore['list'];
}

export interface LeasedNodes extends NodeStore {
  /** Renews nothing any more; a lease that was not left is lost to its node now, and to others when it runs out. */
  close(): Promise<void>;
}

const LOOKS_PER_LEASE = 30;

export function createLeasedNodes({ url, threadUrl, session, list }: LeasedNodesOptions): LeasedNodes {
  const ask = <Row>(text: string): Promise<readonly Row[]> => session(async (open) => (await open.query<Row>(text)).rows);
  const held = new Set<HeldLease>();

  return {
    async join(node) {
      const lease = hold(threadUrl, { url, node, moments: new SharedArrayBuffer(MOMENTS_BYTES) });
      held.add(lease);
      void lease.ended.then(() => held.delete(lease));
      await lease.joined;
      return { id: node.id, lost: lease.lost, leave: lease.leave };
    },
    list,
    async reap() {
      const rows = await ask<{ id: string }>(`delete from nodes where lease_until < ${DATABASE_NOW} returning id`);
      return rows.map(({ id }) => id);
    },
    async now() {
      const [row] = await ask<{ now: number }>(`select ${DATABASE_NOW} as now`);
      if (row === undefined) throw new Error('The database did not tell the time.');
      return row.now;
    },
    async close() {
      await Promise.all([...held].map((lease) => lease.drop()));
    },
  };
}

interface HeldLease extends Pick<NodeLease, 'lost' | 'leave'> {
  /** @throws {PlatformError} `store_unavailable` */
  readonly joined: Promise<void>;
  /** When the thread is no more. */
  readonly ended: Promise<void>;
  /** Ends the thread without a word to the database. */
  drop(): Promise<void>;
}

function hold(threadUrl: URL, data: LeaseThreadData): HeldLease {
  const clock = leaseClock(data.moments);
  const lost = new AbortController();
  const joined = Promise.withResolvers<void>();
  const ended = Promise.withResolvers<void>();
  let leaving: Promise<void> | undefined;
  let hasLeft = false;
  let failure = new PlatformError('store_unavailable', 'The thread that keeps this node on the list has ended.');
  clock.aliveAt = steadyNow();
  // With the environment: it may name the user, the password and the certificates, as for every client of PostgreSQL.
  const worker = new Worker(threadUrl, { workerData: data, name: 'martlet-lease', execArgv: [] });
  const timer = setInterval(look, data.node.leaseMs / LOOKS_PER_LEASE);
  timer.unref();

  function look(): void {
    const now = steadyNow();
    clock.aliveAt = now;
    if (clock.renewedAt > 0 && now - clock.renewedAt > data.node.leaseMs * LOST_AT) lose('it could not be renewed in time');
  }

  /** The thread ends with it: a lease that was given up must not look alive to others. */
  function lose(reason: string): void {
    clearInterval(timer);
    if (hasLeft || lost.signal.aborted) return;
    lost.abort(new Error(`The lease of this node is lost: ${reason}.`));
    if (leaving === undefined) void worker.terminate();
  }

  worker.on('message', (news: LeaseNews) => {
    if (news.word === 'joined') joined.resolve();
    if (news.word === 'left') hasLeft = true;
    if (news.word === 'gone') lose('another node took this one off the list');
    if (news.word === 'failed') failure = new PlatformError(news.code, news.message);
  });
  worker.on('error', (error) => {
    failure = new PlatformError('store_unavailable', {
      message: `The thread that keeps this node on the list failed: ${error.message}`,
      cause: error,
    });
  });
  worker.on('exit', () => {
    if (leaving === undefined) lose('the thread that renews it has ended');
    clearInterval(timer);
    joined.reject(failure);
    ended.resolve();
  });

  async function leave(): Promise<void> {
    // What is lost is off the list already, or soon by its time.
    if (lost.signal.aborted) return;
    // oxlint-disable-next-line require-post-message-target-origin -- a thread is no window
    worker.postMessage('leave' satisfies LeaseOrder);
    await ended.promise;
    if (!hasLeft) throw failure;
  }

  return {
    lost: lost.signal,
    joined: joined.promise,
    ended: ended.promise,
    leave: () => (leaving ??= leave()),
    async drop() {
      await worker.terminate();
      await ended.promise;
    },
  };
}
