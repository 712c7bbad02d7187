/**
 * Keeps one node on the list, from a thread and a connection of its own: a main loop that is busy, or a pool of which
 * every connection is taken, must not cost the node its lease. A main loop that is dead must: then nobody ends what the
 * node has taken, and another node shall have it.
 */
import { setTimeout as wait } from 'node:timers/promises';
import { parentPort, workerData } from 'node:worker_threads';
import { createConnections } from '../postgres-connection/connections.ts';
import { toPlatformError } from '../postgres-connection/faults.ts';
import { readSettings } from '../postgres-connection/settings.ts';
import { DATABASE_NOW } from '../sql/queue/database-now.ts';
import { leaseClock, steadyNow, type LeaseNews, type LeaseOrder, type LeaseThreadData } from './lease-words.ts';

const RENEWALS_PER_LEASE = 6;
/** A main loop that was not seen for so many leases is dead, not busy. */
const DEAD_LEASES = 4;
const STATEMENT_MS = 3000;
/** More than one, so that those that were lost with their question do not hold up the next. */
const CONNECTIONS = 3;

const { url, node, moments } = workerData as LeaseThreadData;
const clock = leaseClock(moments);
const connections = createConnections({
  settings: readSettings(url),
  limits: { statementMs: STATEMENT_MS, lockMs: STATEMENT_MS },
  max: CONNECTIONS,
});
const leaving = new AbortController();

function tell(news: LeaseNews): void {
  // oxlint-disable-next-line require-post-message-target-origin -- a thread is no window
  parentPort?.postMessage(news);
}

/** @returns rows that were written */
async function write(text: string, values: readonly unknown[]): Promise<number> {
  const { affected } = await connections.writeAtOnce((session) => session.query(text, values));
  return affected;
}

async function join(): Promise<void> {
  const asked = steadyNow();
  await write(`insert into nodes (id, name, started_at, lease_until) values ($1, $2, ${DATABASE_NOW}, ${DATABASE_NOW} + $3::float8)`, [
    node.id,
    node.name,
    node.leaseMs,
  ]);
  clock.renewedAt = asked;
  tell({ word: 'joined' });
}

/** Until the node leaves, or its row is gone. A renewal that is late is not waited for: the next one goes over another connection. */
async function keep(): Promise<void> {
  const gone = new AbortController();
  const over = AbortSignal.any([leaving.signal, gone.signal]);
  let waiting = 0;
  for (;;) {
    await wait(node.leaseMs / RENEWALS_PER_LEASE, undefined, { signal: over }).catch(() => undefined);
    if (over.aborted) break;
    if (waiting === CONNECTIONS || steadyNow() - clock.aliveAt > node.leaseMs * DEAD_LEASES) continue;
    waiting += 1;
    void renew().then((isListed) => {
      waiting -= 1;
      if (!isListed) gone.abort();
    });
  }
  if (!leaving.signal.aborted) tell({ word: 'gone' });
}

/** @returns whether the node is on the list still, as far as is known */
async function renew(): Promise<boolean> {
  const asked = steadyNow();
  try {
    if ((await write(`update nodes set lease_until = ${DATABASE_NOW} + $2::float8 where id = $1`, [node.id, node.leaseMs])) === 0)
      return false;
    clock.renewedAt = Math.max(clock.renewedAt, asked);
  } catch {
    // Tried again at the next turn. The server sees by itself when the lease has become too old.
  }
  return true;
}

parentPort?.on('message', (order: LeaseOrder) => {
  if (order === 'leave') leaving.abort();
});

try {
  await join();
  await keep();
  if (leaving.signal.aborted) {
    await write('delete from nodes where id = $1', [node.id]);
    tell({ word: 'left' });
  }
} catch (error) {
  tell({ word: 'failed', code: 'store_unavailable', message: toPlatformError(error).message });
}
await connections.close().catch(() => undefined);
parentPort?.close();
