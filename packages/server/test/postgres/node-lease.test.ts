/** The lease of a node: what must not cost it the lease, and what must. */
import { setTimeout as wait } from 'node:timers/promises';
import pg from 'pg';
import { describe, expect, inject, it } from 'vitest';
import { createPostgresStore } from '../../src/drivers/postgres-store/postgres-store.ts';
import type { Store } from '../../src/ports/store.ts';
import { suiteName } from '../support/suite-name.ts';
import { sharedPostgres, whyNoPostgres } from './shared-postgres.ts';
import { createTcpProxy } from './tcp-proxy.ts';

const skipped = whyNoPostgres();
const server = skipped === undefined ? await sharedPostgres(inject('postgresFolder')) : { createDatabase: () => Promise.resolve('') };

async function withStores(count: number, use: (stores: Store[], url: string) => Promise<void>): Promise<void> {
  const url = await server.createDatabase();
  const stores = Array.from({ length: count }, () => createPostgresStore({ url, connections: 4 }));
  try {
    await Promise.all(stores.map((store) => store.open()));
    await use(stores, url);
  } finally {
    await Promise.all(stores.map((store) => store.close()));
  }
}

/** Nothing else of this process runs meanwhile, but for threads. */
function block(ms: number): void {
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, ms);
}

async function until(check: () => boolean, ms: number): Promise<number> {
  const started = performance.now();
  while (!check()) {
    if (performance.now() - started > ms) throw new Error(`It did not become true within ${ms} ms`);
    await wait(10);
  }
  return performance.now() - started;
}

describe.skipIf(skipped !== undefined)(suiteName('the lease of a node', skipped), () => {
  it('is kept while the main loop is busy for longer than the lease', () =>
    withStores(2, async ([mine, other]) => {
      const lease = await mine?.nodes.join({ id: 'busy', name: 'busy', leaseMs: 2000 });
      block(4000);
      await expect(other?.nodes.reap()).resolves.toEqual([]);
      await wait(200);
      expect(lease?.lost.aborted).toBe(false);
      await lease?.leave();
      await expect(other?.nodes.list()).resolves.toEqual([]);
    }));

  it('is kept while every connection of the store waits', () =>
    withStores(2, async ([mine, other], url) => {
      const lease = await mine?.nodes.join({ id: 'full', name: 'full', leaseMs: 2000 });
      const blocker = new pg.Client({ connectionString: url });
      await blocker.connect();
      await blocker.query('begin; lock table functions in access exclusive mode');
      const waiting = Array.from({ length: 12 }, (_, index) => mine?.functions.get('default', `f${index}`));
      await wait(4000);
      await expect(other?.nodes.reap()).resolves.toEqual([]);
      expect(lease?.lost.aborted).toBe(false);
      await blocker.query('rollback');
      await blocker.end();
      await expect(Promise.all(waiting)).resolves.toHaveLength(12);
      await lease?.leave();
    }));

  it('ends when the main loop is dead, and the node knows when it wakes up', () =>
    withStores(2, async ([mine, other]) => {
      const lease = await mine?.nodes.join({ id: 'dead', name: 'dead', leaseMs: 600 });
      // Four leases without a sign of life, then one that runs out.
      block(4500);
      await expect(other?.nodes.reap()).resolves.toEqual(['dead']);
      await until(() => lease?.lost.aborted === true, 1000);
      await lease?.leave();
    }));

  it('is lost at once when another node took it off the list', () =>
    withStores(1, async ([mine], url) => {
      const lease = await mine?.nodes.join({ id: 'reaped', name: 'reaped', leaseMs: 3000 });
      const client = new pg.Client({ connectionString: url });
      await client.connect();
      await client.query('delete from nodes');
      await client.end();
      await until(() => lease?.lost.aborted === true, 1900);
      expect(lease?.lost.reason).toMatchObject({ message: expect.stringContaining('off the list') });
      await lease?.leave();
    }));

  it('is given up by the node before others may take it, when the database is out of reach', () =>
    withStores(1, async ([watcher], url) => {
      const proxy = await createTcpProxy(Number(new URL(url).port));
      const far = new URL(url);
      far.port = String(proxy.port);
      const store = createPostgresStore({ url: far.toString(), connections: 4 });
      await store.open();
      const lease = await store.nodes.join({ id: 'cut', name: 'cut', leaseMs: 6000 });
      proxy.swallow();
      await until(() => lease.lost.aborted, 6000);
      // Whoever asks now finds it alive for a while yet, by the clock of the database.
      await expect(watcher?.nodes.reap()).resolves.toEqual([]);
      await until(() => lease.lost.aborted, 1);
      await wait(3500);
      await expect(watcher?.nodes.reap()).resolves.toEqual(['cut']);
      proxy.heal();
      await proxy.close();
      await store.close();
    }));

  it('is kept by another connection when one is lost with the question that it carries', () =>
    withStores(1, async ([watcher], url) => {
      const proxy = await createTcpProxy(Number(new URL(url).port));
      const far = new URL(url);
      far.port = String(proxy.port);
      // Through a pooler nobody watches over connections.
      far.searchParams.set('pgbouncer', 'true');
      const store = createPostgresStore({ url: far.toString(), connections: 4 });
      await store.open();
      const lease = await store.nodes.join({ id: 'hung', name: 'hung', leaseMs: 6000 });
      proxy.cutAt('update nodes set lease_until');
      await wait(7500);
      expect(lease.lost.aborted).toBe(false);
      await expect(watcher?.nodes.reap()).resolves.toEqual([]);
      await lease.leave();
      await store.close();
      await proxy.close();
    }));

  it('is refused where the database is away, with the reason', async () => {
    const store = createPostgresStore({ url: 'postgres://nobody@127.0.0.1:1/none' });
    await expect(store.nodes.join({ id: 'x', name: 'x', leaseMs: 1000 })).rejects.toMatchObject({ code: 'store_unavailable' });
    await store.close();
  });
});
