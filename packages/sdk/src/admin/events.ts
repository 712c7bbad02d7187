/** Events that start the functions which wait for them: CloudEvents 1.0 in their JSON form. */
import type { CallApi } from '../transport/http.ts';

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

export interface Events {
  /** Resolves with the events as they were sent once the server has stored them. */
  send(event: NewEvent): Promise<CloudEvent>;
  send(events: readonly NewEvent[]): Promise<CloudEvent[]>;
}

export function createEvents(api: CallApi): Events {
  async function send(event: NewEvent | readonly NewEvent[]): Promise<CloudEvent | CloudEvent[]> {
    const isList = Array.isArray(event);
    const sent = ([] as NewEvent[]).concat(event as NewEvent | NewEvent[]).map(complete);
    const body = isList ? sent : (sent[0] as CloudEvent);
    await api('POST', '/events', { body, headers: { 'content-type': `application/cloudevents${isList ? '-batch' : ''}+json` } });
    return body;
  }
  return { send: send as Events['send'] };
}

function complete(event: NewEvent): CloudEvent {
  if (typeof event.type !== 'string' || event.type === '') throw new TypeError('Cannot send an event: its `type` is missing.');
  return { specversion: '1.0', id: crypto.randomUUID(), source: '/', ...event } as CloudEvent;
}
