import type { DeliveryResource, WebhookResource } from '@martlet/protocol';
import { formatDate } from '../../../domain/contract/dates.ts';
import type { DeliveryRow, WebhookRow } from '../../../ports/store/webhook-store.ts';

/** `secret`: only where it has just been made. */
export function viewWebhook(row: WebhookRow, secret = ''): WebhookResource {
  return {
    $id: row.id,
    $createdAt: formatDate(row.createdAt),
    $updatedAt: formatDate(row.updatedAt),
    name: row.name,
    direction: row.direction,
    enabled: row.enabled,
    url: row.direction === 'out' ? row.url : `/v1/hooks/${row.projectId}/${row.id}`,
    events: [...row.events],
    verify: row.verify === null ? null : { ...row.verify },
    failingSince: formatDate(row.failingSince),
    secret,
  };
}

export function viewDelivery(row: DeliveryRow): DeliveryResource {
  return {
    $id: row.id,
    $createdAt: formatDate(row.createdAt),
    $updatedAt: formatDate(row.updatedAt),
    webhookId: row.webhookId,
    eventId: row.eventId,
    eventSource: row.eventSource,
    eventType: row.eventType,
    status: row.status,
    attempt: row.attempt,
    nextAttempt: formatDate(row.nextAt),
    responseStatusCode: row.responseStatus,
    error: row.error,
    endedAt: formatDate(row.endedAt),
  };
}
