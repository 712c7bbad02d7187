/** Changes of webhooks beside each other. */
import { randomBytes } from 'node:crypto';
import { expect, it } from 'vitest';
import { createLocalVault } from '../../src/drivers/local-vault/local-vault.ts';
import { createMemoryStore } from '../../src/drivers/memory-store/memory-store.ts';
import type { WebhookRow } from '../../src/ports/store/webhook-store.ts';
import { createChanges } from '../../src/services/changes.ts';
import { createWebhooks, type WebhookInput } from '../../src/services/webhooks/manage-webhooks.ts';
import { aWebhook } from '../support/rows.ts';

const URL_AFTER = 'https://example.com/after';

it.each<[WebhookInput, WebhookInput, Partial<WebhookRow>]>([
  [{ enabled: false }, { name: 'new' }, { enabled: false, name: 'new' }],
  [{ url: URL_AFTER }, { events: ['functions.*'] }, { url: URL_AFTER, events: ['functions.*'], hearsExecutions: true }],
  [{ events: ['functions.*'] }, { enabled: true }, { events: ['functions.*'], hearsExecutions: true }],
])('%j is kept by %j, which was read before', async (first, second, both) => {
  const store = createMemoryStore();
  await store.open();
  await store.webhooks.insert(aWebhook());
  let between: (() => Promise<unknown>) | undefined;
  const webhooks = createWebhooks({
    store: {
      ...store,
      webhooks: {
        ...store.webhooks,
        insert: (row) => store.webhooks.insert(row),
        update: (...change) => store.webhooks.update(...change),
        async get(projectId, id) {
          const row = await store.webhooks.get(projectId, id);
          const then = between;
          between = undefined;
          await then?.();
          return row;
        },
      },
    },
    vault: createLocalVault({ keys: [randomBytes(32).toString('base64')] }),
    sender: { urlProblem: () => undefined },
    clock: { now: Date.now, uniqueMicros: () => Date.now() * 1000 },
    ids: { next: () => 'id', secret: () => 'secret' } as never,
    changes: createChanges(),
  });
  between = () => webhooks.update('default', 'webhook-1', first);
  await webhooks.update('default', 'webhook-1', second);
  await expect(store.webhooks.get('default', 'webhook-1')).resolves.toMatchObject(both);
});
