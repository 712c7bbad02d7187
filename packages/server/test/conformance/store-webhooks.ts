/** Webhooks, their deliveries, and events that are stored with executions: part of the contract of the store. */
import { expect, it } from 'vitest';
import type { Store } from '../../src/ports/store.ts';
import {
  DISABLED_WAIT_MS,
  TOO_MANY_WAIT,
  WAITING_MAX,
  type DeliveryClaim,
  type DeliveryEnd,
  type DeliveryRow,
} from '../../src/ports/store/webhook-store.ts';
import { aDelivery, aJob, anEvent, aQuery, aWebhook, aWrite } from '../support/rows.ts';

const NOW = 1_769_817_600_000;

export function testWebhooks(store: () => Store): void {
  const webhooks = () => store().webhooks;
  const deliveries = () => store().deliveries;

  /** Stores deliveries the one way there is: with the dispatch of an event. */
  async function deliver(...rows: Parameters<typeof aDelivery>[0][]): Promise<void> {
    for (const facts of rows) {
      const row = aDelivery(facts);
      const event = anEvent({ id: row.id, projectId: row.projectId });
      await store().events.append([event]);
      await store().events.dispatch({ ...event, now: NOW, jobs: [], decisions: [], deliveries: [row] });
    }
  }
  const ended = (facts: Partial<DeliveryEnd> & { id: string }): DeliveryEnd => ({
    attempt: 1,
    status: 'delivered',
    nextAt: null,
    responseStatus: 204,
    error: '',
    endedAt: NOW,
    now: NOW,
    ...facts,
  });

  it('keeps a webhook with every fact', async () => {
    const row = aWebhook({ id: 'w', projectId: 'w-kept', verify: { scheme: { kind: 'stripe', toleranceSeconds: 300 } } });
    await webhooks().insert(row);
    await expect(webhooks().insert(row)).rejects.toMatchObject({ code: 'webhook_already_exists' });
    await webhooks().insert({ ...row, projectId: 'w-else' });
    await expect(webhooks().get('w-kept', 'w')).resolves.toEqual(row);
    await expect(webhooks().get('w-kept', 'gone')).resolves.toBeNull();
    await expect(webhooks().update('w-kept', 'w', { name: 'new', enabled: false })).resolves.toEqual({
      ...row,
      name: 'new',
      enabled: false,
    });
    await expect(webhooks().update('w-kept', 'gone', { name: 'new' })).resolves.toBeNull();
    await expect(webhooks().list('w-kept', aQuery())).resolves.toMatchObject({ total: 1, rows: [{ name: 'new' }] });
    await expect(webhooks().delete('w-kept', 'w')).resolves.toBe(true);
    await expect(webhooks().delete('w-kept', 'w')).resolves.toBe(false);
  });

  it('knows those that events are sent to, and the projects that hear of executions', async () => {
    await webhooks().insert(aWebhook({ id: 'sends', projectId: 'w-sends', hearsExecutions: true }));
    await webhooks().insert(aWebhook({ id: 'more', projectId: 'w-sends', hearsExecutions: true }));
    await webhooks().insert(aWebhook({ id: 'off', projectId: 'w-sends', enabled: false }));
    await webhooks().insert(aWebhook({ id: 'in', projectId: 'w-sends', direction: 'in' }));
    await webhooks().insert(aWebhook({ id: 'deaf', projectId: 'w-deaf' }));
    await webhooks().insert(aWebhook({ id: 'off', projectId: 'w-off', enabled: false, hearsExecutions: true }));
    expect((await webhooks().sending('w-sends')).map(({ id }) => id)).toEqual(['sends', 'more']);
    const hearing = await webhooks().hearingExecutions();
    expect(hearing.filter((id) => id.startsWith('w-'))).toEqual(['w-sends']);
  });

  it('stores deliveries with the dispatch of their event, once, and none of webhooks that are gone', async () => {
    await webhooks().insert(aWebhook({ id: 'w', projectId: 'd-kept' }));
    const row = aDelivery({ id: 'd-one', projectId: 'd-kept', webhookId: 'w' });
    await deliver(row, row, { id: 'd-nowhere', projectId: 'd-kept', webhookId: 'gone' });
    await expect(deliveries().get('d-kept', 'w', 'd-one')).resolves.toEqual(row);
    await expect(deliveries().get('d-kept', 'other', 'd-one')).resolves.toBeNull();
    await expect(deliveries().list('d-kept', 'w', aQuery())).resolves.toEqual({ total: 1, rows: [row] });
    await expect(deliveries().list('d-kept', 'gone', aQuery())).resolves.toMatchObject({ total: 0 });
    await webhooks().delete('d-kept', 'w');
    await expect(deliveries().get('d-kept', 'w', 'd-one')).resolves.toBeNull();
  });

  const claim = (facts: Partial<DeliveryClaim> = {}) =>
    deliveries().claimDue({ now: NOW, until: NOW + 60, limit: 100, perWebhook: 4, running: [], ...facts });
  const idsOf = (rows: readonly { readonly id: string }[]) => rows.map(({ id }) => id).toSorted();
  const many = (count: number, facts: object) =>
    Array.from({ length: count }, (_, index) => ({ id: `${JSON.stringify(facts)} ${index}`, nextAt: NOW - 100 + index, ...facts }));

  it('gives each attempt to one, and takes its end from no other', async () => {
    await webhooks().insert(aWebhook({ id: 'w', projectId: 'd-claim' }));
    await deliver(
      { id: 'c-1', projectId: 'd-claim', webhookId: 'w', nextAt: NOW },
      { id: 'c-2', projectId: 'd-claim', webhookId: 'w', nextAt: NOW + 9 },
    );
    const claims = await Promise.all(Array.from({ length: 6 }, () => claim()));
    expect(claims.flat()).toMatchObject([{ id: 'c-1', attempt: 1, tries: 1, nextAt: NOW + 60 }]);
    await expect(claim({ now: NOW + 59, until: NOW + 60 })).resolves.toMatchObject([{ id: 'c-2' }]);
    // Whoever claimed it is gone: another makes the next attempt, and the first one comes back.
    expect(idsOf(await claim({ now: NOW + 60, until: NOW + 120 }))).toEqual(['c-1', 'c-2']);
    await expect(
      deliveries().settle([ended({ id: 'c-1', attempt: 1 }), ended({ id: 'c-1', attempt: 2, error: 'no', status: 'failed' })]),
    ).resolves.toEqual([false, true]);
    await expect(deliveries().get('d-claim', 'w', 'c-1')).resolves.toMatchObject({
      status: 'failed',
      error: 'no',
      attempt: 2,
      nextAt: null,
    });
    await expect(deliveries().settle([ended({ id: 'c-1', attempt: 2 })])).resolves.toEqual([false]);
    await expect(deliveries().redeliver({ projectId: 'd-claim', webhookId: 'w', id: 'c-1', now: NOW + 200 })).resolves.toMatchObject({
      status: 'waiting',
      attempt: 2,
      tries: 0,
      nextAt: NOW + 200,
      endedAt: null,
    });
    const third = (await claim({ now: NOW + 200, until: NOW + 260 })).find(({ id }) => id === 'c-1');
    await deliveries().release({ id: 'c-1', attempt: 2, now: NOW + 210 });
    await expect(deliveries().get('d-claim', 'w', 'c-1')).resolves.toEqual(third);
    await deliveries().release({ id: 'c-1', attempt: 3, now: NOW + 210 });
    await expect(deliveries().get('d-claim', 'w', 'c-1')).resolves.toMatchObject({ attempt: 3, tries: 0, nextAt: NOW + 210 });
    await deliveries().settle([ended({ id: 'c-1', attempt: 3 })]);
    await deliveries().release({ id: 'c-1', attempt: 3, now: NOW + 220 });
    await expect(deliveries().get('d-claim', 'w', 'c-1')).resolves.toMatchObject({ status: 'delivered', nextAt: null });
    await expect(deliveries().redeliver({ projectId: 'd-claim', webhookId: 'x', id: 'c-1', now: NOW })).resolves.toBeNull();
    await webhooks().delete('d-claim', 'w');
  });

  it('gives of each webhook so many as there is room for, of one that fails one, of one that is disabled none', async () => {
    await webhooks().insert(aWebhook({ id: 'well', projectId: 'd-room' }));
    await webhooks().insert(aWebhook({ id: 'busy', projectId: 'd-room' }));
    await webhooks().insert(aWebhook({ id: 'fails', projectId: 'd-room', failingSince: NOW - 5 }));
    await webhooks().insert(aWebhook({ id: 'off', projectId: 'd-room', enabled: false, updatedAt: NOW - 5 }));
    await deliver(...['well', 'busy', 'fails', 'off'].flatMap((webhookId) => many(6, { projectId: 'd-room', webhookId })), {
      id: 'later',
      projectId: 'd-room',
      webhookId: 'well',
      nextAt: NOW + 1,
    });
    const running = [{ projectId: 'd-room', webhookId: 'busy', count: 3 }];
    const countsOf = (rows: readonly DeliveryRow[]) =>
      Object.fromEntries(['well', 'busy', 'fails', 'off'].map((id) => [id, rows.filter((row) => row.webhookId === id).length]));
    expect(countsOf(await claim({ running }))).toEqual({ well: 4, busy: 1, fails: 1, off: 0 });
    const all = (['well', 'busy', 'fails'] as const).map((webhookId) => ({ projectId: 'd-room', webhookId, count: 4 }));
    await expect(claim({ running: all })).resolves.toEqual([]);
    expect(countsOf(await claim({ running: all.slice(1) }))).toEqual({ well: 2, busy: 0, fails: 0, off: 0 });
    // A day after it was disabled what waits for it comes to its end.
    const late = { now: NOW + DISABLED_WAIT_MS, until: NOW + DISABLED_WAIT_MS + 60 };
    expect(await claim({ ...late, limit: 3 })).toHaveLength(3);
    const rest = countsOf(await claim(late));
    expect(rest.off).toBeGreaterThan(0);
    expect(rest.fails).toBeLessThanOrEqual(1);
    for (const { id } of (await webhooks().list('d-room', aQuery())).rows) await webhooks().delete('d-room', id);
  });

  it('stores what is beyond the most that may wait for one webhook as failed', async () => {
    await webhooks().insert(aWebhook({ id: 'dead', projectId: 'd-bound' }));
    await webhooks().insert(aWebhook({ id: 'well', projectId: 'd-bound' }));
    const event = anEvent({ id: 'e-bound', projectId: 'd-bound' });
    await store().events.append([event]);
    const rows = many(WAITING_MAX + 1, { projectId: 'd-bound', webhookId: 'dead' }).map((facts) => aDelivery(facts));
    await store().events.dispatch({ ...event, now: NOW, jobs: [], decisions: [], deliveries: rows });
    await deliver({ id: 'b-more', projectId: 'd-bound', webhookId: 'dead' }, { id: 'b-well', projectId: 'd-bound', webhookId: 'well' });
    const stored = async (webhookId: string, id: string) => deliveries().get('d-bound', webhookId, id);
    await expect(stored('dead', rows[WAITING_MAX - 1]?.id ?? '')).resolves.toMatchObject({ status: 'waiting' });
    for (const id of [rows[WAITING_MAX]?.id ?? '', 'b-more'])
      await expect(stored('dead', id)).resolves.toMatchObject({
        status: 'failed',
        nextAt: null,
        endedAt: aDelivery().createdAt,
        error: TOO_MANY_WAIT,
      });
    await expect(stored('well', 'b-well')).resolves.toMatchObject({ status: 'waiting', error: '' });
    await webhooks().delete('d-bound', 'dead');
    await webhooks().delete('d-bound', 'well');
  }, 60_000);

  it('forgets deliveries that ended long ago', async () => {
    await webhooks().insert(aWebhook({ id: 'w', projectId: 'd-old' }));
    await deliver({ id: 'o-1', projectId: 'd-old', webhookId: 'w', status: 'delivered', nextAt: null, endedAt: 5 });
    await deliver({ id: 'o-2', projectId: 'd-old', webhookId: 'w' });
    await expect(deliveries().deleteBefore(6, 10)).resolves.toBe(1);
    await expect(deliveries().list('d-old', 'w', aQuery())).resolves.toMatchObject({ rows: [{ id: 'o-2' }] });
    await webhooks().delete('d-old', 'w');
  });

  it('stores what executions tell with their rows', async () => {
    const told = (id: string) => [anEvent({ id, projectId: 'x-told' })];
    await store().executions.write([
      { ...aWrite({ id: 'x-1', projectId: 'x-told' }, 'line'), told: told('written') },
      aWrite({ id: 'x-2', projectId: 'x-told' }),
    ]);
    await store().executions.write([{ ...aWrite({ id: 'x-1', projectId: 'x-told', status: 'completed' }), told: told('written') }]);
    await expect(store().executions.find('x-told', 'x-1')).resolves.toMatchObject({ status: 'completed' });
    await expect(store().executions.find('x-told', 'x-2')).resolves.not.toBeNull();
    await expect(store().executions.lines('x-1')).resolves.toMatchObject([{ text: 'line' }]);
    const job = aJob({ id: 'x-3', projectId: 'x-told' });
    await store().jobs.enqueue([{ ...job, idempotency: { key: 'k', hash: '' }, told: told('enqueued') }], []);
    const twin = aJob({ id: 'x-4', projectId: 'x-told' });
    await store().jobs.enqueue([{ ...twin, idempotency: { key: 'k', hash: '' }, told: told('twin') }], []);
    const { functionId } = job.execution;
    const [claimed] = await store().jobs.claim({
      nodeId: 'n',
      now: NOW,
      takes: [{ projectId: 'x-told', functionId, count: 1, concurrency: 9 }],
    });
    const end = {
      executionId: 'x-3',
      execution: { ...job.execution, status: 'completed', endedAt: NOW } as const,
      lines: [],
      attempt: { startedAt: NOW, endedAt: NOW, errorCode: null },
      next: { state: null },
      decisions: [],
    };
    const fence = claimed?.job.fence ?? 0;
    await expect(
      store().jobs.settle([
        { ...end, fence: fence - 1, told: told('late') },
        { ...end, fence, told: told('ended') },
      ]),
    ).resolves.toEqual([false, true]);
    const { rows } = await store().events.list('x-told', aQuery());
    expect(rows.map(({ id }) => id)).toEqual(['written', 'enqueued', 'ended']);
    for (const row of await store().events.pending(1000)) await store().events.dispatch({ ...row, now: NOW, jobs: [], decisions: [] });
  });
}
