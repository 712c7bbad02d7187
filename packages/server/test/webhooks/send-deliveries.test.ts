/** Attempts of deliveries beside a sender that does as a test says. */
import { randomBytes } from 'node:crypto';
import { afterEach, expect, it } from 'vitest';
import { createLocalVault } from '../../src/drivers/local-vault/local-vault.ts';
import { createMemoryStore } from '../../src/drivers/memory-store/memory-store.ts';
import { DISABLED_WAIT_MS } from '../../src/ports/store/webhook-store.ts';
import type { WebPost } from '../../src/ports/web-sender.ts';
import { createDeliveries, type Deliveries } from '../../src/services/webhooks/send-deliveries.ts';
import { sealSecrets } from '../../src/services/webhooks/webhook-secrets.ts';
import { aDelivery, anEvent, aWebhook } from '../support/rows.ts';

const vault = createLocalVault({ keys: [randomBytes(32).toString('base64')] });
const quiet = { debug: () => undefined, info: () => undefined, warn: () => undefined, error: () => undefined };
const closers: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const close of closers.splice(0)) await close();
});

type Post = (post: WebPost) => Promise<number>;

/** A store with one webhook and as many deliveries to it as there are ids, all due. */
async function open({ ids, post, waits = [] }: { ids: readonly string[]; post: Post; waits?: readonly number[] }) {
  const store = createMemoryStore();
  await store.open();
  const secrets = sealSecrets(vault, { projectId: 'default', id: 'webhook-1' }, ['secret']);
  await store.webhooks.insert(aWebhook({ secrets }));
  for (const id of ids) {
    const event = anEvent({ id });
    await store.events.append([event]);
    const deliveries = [aDelivery({ id, eventId: id })];
    await store.events.dispatch({ ...event, now: Date.now(), jobs: [], decisions: [], deliveries });
  }
  const announced: string[] = [];
  const deliveries: Deliveries = createDeliveries({
    store,
    vault,
    changes: { announce: ({ kind }) => void announced.push(kind) },
    sender: { post, urlProblem: () => undefined },
    clock: { now: Date.now, uniqueMicros: () => Date.now() * 1000 },
    log: quiet,
    waits,
    timeoutSeconds: 15,
    version: '0',
    random: () => 0.5,
  });
  closers.push(() => deliveries.close(0));
  const row = (id: string) => store.deliveries.get('default', 'webhook-1', id);
  const webhook = () => store.webhooks.get('default', 'webhook-1');
  const decisions = () => store.decisions.list({ projectId: 'default', subject: 'webhook', subjectId: 'webhook-1', limit: 10 });
  /** Makes one attempt of each, and waits for its end. */
  async function attempt(): Promise<void> {
    let ended = 0;
    deliveries.onEnded(() => (ended += 1));
    const begun = await deliveries.begin();
    await expect.poll(() => ended).toBe(begun);
  }
  return { store, deliveries, row, webhook, decisions, announced, attempt };
}

it('end with the server, also one that never ends', async () => {
  let signal: AbortSignal | undefined;
  const { deliveries } = await open({
    ids: ['stuck'],
    post(post) {
      signal = post.signal;
      return new Promise(() => {});
    },
  });
  await expect(deliveries.begin()).resolves.toBe(1);
  await expect.poll(() => signal).toBeDefined();
  const closed = deliveries.close(50).then(() => 'closed');
  await expect(Promise.race([closed, new Promise((resolve) => setTimeout(resolve, 10_000, 'never'))])).resolves.toBe('closed');
  expect(signal?.aborted).toBe(true);
});

const DAY_MS = 86_400_000;

