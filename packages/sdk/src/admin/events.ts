/** Events that start the functions which wait for them: CloudEvents 1.0 in their JSON form. */
import type { CallApi } from '../transport/http.ts';
import type { Decision } from './executions.ts';
import type { ListOptions, Resource } from './resources.ts';

export interface NewEvent {
  /** What happened, e.g. `orders.created`. */
  readonly type: string;
  /** Where; default `/`. */
  readonly source?: string | undefined;
  /** Of this event at its source; the same id again is the same event. Default: a fresh one. */
  readonly id?: string | undefined;
  readonly subject?: string | undefined;
  /** ISO 8601. */
  readonly time?: string | undefined;
  readonly data?: unknown;
}

export interface CloudEvent extends NewEvent {
  readonly specversion: '1.0';
  readonly id: string;
  readonly source: string;
}

/** An event as it was sent. */
export interface SentEvent extends CloudEvent {
  /** False: its source had sent an event with this id before, so that nothing was started. */
  readonly isNew: boolean;
}

/** An event as the server keeps it, without its data. `$id` is its own at its source. */
export interface Event extends Resource {
  readonly source: string;
  readonly type: string;
  readonly subject: string;
  /** When it happened, as its sender says. */
  readonly time: string;
  readonly dataContentType: string;
  readonly dataSize: number;
  readonly origin: 'platform' | 'api' | 'function' | 'webhook';
  readonly userId: string;
  /** How many functions stand between it and its first cause. */
  readonly hops: number;
  /** When it was told to those who listen; empty before. */
  readonly dispatchedAt: string;
  /** Executions that it started. */
  readonly started: number;
}

export interface EventList {
  readonly total: number;
  readonly events: Event[];
}

export interface EventStory {
  readonly event: Event;
  /** As text. */
  readonly data: string;
  /** Which functions it started, and why not others. */
  readonly lines: Decision[];
}

export interface Events {
  /** Resolves with the events as they were sent once the server has stored them; each starts every function that listens once. */
  send(event: NewEvent): Promise<SentEvent>;
  send(events: readonly NewEvent[]): Promise<SentEvent[]>;
  list(options?: ListOptions): Promise<EventList>;
  why(event: { readonly source: string; readonly id: string }): Promise<EventStory>;
}

export function createEvents(api: CallApi): Events {
  async function send(event: NewEvent | readonly NewEvent[]): Promise<SentEvent | SentEvent[]> {
    const isList = Array.isArray(event);
    const events = ([] as NewEvent[]).concat(event as NewEvent | NewEvent[]).map(complete);
    const answer = await api<{ events: { new: boolean }[] }>('POST', '/events', {
      body: isList ? events : (events[0] as CloudEvent),
      headers: { 'content-type': `application/cloudevents${isList ? '-batch' : ''}+json` },
    });
    const sent = events.map((one, at) => ({ ...one, isNew: answer.events[at]?.new === true }));
    return isList ? sent : (sent[0] as SentEvent);
  }
  return {
    send: send as Events['send'],
    list: async (options = {}) => api('GET', '/events', { query: { ...options } }),
    why: async ({ source, id }) => api('GET', '/events/why', { query: { source, id } }),
  };
}

function complete(event: NewEvent): CloudEvent {
  if (typeof event.type !== 'string' || event.type === '') throw new TypeError('Cannot send an event: its `type` is missing.');
  return { ...event, specversion: '1.0', id: event.id ?? crypto.randomUUID(), source: event.source ?? '/' };
}
