/** Attempts of deliveries: which of those that are due begin now, what is sent, and what becomes of it. */
import type { CloudEvent } from '../../domain/events/cloud-event.ts';
import { writeStructured } from '../../domain/events/cloud-event-http.ts';
import { afterDelivery } from '../../domain/webhooks/delivery-retry.ts';
import { MARTLET_SIGNATURE_HEADER, signDelivery } from '../../domain/webhooks/signatures.ts';
import type { Store } from '../../ports/store.ts';
import type { EventRow } from '../../ports/store/event-store.ts';
import type { DeliveryEnd, DeliveryRow, WebhookRow } from '../../ports/store/webhook-store.ts';
import type { Clock } from '../../ports/system/clock.ts';
import type { Log } from '../../ports/system/log.ts';
import type { Vault } from '../../ports/vault.ts';
import type { WebSender } from '../../ports/web-sender.ts';
import { hmac, openSecrets, secretBytes } from './webhook-secrets.ts';

export interface Deliveries {
  /** Begins the attempts that are due and for which there is room. @returns how many it began */
  begin(): Promise<number>;
  /** Called when an attempt has ended, and so left room. */
  onEnded(listener: () => void): void;
  /** Cuts attempts off; another server, or the next start, makes them anew. Waits for what does not end no longer than `ms`. */
  close(ms: number): Promise<void>;
}

export interface DeliveriesOptions {
  readonly store: Pick<Store, 'webhooks' | 'deliveries' | 'events' | 'nodes'>;
  readonly vault: Vault;
  readonly sender: WebSender;
  readonly clock: Clock;
  readonly log: Log;
  /** Seconds before each further attempt. */
  readonly waits: readonly number[];
  readonly timeoutSeconds: number;
  readonly version: string;
  /** Chance, between 0 and 1. */
  readonly random: () => number;
}

/** All at once: many enough that those who do not answer leave room for those who do. */
const AT_ONCE = 256;
/** To one receiver at once; to one that did not take the last one, one. */
const PER_WEBHOOK = 4;
const LOOKED_AT = 500;
/** Beyond its time-out an attempt has this long to be written down before another server takes it for lost. */
const LEASE_SLACK_MS = 15_000;
const ERROR_LENGTH_MAX = 500;

interface Answer {
  readonly status: number;
  readonly error: string;
  /** Whether another attempt can have no other end. */
  readonly final?: boolean;
}

export function createDeliveries(options: DeliveriesOptions): Deliveries {
  const { store, log } = options;
  const running = new Map<string, Promise<void>>();
  const perWebhook = new Map<string, number>();
  const failing = new Set<string>();
  const endListeners: (() => void)[] = [];
  const closing = new AbortController();
  const roomOf = (key: string): number => (failing.has(key) ? 1 : PER_WEBHOOK) - (perWebhook.get(key) ?? 0);

  function start(row: DeliveryRow): void {
    const runKey = `${row.id} ${row.attempt}`;
    const key = keyOf(row);
    perWebhook.set(key, (perWebhook.get(key) ?? 0) + 1);
    const attempt = attemptDelivery(options, row, closing.signal)
      .then((delivered) => void (delivered ? failing.delete(key) : failing.add(key)))
      .catch((error: unknown) => {
        if (!closing.signal.aborted)
          log.warn({ err: error, deliveryId: row.id }, 'Cannot write down what became of a delivery; it is sent again');
      })
      .finally(() => {
        running.delete(runKey);
        const left = (perWebhook.get(key) ?? 1) - 1;
        if (left > 0) perWebhook.set(key, left);
        else perWebhook.delete(key);
        endListeners.forEach((listener) => listener());
      });
    running.set(runKey, attempt);
  }

  return {
    async begin() {
      const room = AT_ONCE - running.size;
      if (room <= 0 || closing.signal.aborted) return 0;
      const full = [...perWebhook.keys()].filter((key) => roomOf(key) <= 0);
      const now = await store.nodes.now();
      const due = await store.deliveries.due(now, LOOKED_AT, full);
      const chosen = choose(due, roomOf).slice(0, room);
      if (chosen.length === 0) return 0;
      const until = now + options.timeoutSeconds * 1000 + LEASE_SLACK_MS;
      const claimed = await store.deliveries.claim(chosen, { now, until });
      claimed.forEach(start);
      return claimed.length;
    },
    onEnded: (listener) => void endListeners.push(listener),
    async close(ms) {
      closing.abort(new Error('the server stops'));
      await Promise.race([Promise.allSettled(running.values()), pause(ms)]);
    },
  };
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => {
    setTimeout(resolve, ms).unref();
  });
}

const keyOf = ({ projectId, webhookId }: DeliveryRow): string => `${projectId}/${webhookId}`;

/** Of each webhook as many as there is room for, in the order in which they became due. */
function choose(due: readonly DeliveryRow[], roomOf: (key: string) => number): DeliveryRow[] {
  const taken = new Map<string, number>();
  return due.filter((row) => {
    const key = keyOf(row);
    const count = taken.get(key) ?? 0;
    if (count >= roomOf(key)) return false;
    taken.set(key, count + 1);
    return true;
  });
}

/** @returns whether the receiver took it */
async function attemptDelivery(options: DeliveriesOptions, row: DeliveryRow, signal: AbortSignal): Promise<boolean> {
  const { store, waits, random } = options;
  const answer = await send(options, row, signal);
  // Cut off by our own end: its lease runs out, and whoever is there then makes the next attempt.
  if (signal.aborted) return true;
  const after = answer.final ? ({ kind: 'failed' } as const) : afterDelivery(waits, { tries: row.tries, status: answer.status }, random());
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
  return after.kind === 'delivered';
}

async function send(options: DeliveriesOptions, row: DeliveryRow, signal: AbortSignal): Promise<Answer> {
  const { store, sender, timeoutSeconds } = options;
  const [webhook, event] = await Promise.all([
    store.webhooks.get(row.projectId, row.webhookId),
    store.events.get(row.projectId, row.eventSource, row.eventId),
  ]);
  if (webhook === null || !webhook.enabled) return { status: 0, error: 'the webhook is disabled', final: true };
  if (event === null) return { status: 0, error: 'the event is past retention', final: true };
  try {
    const status = await sender.post({
      url: webhook.url,
      ...signed(options, { webhook, event, row }),
      timeoutMs: timeoutSeconds * 1000,
      signal,
    });
    return { status, error: `it answered with status ${status}${status >= 300 && status < 400 ? '; redirects are not followed' : ''}` };
  } catch (error) {
    return { status: 0, error: (error instanceof Error ? error.message : String(error)).slice(0, ERROR_LENGTH_MAX) };
  }
}

/** One CloudEvent in the structured mode. Every attempt has the same body, and a signature of its own time. */
function signed(
  { vault, clock, version }: DeliveriesOptions,
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

function cloudEventOf({ id, source, type, subject, time, contentType, data }: EventRow): CloudEvent {
  return {
    id,
    source,
    type,
    ...(subject !== '' && { subject }),
    time: new Date(time).toISOString(),
    ...(contentType !== '' && { datacontenttype: contentType }),
    extensions: {},
    data: contentType === '' ? null : data,
  };
}
