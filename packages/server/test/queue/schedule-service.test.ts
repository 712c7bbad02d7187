/** The service of schedules over a store in memory, at times that the test sets. */
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { PlatformError } from '@martlet/protocol';
import { createMemoryStore } from '../../src/drivers/memory-store/memory-store.ts';
import { createSchedules, type ScheduleInput } from '../../src/services/schedules/manage-schedules.ts';
import type { Store } from '../../src/ports/store.ts';
import type { ScheduleAdvance } from '../../src/ports/store/schedule-store.ts';
import type { Log } from '../../src/ports/system/log.ts';
import { createScheduler } from '../../src/triggers/schedules/scheduler.ts';
import { aFunction, aQuery, aSchedule } from '../support/rows.ts';

const NOON = Date.UTC(2026, 5, 1, 12);
const MINUTE = 60_000;
const silent: Log = { debug() {}, info() {}, warn() {}, error() {} };

beforeEach(() => void vi.useFakeTimers({ toFake: ['Date'], now: NOON - 10 * MINUTE }));
afterEach(() => void vi.useRealTimers());

async function start(decorate: (store: Store) => Store = (store) => store) {
  const store = createMemoryStore();
  await store.open();
  await store.functions.insert(aFunction({ activeDeploymentId: 'd' }));
  let ids = 0;
  const schedules = createSchedules({
    store: decorate(store),
    clock: { now: () => Date.now(), uniqueMicros: () => Date.now() * 1000 },
    ids: { next: () => `id-${(ids += 1)}`, secret: () => 'secret' },
    enqueue: { enqueue: () => Promise.reject(new Error('nothing is run by hand')), announce: () => undefined, onEnqueued: () => undefined },
    log: silent,
    origin: 'http://localhost',
  });
  return {
    store,
    schedules,
    create: (input: ScheduleInput & { id?: string }) => schedules.create('default', 'hello', { id: 's', ...input }),
    change: (input: ScheduleInput) => schedules.update('default', 's', input),
    row: (id = 's') => schedules.get('default', id),
    executions: async () => (await store.executions.list('default', 'hello', aQuery({ limit: 5000 }))).rows,
  };
}

describe('a change of a schedule', () => {
  it('of its name leaves the tick alone that waits for its jitter', async () => {
    const { create, change, schedules, executions } = await start();
    const { nextDue } = await create({ expression: '0 * * * *', jitterMs: 30 * MINUTE });
    vi.setSystemTime(NOON + 1000);
    await expect(change({ name: 'New' })).resolves.toMatchObject({ name: 'New', nextDue });
    vi.setSystemTime(nextDue ?? 0);
    await schedules.advanceDue();
    await expect(executions()).resolves.toHaveLength(1);
  });

  it('of its times, and a pause, take the ticks of before', async () => {
    const { create, change, schedules, executions, row } = await start();
    await create({ expression: '0 * * * *', jitterMs: 30 * MINUTE });
    vi.setSystemTime(NOON + 1000);
    await change({ expression: '0 */1 * * *' });
    await expect(row()).resolves.toMatchObject({ cursor: NOON + 1000 });
    vi.setSystemTime(NOON + 40 * MINUTE);
    await change({ enabled: false });
    vi.setSystemTime(NOON + 130 * MINUTE);
    await expect(change({ name: 'Still paused' })).resolves.toMatchObject({ nextDue: null });
    await change({ enabled: true });
    await expect(row()).resolves.toMatchObject({ cursor: NOON + 130 * MINUTE });
    await schedules.advanceDue();
    await expect(executions()).resolves.toEqual([]);
  });

  it('is one after the other, also where neither moves the cursor', async () => {
    const { change, create, row } = await start();
    await create({ expression: '0 * * * *' });
    await Promise.all([change({ name: 'New' }), change({ jitterMs: 7 }), change({ overlap: 'skip' })]);
    await expect(row()).resolves.toMatchObject({ name: 'New', jitterMs: 7, overlap: 'skip' });
  });

  it('of a name is allowed where the one time is past, and a new time in the past is not', async () => {
    const { create, change, row } = await start();
    await create({ at: NOON });
    vi.setSystemTime(NOON + MINUTE);
    await expect(change({ name: 'Late', at: NOON })).resolves.toMatchObject({ name: 'Late', nextDue: NOON });
    await expect(change({ at: NOON + 1 })).rejects.toMatchObject({ code: 'schedule_invalid' });
    await expect(row()).resolves.toMatchObject({ at: NOON });
  });

  it('is refused with times that cannot be read, also while it is paused', async () => {
    const { create } = await start();
    await expect(create({ expression: '61 * * * *', enabled: false })).rejects.toMatchObject({ code: 'schedule_invalid' });
  });

  it.each(['skip', 'queue'] as const)('keeps in mind which executions run, with %s', async (overlap) => {
    const { create, change, schedules, row } = await start();
    await create({ expression: '* * * * *', overlap });
    vi.setSystemTime(NOON);
    await schedules.advanceDue();
    const { open } = await row();
    expect(open).toHaveLength(1);
    await change({ name: 'New', catchUp: { policy: 'skip' } });
    await expect(row()).resolves.toMatchObject({ open });
    await change({ overlap: 'allow' });
    await expect(row()).resolves.toMatchObject({ open: [] });
  });
});

it('has no id of a function, as that is kept for the schedule of its settings', async () => {
  const { create } = await start();
  await expect(create({ id: 'hello', expression: '* * * * *' })).rejects.toMatchObject({ code: 'schedule_already_exists' });
});

