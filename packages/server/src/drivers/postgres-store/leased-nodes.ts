/**
 * The servers that share the database, by its clock: theirs may differ. A node renews its lease long before it ends; one
 * that cannot, or that was stopped for too long, gives up by its own clock before another may take what it had.
 */
import type { NodeLease, NodeStore } from '../../ports/store/node-store.ts';
import type { Session } from '../postgres-connection/session.ts';

export interface LeasedNodesOptions {
  session<Result>(work: (session: Session) => Promise<Result>): Promise<Result>;
  readonly list: NodeStore['list'];
}

/** Milliseconds since 1970 by the clock of the database. */
const NOW = '(extract(epoch from clock_timestamp()) * 1000)::float8';
const RENEWALS_PER_LEASE = 5;

export function createLeasedNodes({ session, list }: LeasedNodesOptions): NodeStore {
  const ask = <Row>(text: string, values: readonly unknown[]): Promise<readonly Row[]> =>
    session(async (open) => (await open.query<Row>(text, values)).rows);

  return {
    async join({ id, name, leaseMs }) {
      const asked = performance.now();
      await ask(`insert into nodes (id, name, started_at, lease_until) values ($1, $2, ${NOW}, ${NOW} + $3::float8)`, [id, name, leaseMs]);
      return keep({ id, leaseMs, until: asked + leaseMs, ask });
    },
    list,
    async reap() {
      const rows = await ask<{ id: string }>(`delete from nodes where lease_until < ${NOW} returning id`, []);
      return rows.map(({ id }) => id);
    },
    async now() {
      const [row] = await ask<{ now: number }>(`select ${NOW} as now`, []);
      if (row === undefined) throw new Error('The database did not tell the time.');
      return row.now;
    },
  };
}

interface Kept {
  readonly id: string;
  readonly leaseMs: number;
  /** By `performance.now()`, counted from before the question: the database counts from later on. */
  readonly until: number;
  readonly ask: <Row>(text: string, values: readonly unknown[]) => Promise<readonly Row[]>;
}

function keep({ id, leaseMs, until, ask }: Kept): NodeLease {
  const lost = new AbortController();
  let end = until;
  let renewing = false;
  let leaving: Promise<void> | undefined;
  const timer = setInterval(() => void renew(), leaseMs / RENEWALS_PER_LEASE);
  timer.unref();

  function lose(reason: string): void {
    clearInterval(timer);
    lost.abort(new Error(reason));
  }

  async function renew(): Promise<void> {
    if (performance.now() >= end) return lose('The lease of this node ran out before it could be renewed.');
    if (renewing) return;
    renewing = true;
    const asked = performance.now();
    try {
      const rows = await ask(`update nodes set lease_until = ${NOW} + $2::float8 where id = $1 returning id`, [id, leaseMs]);
      if (leaving !== undefined) return;
      if (rows.length === 0) return lose('Another node took this one off the list.');
      end = asked + leaseMs;
    } catch {
      // Tried again at the next tick, until the lease is over: `lost` then says so.
    } finally {
      renewing = false;
    }
  }

  return {
    id,
    lost: lost.signal,
    leave() {
      clearInterval(timer);
      leaving ??= ask('delete from nodes where id = $1', [id]).then(() => undefined);
      return leaving;
    },
  };
}