it('tell since when their webhook fails, until it takes one', async () => {
  const statuses = [500, 500, 200];
  const { webhook, attempt, store } = await open({ ids: ['one'], post: async () => statuses.shift() ?? 0, waits: [0, 0] });
  const before = Date.now();
  await attempt();
  const { failingSince } = (await webhook()) ?? {};
  expect(failingSince).toBeGreaterThanOrEqual(before);
  await attempt();
  await expect(webhook()).resolves.toMatchObject({ failingSince, updatedAt: aWebhook().updatedAt });
  await attempt();
  await expect(webhook()).resolves.toMatchObject({ failingSince: null, enabled: true });
  await expect(store.deliveries.get('default', 'webhook-1', 'one')).resolves.toMatchObject({ status: 'delivered', attempt: 3 });
});

it('disable a webhook that took nothing for three days, with a line that says so', async () => {
  const { webhook, decisions, attempt, store, announced, row } = await open({
    ids: ['first', 'second', 'third'],
    post: async () => 503,
    waits: [0],
  });
  const failingSince = Date.now() - 3 * DAY_MS - 1;
  await store.webhooks.update('default', 'webhook-1', { failingSince });
  // A first attempt does not say that it is gone: there may have been nothing to send for weeks.
  await attempt();
  await expect(webhook()).resolves.toMatchObject({ enabled: true });
  while ((await webhook())?.enabled === true) await attempt();
  await expect(decisions()).resolves.toMatchObject([
    { code: 'disabled', text: expect.stringContaining(new Date(failingSince).toISOString()) },
  ]);
  expect(announced).toEqual(['webhook']);
  expect((await Promise.all(['first', 'second', 'third'].map(row))).filter((one) => one?.status === 'failed')).toHaveLength(1);
});

it('leave a webhook enabled that was changed while they failed', async () => {
  const { webhook, decisions, attempt, store } = await open({
    ids: ['one'],
    async post() {
      await store.webhooks.update('default', 'webhook-1', { failingSince: null });
      return 503;
    },
  });
  await store.webhooks.update('default', 'webhook-1', { failingSince: 1 });
  await attempt();
  await expect(webhook()).resolves.toMatchObject({ enabled: true });
  await expect(decisions()).resolves.toEqual([]);
});

it('that are cut off by the end of the server are due again, with all their tries; what was answered is on record', async () => {
  const answered = Promise.withResolvers<number>();
  let count = 0;
  const { deliveries, row } = await open({
    ids: ['cut', 'answered'],
    post({ signal, headers }) {
      count += 1;
      if (headers['martlet-delivery-id'] === 'answered') return answered.promise;
      return new Promise((_resolve, reject) => signal.addEventListener('abort', () => reject(signal.reason)));
    },
  });
  await deliveries.begin();
  await expect.poll(() => count).toBe(2);
  const closed = deliveries.close(10_000);
  answered.resolve(200);
  await closed;
  await expect(row('answered')).resolves.toMatchObject({ status: 'delivered', responseStatus: 200 });
  await expect(row('cut')).resolves.toMatchObject({ status: 'waiting', attempt: 1, tries: 0 });
  expect((await row('cut'))?.nextAt).toBeLessThanOrEqual(Date.now());
});

it('wait for a webhook that is disabled, and end a day later', async () => {
  const posted: string[] = [];
  const { attempt, row, store } = await open({
    ids: ['one'],
    async post({ url }) {
      posted.push(url);
      return 204;
    },
  });
  const { webhooks } = store;
  // Disabled between the claim and the attempt.
  const { get } = webhooks;
  Object.assign(webhooks, {
    async get(projectId: string, id: string) {
      await webhooks.update(projectId, id, { enabled: false, updatedAt: Date.now() });
      return get(projectId, id);
    },
  });
  await attempt();
  await expect(row('one')).resolves.toMatchObject({ status: 'waiting', tries: 0 });
  Object.assign(webhooks, { get });
  await attempt();
  await expect(row('one')).resolves.toMatchObject({ status: 'waiting', attempt: 1 });
  await webhooks.update('default', 'webhook-1', { updatedAt: Date.now() - DISABLED_WAIT_MS - 1 });
  await attempt();
  await expect(row('one')).resolves.toMatchObject({ status: 'failed', error: 'the webhook is disabled' });
  expect(posted).toEqual([]);
});
