/** Webhooks and their deliveries in memory. */
import { PlatformError } from '@martlet/protocol';
import type { deliveryAttributes, webhookAttributes } from '../../domain/list-attributes.ts';
import {
  DISABLED_WAIT_MS,
  TOO_MANY_WAIT,
  WAITING_MAX,
  type DeliveryRow,
  type DeliveryStore,
  type WebhookRow,
  type WebhookStore,
} from '../../ports/store/webhook-store.ts';
import { listRows, type AttributeReaders } from './list-rows.ts';
import { changed } from './memory-table.ts';
import { functionKey, type MemoryTables } from './memory-tables.ts';

const webhookReaders: AttributeReaders<typeof webhookAttributes, WebhookRow> = {
  $id: (row) => row.id,
  $createdAt: (row) => row.createdAt,
  $updatedAt: (row) => row.updatedAt,
  $sequence: (_row, entry) => entry.sequence,
  name: (row) => row.name,
  direction: (row) => row.direction,
  enabled: (row) => row.enabled,
  url: (row) => row.url,
};

const deliveryReaders: AttributeReaders<typeof deliveryAttributes, DeliveryRow> = {
  $id: (row) => row.id,
  $createdAt: (row) => row.createdAt,
  $updatedAt: (row) => row.updatedAt,
  $sequence: (_row, entry) => entry.sequence,
  eventId: (row) => row.eventId,
  eventType: (row) => row.eventType,
  status: (row) => row.status,
  responseStatusCode: (row) => row.responseStatus,
};

export function memoryWebhooks({ webhooks, deliveries }: MemoryTables): WebhookStore {
  const sends = (row: WebhookRow) => row.direction === 'out' && row.enabled;
  const find = (projectId: string, id: string) => webhooks.get(functionKey(projectId, id));
  return {
    async insert(row) {
      if (find(row.projectId, row.id) !== null)
        throw new PlatformError('webhook_already_exists', `A webhook with the id "${row.id}" exists already.`);
      webhooks.put(row);
    },
    get: async (projectId, id) => find(projectId, id),
    async list(projectId, query) {
      const entries = webhooks.entries((row) => row.projectId === projectId);
      return listRows({ noun: 'Webhook', entries, attributes: webhookReaders, insertion: ['$sequence'] }, query);
    },
    async update(projectId, id, change) {
      const row = find(projectId, id);
      return row === null ? null : webhooks.put(changed(row, change));
    },
    async delete(projectId, id) {
      deliveries.delete((row) => row.projectId === projectId && row.webhookId === id);
      return webhooks.delete((row) => row.projectId === projectId && row.id === id).length > 0;
    },
    sending: async (projectId) => webhooks.rows((row) => row.projectId === projectId && sends(row)),
    hearingExecutions: async () => [
      ...new Set(webhooks.rows((row) => sends(row) && row.hearsExecutions).map(({ projectId }) => projectId)),
    ],
  };
}

/** How many deliveries to a webhook may be under way. */
function roomOf(webhook: WebhookRow, now: number, perWebhook: number): number {
  if (!webhook.enabled && webhook.updatedAt > now - DISABLED_WAIT_MS) return 0;
  return webhook.failingSince === null ? perWebhook : 1;
}

export function memoryDeliveries({ deliveries, webhooks }: MemoryTables): DeliveryStore {
  const isOf = (projectId: string, webhookId: string) => (row: DeliveryRow) => row.projectId === projectId && row.webhookId === webhookId;
  const find = (projectId: string, webhookId: string, id: string) =>
    deliveries.first((row) => isOf(projectId, webhookId)(row) && row.id === id);
  return {
    get: async (projectId, webhookId, id) => find(projectId, webhookId, id),
    async list(projectId, webhookId, query) {
      const entries = deliveries.entries(isOf(projectId, webhookId));
      return listRows({ noun: 'Delivery', entries, attributes: deliveryReaders, insertion: ['$createdAt', '$sequence'] }, query);
    },
    async claimDue({ now, until, limit, perWebhook, running }) {
      const room = new Map(running.map(({ projectId, webhookId, count }) => [functionKey(projectId, webhookId), -count]));
      const claimed: DeliveryRow[] = [];
      const due = deliveries.rows((row) => row.nextAt !== null && row.nextAt <= now).toSorted((a, b) => (a.nextAt ?? 0) - (b.nextAt ?? 0));
      for (const row of due) {
        const key = functionKey(row.projectId, row.webhookId);
        const webhook = webhooks.get(key);
        const under = room.get(key) ?? 0;
        if (webhook === null || claimed.length >= limit || under + roomOf(webhook, now, perWebhook) <= 0) continue;
        room.set(key, under - 1);
        claimed.push(deliveries.put({ ...row, attempt: row.attempt + 1, tries: row.tries + 1, nextAt: until, updatedAt: now }));
      }
      return claimed;
    },
    settle: async (ends) =>
      ends.map(({ now, ...end }) => {
        const row = deliveries.get(end.id);
        if (row === null || row.attempt !== end.attempt || row.status !== 'waiting') return false;
        deliveries.put({ ...row, ...end, updatedAt: now });
        return true;
      }),
    async release({ id, attempt, now }) {
      const row = deliveries.get(id);
      if (row === null || row.attempt !== attempt || row.status !== 'waiting') return;
      deliveries.put({ ...row, tries: row.tries - 1, nextAt: now, updatedAt: now });
    },
    async redeliver({ projectId, webhookId, id, now }) {
      const row = find(projectId, webhookId, id);
      if (row === null) return null;
      return deliveries.put({ ...row, status: 'waiting', tries: 0, nextAt: now, endedAt: null, updatedAt: now });
    },
    async deleteBefore(time, limit) {
      const old = deliveries.rows((row) => row.endedAt !== null && row.endedAt < time).slice(0, limit);
      const gone = new Set(old);
      return deliveries.delete((row) => gone.has(row)).length;
    },
  };
}

/** With the dispatch of their event. */
export function storeDeliveries({ deliveries, webhooks }: MemoryTables, rows: readonly DeliveryRow[]): void {
  for (const row of rows) {
    if (webhooks.get(functionKey(row.projectId, row.webhookId)) === null) continue;
    const waiting = deliveries.rows(
      (other) => other.projectId === row.projectId && other.webhookId === row.webhookId && other.nextAt !== null,
    ).length;
    const isBeyond = row.nextAt !== null && waiting >= WAITING_MAX;
    deliveries.put(isBeyond ? { ...row, status: 'failed', nextAt: null, endedAt: row.createdAt, error: TOO_MANY_WAIT } : row);
  }
}
