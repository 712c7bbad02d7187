/** Attempts of deliveries beside a sender that does as a test says. */
import { randomBytes } from 'node:crypto';
import { afterEach, expect, it } from 'vitest';
import { createLocalVault } from '../../src/drivers/local-vault/local-vault.ts';
import { createMemoryStore } from '../../src/drivers/memory-store/memory-store.ts';
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
async function open({ ids, post }: { ids: readonly string[]; post: Post }) {
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
  const deliveries: Deliveries = createDeliveries({
    store,
    vault,
    sender: { post, urlProblem: () => undefined },
    clock: { now: Date.now, uniqueMicros: () => Date.now() * 1000 },
    log: quiet,
    waits: [60],
    timeoutSeconds: 15,
    version: '0',
    random: () => 0.5,
  });
  closers.push(() => deliveries.close(0));
  const row = (id: string) => store.deliveries.get('default', 'webhook-1', id);
  return { store, deliveries, row };
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
