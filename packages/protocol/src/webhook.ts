/** Webhooks as they travel over the control API. */
import { z } from 'zod';

const id = z.string();
const date = z.string().describe('ISO 8601 in UTC; empty where unset');
const base = { $id: id, $createdAt: date, $updatedAt: date };

export const webhookResource = z.object({
  ...base,
  name: z.string(),
  direction: z.enum(['out', 'in']).describe('Whether events are sent, or signed requests come in as events'),
  enabled: z.boolean(),
  url: z.string().describe('Where events are sent, or where requests come in (a path of this server)'),
  events: z.array(z.string()).describe('Patterns of the events that are sent'),
  verify: z.record(z.string(), z.unknown()).nullable().describe('How requests that come in are verified and read'),
  failingSince: date.describe('Since when it has taken nothing that was sent to it'),
  secret: z.string().describe('Only in the answer that makes it'),
});
export type WebhookResource = z.infer<typeof webhookResource>;

export const deliveryResource = z.object({
  ...base,
  webhookId: id,
  eventId: id,
  eventSource: z.string(),
  eventType: z.string(),
  status: z.enum(['waiting', 'delivered', 'failed']),
  attempt: z.int().describe('Attempts begun'),
  nextAttempt: date.describe('When the next attempt may begin'),
  responseStatusCode: z.int().describe('Of the last attempt; 0 where no answer came'),
  error: z.string().describe('Why the last attempt failed'),
  endedAt: date,
});
export type DeliveryResource = z.infer<typeof deliveryResource>;
