/** Events from outside and from functions: accepted once each, then told to whoever listens. */
import { PlatformError, type Limits } from '@martlet/protocol';
import type { CloudEvent } from '../../domain/events/cloud-event.ts';
import type { Principal } from '../../domain/principal.ts';
import type { Clock } from '../../ports/system/clock.ts';
import type { Ids } from '../../ports/system/ids.ts';
import type { ListQuery, Page, Store } from '../../ports/store.ts';
import type { NewDecision } from '../../ports/store/decision-store.ts';
import type { EventRow } from '../../ports/store/event-store.ts';
import type { Changes } from '../changes.ts';
import type { Enqueue } from '../queue/enqueue.ts';
import { hopsAfter } from './cause.ts';
import { dispatchEvent, eventSubject } from './dispatch-event.ts';
import { createEventListeners } from './event-listeners.ts';

export interface SentEvent {
  readonly id: string;
  readonly source: string;
  /** False: this source had sent an event with this id before; nothing was done. */
  readonly isNew: boolean;
}

/** How an event came in, where nobody stands behind it as its sender. */
export interface CameVia extends Pick<EventRow, 'origin' | 'hops'> {}

export interface Events {
  /**
   * When this resolves the events are on disk; each starts every function that listens to it once.
   * @throws {PlatformError} `execution_hops_exceeded`, `store_unavailable`
   */
  send(projectId: string, events: readonly CloudEvent[], sender: Principal, via?: CameVia): Promise<readonly SentEvent[]>;
  list(projectId: string, query: ListQuery): Promise<Page<EventRow>>;
  /** With what was decided about it. @throws {PlatformError} `event_not_found` */
  get(projectId: string, source: string, id: string): Promise<{ readonly row: EventRow; readonly decisions: readonly NewDecision[] }>;
  /** Dispatches those that wait. @returns how many there were; fewer than `PENDING_MAX` when none is left */
  dispatchPending(): Promise<number>;
  /** Called when deliveries to webhooks were stored. */
  onDeliveries(listener: () => void): void;
  /** Called when events were stored. */
  onStored(listener: () => void): void;
  /** Tells the listeners of events that were stored in the commit of a change. */
  stored(): void;
}

export interface EventsOptions {
  readonly store: Store;
  readonly clock: Clock;
  readonly ids: Ids;
  readonly changes: Changes;
  readonly enqueue: Enqueue;
  readonly limits: Pick<Limits, 'hops'>;
  readonly origin: string;
}

export const PENDING_MAX = 100;
const DECISIONS_SHOWN = 1000;

export function createEvents(options: EventsOptions): Events {
  const { store, clock, changes, enqueue, limits } = options;
  const dispatch = {
    ...options,
    functions: createEventListeners({ changes, kinds: ['function', 'deployment'], read: (id) => store.functions.listeners(id) }),
    webhooks: createEventListeners({ changes, kinds: ['webhook'], read: (id) => store.webhooks.sending(id) }),
  };
  const storedListeners: (() => void)[] = [];
  const deliveryListeners: (() => void)[] = [];
  const events: Events = {
    // oxlint-disable-next-line max-params -- what, from whom, and how it came in
    async send(projectId, given, sender, via) {
      const hops = via?.hops ?? hopsAfter(sender);
      if (hops > limits.hops)
        throw new PlatformError('execution_hops_exceeded', `Cannot send an event: ${hops} functions stand between it and its first cause.`);
      const now = clock.now();
      const rows = given.map((event) => rowOf(event, { projectId, now, hops, sender, origin: via?.origin }));
      const answers = await store.events.append(rows);
      if (answers.some(Boolean)) events.stored();
      return rows.map(({ id, source }, index) => ({ id, source, isNew: answers[index] === true }));
    },
    list: (projectId, query) => store.events.list(projectId, query),
    async get(projectId, source, id) {
      const row = await store.events.get(projectId, source, id);
      if (row === null)
        throw new PlatformError('event_not_found', `Event with the requested source and id could not be found: "${id.slice(0, 40)}".`);
      const decisions = await store.decisions.list({ projectId, subject: 'event', subjectId: eventSubject(row), limit: DECISIONS_SHOWN });
      return { row, decisions };
    },
    async dispatchPending() {
      const pending = await store.events.pending(PENDING_MAX);
      const started = await Promise.all(pending.map((event) => dispatchEvent(dispatch, event)));
      if (started.some(({ executions }) => executions > 0)) enqueue.announce();
      if (started.some(({ deliveries }) => deliveries > 0)) deliveryListeners.forEach((listener) => listener());
      return pending.length;
    },
    onStored: (listener) => void storedListeners.push(listener),
    onDeliveries: (listener) => void deliveryListeners.push(listener),
    stored: () => storedListeners.forEach((listener) => listener()),
  };
  return events;
}

function rowOf(
  event: CloudEvent,
  by: { projectId: string; now: number; hops: number; sender: Principal; origin: EventRow['origin'] | undefined },
): EventRow {
  const { sender, now, projectId, hops } = by;
  return {
    id: event.id,
    createdAt: now,
    updatedAt: now,
    projectId,
    source: event.source,
    type: event.type,
    subject: event.subject ?? '',
    time: event.time === undefined ? now : Date.parse(event.time),
    contentType: event.data === null ? '' : (event.datacontenttype ?? 'application/json'),
    data: event.data ?? new Uint8Array(0),
    origin: by.origin ?? (sender.kind === 'execution' ? 'function' : 'api'),
    fired: null,
    userId: sender.kind === 'user' ? sender.userId : null,
    hops,
    dispatchedAt: null,
    started: 0,
  };
}