it('the next times begin with the tick that waits for its jitter, and a pause has none', async () => {
  const { create, change, schedules, row } = await start();
  const { nextDue } = await create({ expression: '0 * * * *', jitterMs: 30 * MINUTE });
  vi.setSystemTime(NOON + 1000);
  const times = schedules.next(await row(), 3);
  expect(times[0]).toBe(nextDue);
  expect(times.map((time) => new Date(time).getUTCHours())).toEqual([12, 13, 14]);
  expect(schedules.next(await change({ enabled: false }), 3)).toEqual([]);
});

describe('a schedule on which nothing can be decided', () => {
  it('of a zone that this server does not know, is parked with a reason and stops no other', async () => {
    const { store, schedules, create, executions, row } = await start();
    await create({ expression: '* * * * *' });
    const strange = aSchedule({ id: 'strange', timezone: 'Mars/Base', cursor: NOON - MINUTE, nextDue: NOON - MINUTE });
    await store.schedules.insert(strange);
    vi.setSystemTime(NOON);
    await expect(schedules.advanceDue()).resolves.toBe('more');
    await expect(executions()).resolves.toHaveLength(1);
    await expect(row('strange')).resolves.toMatchObject({ cursor: NOON - MINUTE, nextDue: NOON + 5 * MINUTE, ran: 0 });
    await expect(schedules.decisions('default', 'strange')).resolves.toMatchObject([
      { code: 'undecidable', text: expect.stringContaining('Mars/Base') },
    ]);
    expect(schedules.next(await row('strange'), 5)).toHaveLength(1);
  });

  it('or that the store refuses, goes by itself, while a store that is away is told', async () => {
    let refusal: () => Error = () => new Error('a value is too large');
    const { schedules, create, executions, row } = await start((store) => ({
      ...store,
      schedules: {
        ...store.schedules,
        async advance(batch) {
          if (batch.some(({ id, jobs }) => id === 'refused' && jobs.length > 0)) throw refusal();
          return store.schedules.advance(batch);
        },
      },
    }));
    await create({ id: 'refused', expression: '* * * * *' });
    await create({ expression: '* * * * *' });
    vi.setSystemTime(NOON);
    refusal = () => new PlatformError('store_unavailable', 'The store is away.');
    await expect(schedules.advanceDue()).rejects.toMatchObject({ code: 'store_unavailable' });
    await expect(executions()).resolves.toEqual([]);
    refusal = () => new Error('a value is too large');
    await expect(schedules.advanceDue()).resolves.toBe('more');
    await expect(executions()).resolves.toHaveLength(1);
    await expect(row()).resolves.toMatchObject({ ran: 1, cursor: NOON });
    await expect(row('refused')).resolves.toMatchObject({ ran: 0, nextDue: NOON + 5 * MINUTE });
    await expect(schedules.decisions('default', 'refused')).resolves.toMatchObject([{ code: 'undecidable' }]);
  });
});

describe('the catch-up of many ticks', () => {
  const all = { policy: 'all', max: 1000, windowMs: 24 * 60 * MINUTE } as const;

  it('is stored piece by piece, all of it and nothing twice, with one body for the executions of a schedule', async () => {
    const batches: (readonly ScheduleAdvance[])[] = [];
    const { create, schedules, store, row } = await start((inner) => ({
      ...inner,
      schedules: {
        ...inner.schedules,
        advance(batch) {
          batches.push(batch);
          return inner.schedules.advance(batch);
        },
      },
    }));
    const body = 'x'.repeat(65_536);
    for (const id of ['a', 'b', 'c']) await create({ id, expression: '* * * * * *', catchUp: all, request: { body } });
    vi.setSystemTime(NOON);
    let looks = 0;
    while ((await schedules.advanceDue()) === 'more') expect((looks += 1)).toBeLessThan(50);
    for (const batch of batches) {
      const jobs = batch.flatMap((advance) => advance.jobs);
      expect(jobs.length * body.length).toBeLessThanOrEqual(2 * 8 * 1_048_576);
      for (const advance of batch) expect(new Set(advance.jobs.map((job) => job.body)).size).toBeLessThanOrEqual(1);
    }
    // Ten minutes are 600 ticks.
    for (const id of ['a', 'b', 'c']) await expect(row(id)).resolves.toMatchObject({ ran: 600, missed: 0, cursor: NOON });
    const ticks = batches.flat().flatMap(({ id, jobs }) => jobs.map(({ facts }) => `${id} ${facts.tick}`));
    expect(new Set(ticks).size).toBe(1800);
    await expect(store.executions.list('default', 'hello', aQuery({ limit: 1 }))).resolves.toMatchObject({ total: 1800 });
  });
});

it('a server whose clock is ahead of the store waits for the tick by the clock of the store', async () => {
  let looks = 0;
  const { schedules } = await start((store) => ({
    ...store,
    schedules: {
      ...store.schedules,
      async due() {
        looks += 1;
        return { now: Date.now() - 2000, rows: [], next: NOON };
      },
    },
  }));
  vi.useFakeTimers({ now: NOON });
  const warnings: unknown[] = [];
  const log = { ...silent, warn: (facts: object) => void warnings.push(facts) };
  const scheduler = createScheduler({ schedules, log });
  scheduler.start();
  await vi.advanceTimersByTimeAsync(1990);
  scheduler.stop();
  expect(warnings).toEqual([]);
  expect(looks).toBeGreaterThan(1);
  expect(looks).toBeLessThan(5);
});
