/** A schedule that is changed at the very moment of its tick. */
import { expect, it } from 'vitest';
import { createMemoryStore } from '../../src/drivers/memory-store/memory-store.ts';
import { createSchedules } from '../../src/services/schedules/manage-schedules.ts';
import { aFunction, aSchedule } from '../support/rows.ts';

it('keeps what was decided about its ticks when another server decides between the look and the change', async () => {
  const store = createMemoryStore();
  await store.open();
  await store.functions.insert(aFunction());
  const row = aSchedule({ expression: '* * * * * *' });
  await store.schedules.insert(row);
  const now = row.cursor + 1000;
  let looks = 0;
  const racing = {
    ...store,
    schedules: {
      ...store.schedules,
      async get(projectId: string, id: string) {
        const found = await store.schedules.get(projectId, id);
        looks += 1;
        if (looks === 1) {
          const change = { ...row, cursor: now + 5, nextDue: now + 1000, ran: 1, lastTick: now, lastExecutionId: 'e1' };
          await store.schedules.advance([{ projectId, id, from: row, change, jobs: [], decisions: [] }]);
        }
        return found;
      },
    },
  };
  const schedules = createSchedules({
    store: racing,
    clock: { now: () => now, uniqueMicros: () => now * 1000 },
    ids: { next: () => 'id', secret: () => 'secret' },
    enqueue: { enqueue: () => Promise.reject(new Error('nothing is run by hand')), announce: () => undefined, onEnqueued: () => undefined },
    log: { debug() {}, info() {}, warn() {}, error() {} },
    origin: 'http://localhost',
  });
  await schedules.update('default', row.id, { enabled: false });
  await expect(store.schedules.get('default', row.id)).resolves.toMatchObject({
    enabled: false,
    ran: 1,
    lastTick: now,
    lastExecutionId: 'e1',
    cursor: now + 5,
  });
});
