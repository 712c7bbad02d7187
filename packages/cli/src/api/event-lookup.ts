/** Finds events: by source and id, which name them for ever, or by an id that only one source has used. */
import type { DecisionResource, EventResource } from '@martlet/protocol';
import type { ApiClient } from './api-client.ts';
import { CliError } from '../cli-error.ts';
import { equalQuery, limitQuery } from './function-lookup.ts';

export interface EventList {
  readonly total: number;
  readonly events: readonly EventResource[];
}

/** An event with what was decided about it. */
export interface EventStory {
  readonly event: EventResource;
  readonly data: string;
  readonly lines: readonly DecisionResource[];
}

/** @throws {CliError} `event_not_found` */
export function readEventStory(api: ApiClient, source: string, id: string): Promise<EventStory> {
  return api.get<EventStory>('/events/why', { source, id });
}

/** Undefined where no source has sent an event with this id. @throws {CliError} where several have */
export async function findEvent(api: ApiClient, id: string): Promise<EventResource | undefined> {
  const { events } = await api.get<EventList>('/events', { queries: [equalQuery('$id', id), limitQuery(20)], total: false });
  const [first, ...more] = events;
  if (more.length > 0)
    throw new CliError(`Cannot tell which event ${id} is meant: it came from ${events.map((one) => one.source).join(', ')}.`, {
      exitCode: 2,
      next: `martlet why --source ${first?.source ?? ''} --id ${id}`,
    });
  return first;
}
