/** What executions tell of themselves: whose doing it was, and that somebody looks at it at once. */
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createMemoryStore } from '../../src/drivers/memory-store/memory-store.ts';
import { createSystemClock } from '../../src/drivers/system/system-clock.ts';
import { createSystemIds } from '../../src/drivers/system/system-ids.ts';
import { createChanges } from '../../src/services/changes.ts';
import { becauseOf } from '../../src/services/events/cause.ts';
import { createTellingStore, type TellingStore } from '../../src/services/events/telling-store.ts';
import type { Store } from '../../src/ports/store.ts';
import { aFunction, aJob, anEvent, aQuery, aSchedule, aWebhook, aWrite } from '../support/rows.ts';

let plain: Store;
let telling: TellingStore;
let wakes = 0;
beforeEach(async () => {
  plain = createMemoryStore();
  await plain.open();
  const clock = createSystemClock();
  wakes = 0;
  telling = createTellingStore({
    store: plain,
    changes: createChanges(),
    clock,
    ids: createSystemIds(clock),
    log: {} as never,
    views: { execution: ({ id }) => ({ $id: id }) },
    onStored: () => (wakes += 1),
  });
  await plain.functions.insert(aFunction());
  await plain.webhooks.insert(aWebhook({ hearsExecutions: true, events: ['functions.**'] }));
  await telling.refresh();
});
afterEach(async () => {
  telling.stop();
  await plain.close();
});

const told = async () => (await plain.events.list('default', aQuery())).rows.filter(({ source }) => source === 'martlet');
const somebody = { kind: 'execution', projectId: 'default', executionId: 'x', scopes: new Set<string>(), hops: 4 } as const;

describe('an execution tells', () => {
  it('of its own user, whoever made the batch be written', async () => {
    await becauseOf(somebody, () => telling.store.executions.write([aWrite({ id: 'mine', userId: 'ann' }), aWrite({ id: 'nobodys' })]));
    await becauseOf(somebody, () => telling.store.jobs.enqueue([aJob({ id: 'queued', userId: 'bob' })], []));
    const facts = (await told()).map(({ id, userId, hops }) => [id, userId, hops]);
    expect(facts).toEqual([
      ['mine.create', 'ann', 0],
      ['nobodys.create', null, 0],
      ['queued.create', 'bob', 0],
    ]);
  });

  it('of who deletes it', async () => {
    await telling.store.executions.write([aWrite({ id: 'gone', userId: 'ann' })]);
    await becauseOf(somebody, () => telling.store.executions.delete('default', 'hello', 'gone'));
    expect((await told()).at(-1)).toMatchObject({ id: 'gone.delete', userId: null, hops: 5 });
  });

  it('of its creation by an event or a schedule, and wakes who looks', async () => {
    const event = anEvent();
    await plain.events.append([event]);
    await telling.store.events.dispatch({ ...event, now: 1, jobs: [aJob({ id: 'by-event' })], decisions: [] });
    expect(wakes).toBe(1);
    const schedule = aSchedule();
    await plain.schedules.insert(schedule);
    await telling.store.schedules.advance([
      {
        projectId: 'default',
        id: schedule.id,
        from: schedule,
        change: schedule,
        jobs: [aJob({ id: 'by-schedule' })],
        decisions: [],
      },
    ]);
    expect(wakes).toBe(2);
    expect((await told()).map(({ id }) => id)).toEqual(['by-event.create', 'by-schedule.create']);
  });
});
