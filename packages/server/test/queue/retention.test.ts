/** Retention, where there is more to delete than one sweep has time for. */
import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { createMemoryStore } from '../../src/drivers/memory-store/memory-store.ts';
import { startRetention } from '../../src/services/upkeep/retention.ts';
import { aFunction, aQuery, aSchedule } from '../support/rows.ts';

const DAY = 86_400_000;
const log = { debug() {}, info() {}, warn() {}, error() {} };
const clock = { now: () => Date.now(), uniqueMicros: () => Date.now() * 1000 };

beforeEach(() => void vi.useFakeTimers({ now: Date.UTC(2026, 5, 1) }));
afterEach(() => void vi.useRealTimers());

async function openStore() {
  const store = createMemoryStore();
  await store.open();
  await store.functions.insert(aFunction());
  return store;
}

it('deletes a schedule that ran once when its executions go', async () => {
  const store = await openStore();
  const once = { expression: '', nextDue: null };
  await store.schedules.insert(aSchedule({ ...once, id: 'old', at: Date.now() - 15 * DAY, cursor: Date.now() - 15 * DAY }));
  await store.schedules.insert(aSchedule({ ...once, id: 'new', at: Date.now() - 13 * DAY, cursor: Date.now() - 13 * DAY }));
  const retention = startRetention({ store, clock, log, days: 14 });
  await vi.advanceTimersByTimeAsync(100);
  retention.stop();
  const { rows } = await store.schedules.list('default', null, aQuery());
  expect(rows.map(({ id }) => id)).toEqual(['new']);
});

it('never sweeps twice at a time, and goes on until nothing is left', async () => {
  const inner = await openStore();
  let [left, running, most, rounds] = [5, 0, 0, 0];
  const store = {
    ...inner,
    executions: {
      ...inner.executions,
      async deleteEndedBefore(_time: number, limit: number) {
        running += 1;
        most = Math.max(most, running);
        // Longer than until the next sweep is due.
        await new Promise((resolve) => setTimeout(resolve, 11 * 60_000));
        [running, left, rounds] = [running - 1, left - 1, rounds + 1];
        return left > 0 ? limit : 0;
      },
    },
  };
  const retention = startRetention({ store, clock, log, days: 14 });
  await vi.advanceTimersByTimeAsync(56 * 60_000);
  retention.stop();
  expect([most, rounds, left]).toEqual([1, 5, 0]);
});
