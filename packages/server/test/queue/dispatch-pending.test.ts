/** What becomes of events that wait, beside one that the store refuses. */
import { defaultLimits, type Limits } from '@martlet/protocol';
import { beforeEach, describe, expect, it } from 'vitest';
import { createMemoryStore } from '../../src/drivers/memory-store/memory-store.ts';
import { createSystemClock } from '../../src/drivers/system/system-clock.ts';
import { createSystemIds } from '../../src/drivers/system/system-ids.ts';
import { createChanges } from '../../src/services/changes.ts';
import { createEvents } from '../../src/services/events/manage-events.ts';
import { anonymous } from '../../src/domain/principal.ts';
import { createEnqueue } from '../../src/services/queue/enqueue.ts';
import type { Store } from '../../src/ports/store.ts';
import { aFunction, anEvent, aQuery, aWebhook } from '../support/rows.ts';

let store: Store;
beforeEach(async () => {
  store = createMemoryStore();
  await store.open();
  await store.functions.insert(aFunction({ id: 'listens', events: ['order.*'], activeDeploymentId: 'd' }));
  await store.webhooks.insert(aWebhook({ events: ['order.*'] }));
});

/** Events over a store that refuses to dispatch some. */
function createTested(refuses: (id: string) => boolean, limits: Limits = defaultLimits) {
  const told: string[] = [];
  const warnings: object[] = [];
  const refusing: Store = {
    ...store,
    events: {
      ...store.events,
      dispatch: (what) => (refuses(what.id) ? Promise.reject(new RangeError('Invalid string length')) : store.events.dispatch(what)),
    },
  };
  const clock = createSystemClock();
  const ids = createSystemIds(clock);
  const enqueue = createEnqueue({ jobs: store.jobs, findExecution: async () => null, clock, ids, limits });
  enqueue.onEnqueued(() => told.push('executions'));
  const events = createEvents({
    store: refusing,
    clock,
    ids,
    changes: createChanges(),
    enqueue,
    log: { warn: (facts: object) => warnings.push(facts) } as never,
    limits,
    origin: 'http://localhost',
  });
  events.onDeliveries(() => told.push('deliveries'));
  return { events, told, warnings };
}

const dispatched = async (): Promise<string[]> =>
  (await store.events.list('default', aQuery({ limit: 1000 }))).rows.filter((row) => row.dispatchedAt !== null).map(({ id }) => id);

describe('an event that cannot be dispatched', () => {
  it('leaves the others their executions and deliveries, which are told of', async () => {
    await store.events.append(['bad', 'good', 'fine'].map((id) => anEvent({ id })));
    const { events, told, warnings } = createTested((id) => id === 'bad');
    await expect(events.dispatchPending()).resolves.toBe(true);
    await expect(dispatched()).resolves.toEqual(['good', 'fine']);
    expect(told).toEqual(['executions', 'deliveries']);
    expect(warnings).toMatchObject([{ projectId: 'default', source: '/shop', id: 'bad', events: 1 }]);
    await expect(events.dispatchPending()).resolves.toBe(false);
    expect(warnings).toHaveLength(1);
  });

  it('is dispatched later, when it can be', async () => {
    await store.events.append([anEvent({ id: 'bad' })]);
    let isBad = true;
    const { events, told } = createTested(() => isBad);
    await expect(events.dispatchPending()).resolves.toBe(false);
    isBad = false;
    await expect.poll(() => events.dispatchPending(), { timeout: 10_000 }).toBe(true);
    await expect(dispatched()).resolves.toEqual(['bad']);
    expect(told).toEqual(['executions', 'deliveries']);
  });

  it('makes way even where so many are at the front that one look sees nothing else', async () => {
    await store.events.append(Array.from({ length: 250 }, (_, index) => anEvent({ id: `bad${index}` })));
    await store.events.append([anEvent({ id: 'good' })]);
    const { events } = createTested((id) => id.startsWith('bad'));
    const looks = [await events.dispatchPending(), await events.dispatchPending(), await events.dispatchPending()];
    expect(looks).toEqual([false, false, true]);
    await expect(dispatched()).resolves.toEqual(['good']);
  });
});

describe('events that are sent', () => {
  const event = (id: string) => ({ id, source: '/shop', type: 'order.created', extensions: {}, data: Buffer.from('{}') });

  it('are refused while too many of their project wait, and taken again when they do not', async () => {
    const { events } = createTested(() => false, { ...defaultLimits, pendingEvents: 2 });
    await expect(events.send('default', ['1', '2', '3'].map(event), anonymous)).resolves.toHaveLength(3);
    await expect(events.send('default', [event('4')], anonymous)).rejects.toMatchObject({ code: 'event_queue_full', retryAfterSeconds: 5 });
    await expect(events.send('other', [event('4')], anonymous)).resolves.toMatchObject([{ isNew: true }]);
    await events.dispatchPending();
    await expect
      .poll(() => events.send('default', [event('4')], anonymous).catch(() => 'refused'), { timeout: 10_000 })
      .toMatchObject([{ isNew: true }]);
  });
});
