/** From an event to what it starts: an execution of each function that listens, a delivery to each webhook, in the commit that marks it. */
import { hash } from 'node:crypto';
import type { Limits } from '@martlet/protocol';
import type { Match } from '../../domain/events/subscription-index.ts';
import type { Clock } from '../../ports/system/clock.ts';
import type { Ids } from '../../ports/system/ids.ts';
import type { FunctionRow, Store } from '../../ports/store.ts';
import type { NewDecision } from '../../ports/store/decision-store.ts';
import type { EventRow } from '../../ports/store/event-store.ts';
import type { DeliveryRow, WebhookRow } from '../../ports/store/webhook-store.ts';
import type { NewJob } from '../../ports/store/job-store.ts';
import { newJob } from '../queue/new-job.ts';
import type { EventListeners } from './event-listeners.ts';

export interface DispatchOptions {
  readonly store: Store;
  readonly functions: EventListeners<FunctionRow>;
  readonly webhooks: EventListeners<WebhookRow>;
  readonly clock: Clock;
  readonly ids: Ids;
  readonly limits: Pick<Limits, 'hops'>;
  /** Origin of the URL that the functions see. */
  readonly origin: string;
}

/** Under this id decisions about an event are on record; source and id themselves may be longer than an index takes. */
export const eventSubject = ({ source, id }: Pick<EventRow, 'source' | 'id'>): string => hash('sha256', JSON.stringify([source, id]));

export interface Dispatched {
  readonly executions: number;
  readonly deliveries: number;
}

/** @returns what it started; nothing also when somebody else has dispatched it */
export async function dispatchEvent(options: DispatchOptions, event: EventRow): Promise<Dispatched> {
  const { store, functions, webhooks, clock, ids } = options;
  const now = clock.now();
  const fired = event.fired ?? { kind: 'custom', name: event.type };
  const [matches, receivers] = await Promise.all([functions.matching(event.projectId, fired), webhooks.matching(event.projectId, fired)]);
  const jobs: NewJob[] = [];
  const decisions: NewDecision[] = [];
  const note = (code: string, text: string): void => {
    decisions.push({ at: now, projectId: event.projectId, subject: 'event', subjectId: eventSubject(event), code, text });
  };
  if (matches.length + receivers.length === 0) note('no_subscription', `No function and no webhook listens to ${event.type}.`);
  for (const match of matches) {
    const refusal = refusalOf(match.subscription, event, options.limits);
    if (refusal === undefined) {
      const job = jobOf(match, event, options);
      jobs.push(job);
      note('started', `"${match.subscription.path}" listens to ${match.pattern}: execution ${job.execution.id}.`);
    } else note(refusal.code, `"${match.subscription.path}" listens to ${match.pattern}, and was not started: ${refusal.reason}.`);
  }
  const deliveries = receivers.map(({ subscription: webhook, pattern }): DeliveryRow => {
    const id = ids.next();
    note('sent', `The webhook "${webhook.name}" listens to ${pattern}: delivery ${id}.`);
    return newDelivery(event, { id, webhookId: webhook.id, now });
  });
  const { projectId, source, id } = event;
  const first = await store.events.dispatch({ projectId, source, id, now, jobs, decisions, deliveries });
  return first ? { executions: jobs.length, deliveries: deliveries.length } : { executions: 0, deliveries: 0 };
}

function newDelivery(event: EventRow, { id, webhookId, now }: { id: string; webhookId: string; now: number }): DeliveryRow {
  return {
    id,
    createdAt: now,
    updatedAt: now,
    projectId: event.projectId,
    webhookId,
    eventId: event.id,
    eventSource: event.source,
    eventType: event.type,
    status: 'waiting',
    attempt: 0,
    tries: 0,
    nextAt: now,
    responseStatus: 0,
    error: '',
    endedAt: null,
  };
}

function refusalOf(fn: FunctionRow, event: EventRow, limits: Pick<Limits, 'hops'>): { code: string; reason: string } | undefined {
  if (!fn.enabled) return { code: 'function_disabled', reason: 'it is disabled' };
  if (event.hops > limits.hops)
    return {
      code: 'hops_exceeded',
      reason: `${event.hops} functions stand between this event and its first cause, and ${limits.hops} is the most`,
    };
  return undefined;
}

function jobOf({ subscription: fn }: Match<FunctionRow>, event: EventRow, { ids, clock, origin }: DispatchOptions): NewJob {
  return newJob(
    {
      projectId: event.projectId,
      functionId: fn.id,
      deploymentId: fn.activeDeploymentId ?? '',
      trigger: 'event',
      userId: event.userId,
      request: {
        method: 'POST',
        origin,
        path: '/',
        headers: event.origin === 'platform' ? ['content-type', 'application/json'] : cloudEventHeaders(event),
        clientIp: '',
        hops: event.hops,
        event: event.type,
      },
      body: event.data,
      facts: { eventId: event.id },
      // Beside the mark on the event a second lock: one execution for each function.
      idempotency: { key: `event:${eventSubject(event)}`, hash: '' },
    },
    { id: ids.next(), now: clock.now() },
  );
}

/** The attributes as headers and the data as the body: the binary mode of CloudEvents over HTTP. */
function cloudEventHeaders({ id, source, type, subject, time, contentType }: EventRow): string[] {
  const headers = ['ce-specversion', '1.0', 'ce-id', encode(id), 'ce-source', encode(source), 'ce-type', type];
  if (subject !== '') headers.push('ce-subject', encode(subject));
  headers.push('ce-time', new Date(time).toISOString());
  if (contentType !== '') headers.push('content-type', contentType);
  return headers;
}

/** As the HTTP binding says: printable ASCII but space, quote and percent stays, everything else is percent-encoded UTF-8. */
function encode(value: string): string {
  return value
    .toWellFormed()
    .replace(/[^\x21\x23\x24\x26-\x7e]/gu, (character) =>
      [...Buffer.from(character)].map((byte) => `%${byte.toString(16).toUpperCase().padStart(2, '0')}`).join(''),
    );
}
