/** From an event to the executions that it starts: one for each function that listens, all in the commit that marks it. */
import type { Limits } from '@martlet/protocol';
import type { Match } from '../../domain/events/subscription-index.ts';
import type { Clock } from '../../ports/system/clock.ts';
import type { Ids } from '../../ports/system/ids.ts';
import type { FunctionRow, Store } from '../../ports/store.ts';
import type { NewDecision } from '../../ports/store/decision-store.ts';
import type { EventRow } from '../../ports/store/event-store.ts';
import type { NewJob } from '../../ports/store/job-store.ts';
import { newJob } from '../queue/new-job.ts';
import type { EventListeners } from './event-listeners.ts';

export interface DispatchOptions {
  readonly store: Store;
  readonly listeners: EventListeners;
  readonly clock: Clock;
  readonly ids: Ids;
  readonly limits: Pick<Limits, 'hops'>;
  /** Origin of the URL that the functions see. */
  readonly origin: string;
}

/** Under this id decisions about an event are on record. */
export const eventSubject = ({ source, id }: Pick<EventRow, 'source' | 'id'>): string => `${source} ${id}`;

/** @returns how many executions it started; 0 also when somebody else has dispatched it */
export async function dispatchEvent(options: DispatchOptions, event: EventRow): Promise<number> {
  const { store, listeners, clock } = options;
  const now = clock.now();
  const matches = await listeners.matching(event.projectId, event.fired ?? { kind: 'custom', name: event.type });
  const jobs: NewJob[] = [];
  const decisions: NewDecision[] = [];
  const note = (code: string, text: string): void => {
    decisions.push({ at: now, projectId: event.projectId, subject: 'event', subjectId: eventSubject(event), code, text });
  };
  if (matches.length === 0) note('no_subscription', `No function listens to ${event.type}.`);
  for (const match of matches) {
    const refusal = refusalOf(match.subscription, event, options.limits);
    if (refusal === undefined) {
      const job = jobOf(match, event, options);
      jobs.push(job);
      note('started', `"${match.subscription.path}" listens to ${match.pattern}: execution ${job.execution.id}.`);
    } else note(refusal.code, `"${match.subscription.path}" listens to ${match.pattern}, and was not started: ${refusal.reason}.`);
  }
  const first = await store.events.dispatch({ projectId: event.projectId, source: event.source, id: event.id, now, jobs, decisions });
  return first ? jobs.length : 0;
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
      idempotency: { key: `event:${event.source}:${event.id}`, hash: '' },
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
