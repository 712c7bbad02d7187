/** One attempt of a delivery: what is sent, what is answered, and what becomes of it. */
import type { CloudEvent } from '../../domain/events/cloud-event.ts';
import { writeStructured } from '../../domain/events/cloud-event-http.ts';
import { afterDelivery } from '../../domain/webhooks/delivery-retry.ts';
import { HOPS_ATTRIBUTE } from '../../domain/webhooks/inbound-event.ts';
import { MARTLET_SIGNATURE_HEADER, signDelivery } from '../../domain/webhooks/signatures.ts';
import type { Store } from '../../ports/store.ts';
import type { EventRow } from '../../ports/store/event-store.ts';
import { DISABLED_WAIT_MS, type DeliveryEnd, type DeliveryRow, type WebhookRow } from '../../ports/store/webhook-store.ts';
import type { Clock } from '../../ports/system/clock.ts';
import type { Vault } from '../../ports/vault.ts';
import type { WebSender } from '../../ports/web-sender.ts';
import { noteHealth, type HealthOptions } from './webhook-health.ts';
import { hmac, openSecrets, secretBytes } from './webhook-secrets.ts';

export interface AttemptOptions extends HealthOptions {
  readonly store: Pick<Store, 'webhooks' | 'deliveries' | 'events' | 'nodes' | 'decisions'>;
  readonly vault: Vault;
  readonly sender: WebSender;
  readonly clock: Clock;
  /** Seconds before each further attempt. */
  readonly waits: readonly number[];
  readonly timeoutSeconds: number;
  readonly version: string;
  /** Chance, between 0 and 1. */
  readonly random: () => number;
}

const ERROR_LENGTH_MAX = 500;

interface Answer {
  readonly status: number;
  readonly error: string;
  /** Of the receiver; null where nothing was sent to it, so that another attempt can have no other end. */
  readonly sentTo: WebhookRow | null;
}

export async function attemptDelivery(options: AttemptOptions, row: DeliveryRow, signal: AbortSignal): Promise<void> {
  const { store, waits, random } = options;
  const answer = await send(options, row, signal);
  if (answer === undefined) {
    await store.deliveries.release({ id: row.id, attempt: row.attempt, now: await store.nodes.now() });
    return;
  }
  const after =
    answer.sentTo === null ? ({ kind: 'failed' } as const) : afterDelivery(waits, { tries: row.tries, status: answer.status }, random());
  const now = await store.nodes.now();
  const end: DeliveryEnd = {
    id: row.id,
    attempt: row.attempt,
    now,
    status: after.kind === 'retry' ? 'waiting' : after.kind,
    nextAt: after.kind === 'retry' ? now + after.delayMs : null,
    responseStatus: answer.status,
    error: after.kind === 'delivered' ? '' : answer.error,
    endedAt: after.kind === 'retry' ? null : now,
  };
  await store.deliveries.settle([end]);
  if (answer.sentTo === null) return;
  // The delivery itself has its end.
  await noteHealth(options, answer.sentTo, end).catch((error: unknown) =>
    options.log.warn({ err: error, webhookId: row.webhookId }, 'Cannot write down whether a webhook takes what is sent to it'),
  );
}

/** @returns undefined where the attempt was cut off by our own end, or its webhook may be enabled again: whoever is there then makes it anew */
async function send(options: AttemptOptions, row: DeliveryRow, signal: AbortSignal): Promise<Answer | undefined> {
  const { store, sender, timeoutSeconds } = options;
  const [webhook, event] = await Promise.all([
    store.webhooks.get(row.projectId, row.webhookId),
    store.events.get(row.projectId, row.eventSource, row.eventId),
  ]);
  if (webhook !== null && !webhook.enabled && webhook.updatedAt > (await store.nodes.now()) - DISABLED_WAIT_MS) return undefined;
  if (webhook === null || !webhook.enabled) return { status: 0, error: 'the webhook is disabled', sentTo: null };
  if (event === null) return { status: 0, error: 'the event is past retention', sentTo: null };
  try {
    const status = await sender.post({
      url: webhook.url,
      ...signed(options, { webhook, event, row }),
      timeoutMs: timeoutSeconds * 1000,
      signal,
    });
    const note = status >= 300 && status < 400 ? '; redirects are not followed' : '';
    return { status, error: `it answered with status ${status}${note}`, sentTo: webhook };
  } catch (error) {
    if (signal.aborted) return undefined;
    const problem = error instanceof Error ? error.message : String(error);
    return { status: 0, error: problem.slice(0, ERROR_LENGTH_MAX), sentTo: webhook };
  }
}

/** One CloudEvent in the structured mode. Every attempt has the same body, and a signature of its own time. */
function signed(
  { vault, clock, version }: AttemptOptions,
  { webhook, event, row }: { webhook: WebhookRow; event: EventRow; row: DeliveryRow },
): { body: Uint8Array; headers: Record<string, string> } {
  const body = Buffer.from(writeStructured(cloudEventOf(event)));
  const secrets = secretBytes(openSecrets(vault, webhook));
  return {
    body,
    headers: {
      'content-type': 'application/cloudevents+json; charset=utf-8',
      'user-agent': `Martlet/${version}`,
      'martlet-webhook-id': webhook.id,
      'martlet-delivery-id': row.id,
      'martlet-attempt': String(row.attempt),
      [MARTLET_SIGNATURE_HEADER]: signDelivery(body, { secrets, nowMs: clock.now(), hmac }),
    },
  };
}

function cloudEventOf({ id, source, type, subject, time, contentType, data, hops }: EventRow): CloudEvent {
  return {
    id,
    source,
    type,
    ...(subject !== '' && { subject }),
    time: new Date(time).toISOString(),
    ...(contentType !== '' && { datacontenttype: contentType }),
    extensions: hops > 0 ? { [HOPS_ATTRIBUTE]: hops } : {},
    data: contentType === '' ? null : data,
  };
}
