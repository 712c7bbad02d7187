/** Webhooks and their deliveries in memory. */
import { PlatformError } from '@martlet/protocol';
import type { deliveryAttributes, webhookAttributes } from '../../domain/list-attributes.ts';
import type { DeliveryRow, DeliveryStore, WebhookRow, WebhookStore } from '../../ports/store/webhook-store.ts';
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

export function memoryDeliveries({ deliveries }: MemoryTables): DeliveryStore {
  const isOf = (projectId: string, webhookId: string) => (row: DeliveryRow) => row.projectId === projectId && row.webhookId === webhookId;
  const find = (projectId: string, webhookId: string, id: string) =>
    deliveries.first((row) => isOf(projectId, webhookId)(row) && row.id === id);
  return {
    get: async (projectId, webhookId, id) => find(projectId, webhookId, id),
    async list(projectId, webhookId, query) {
      const entries = deliveries.entries(isOf(projectId, webhookId));
      return listRows({ noun: 'Delivery', entries, attributes: deliveryReaders, insertion: ['$createdAt', '$sequence'] }, query);
    },
    due: async (now, limit, except) =>
      deliveries
        .rows((row) => row.nextAt !== null && row.nextAt <= now && !except.includes(`${row.projectId}/${row.webhookId}`))
        .toSorted((a, b) => (a.nextAt ?? 0) - (b.nextAt ?? 0))
        .slice(0, limit),
    claim: async (rows, { now, until }) =>
      rows.flatMap(({ id, attempt }) => {
        const row = deliveries.get(id);
        if (row === null || row.attempt !== attempt || row.nextAt === null || row.nextAt > now) return [];
        return [deliveries.put({ ...row, attempt: attempt + 1, tries: row.tries + 1, nextAt: until, updatedAt: now })];
      }),
    settle: async (ends) =>
      ends.map(({ now, ...end }) => {
        const row = deliveries.get(end.id);
        if (row === null || row.attempt !== end.attempt || row.status !== 'waiting') return false;
        deliveries.put({ ...row, ...end, updatedAt: now });
        return true;
      }),
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
