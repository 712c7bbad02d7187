/** Webhooks, their deliveries, and events that are stored with executions: part of the contract of the store. */
import { expect, it } from 'vitest';
import type { Store } from '../../src/ports/store.ts';
import type { DeliveryEnd } from '../../src/ports/store/webhook-store.ts';
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

  it('gives each attempt to one, and takes its end from no other', async () => {
    await webhooks().insert(aWebhook({ id: 'w', projectId: 'd-claim' }));
    await deliver(
      { id: 'c-1', projectId: 'd-claim', webhookId: 'w', nextAt: NOW },
      { id: 'c-2', projectId: 'd-claim', webhookId: 'w', nextAt: NOW + 9 },
    );
    const due = await deliveries().due(NOW, 100, []);
    expect(due.map(({ id }) => id)).toEqual(['c-1']);
    await expect(deliveries().due(NOW, 100, ['d-claim/w'])).resolves.toEqual([]);
    const claims = await Promise.all(Array.from({ length: 6 }, () => deliveries().claim(due, { now: NOW, until: NOW + 60 })));
    expect(claims.flat()).toMatchObject([{ id: 'c-1', attempt: 1, tries: 1, nextAt: NOW + 60 }]);
    await expect(deliveries().due(NOW + 59, 100, [])).resolves.toMatchObject([{ id: 'c-2' }]);
    // Whoever claimed it is gone: another makes the next attempt, and the first one comes back.
    const again = await deliveries().due(NOW + 60, 1, []);
    await deliveries().claim([...again, ...(await deliveries().due(NOW + 60, 100, []))], { now: NOW + 60, until: NOW + 120 });
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
    await expect(deliveries().redeliver({ projectId: 'd-claim', webhookId: 'x', id: 'c-1', now: NOW })).resolves.toBeNull();
    await webhooks().delete('d-claim', 'w');
  });

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
    for (const row of await store().events.pending({ limit: 1000, bytes: 1e9 }))
      await store().events.dispatch({ ...row, now: NOW, jobs: [], decisions: [] });
  });
}
