/** Who in a project listens to an event. Looked up once, and again when a listener changes or some time has passed. */
import { LRUCache } from 'lru-cache';
import { createSubscriptionIndex, type Match, type Subscription, type SubscriptionIndex } from '../../domain/events/subscription-index.ts';
import type { FiredEvent } from '../../domain/events/event-name.ts';
import type { Change, Changes } from '../changes.ts';

export interface EventListeners<Listener> {
  matching(projectId: string, event: FiredEvent): Promise<readonly Match<Listener>[]>;
}

const PROJECTS_KEPT = 1000;
/** Another server may have changed a listener, and its word of it been lost. */
const KEPT_MS = 2000;

export interface EventListenersOptions<Listener> {
  readonly read: (projectId: string) => Promise<readonly Listener[]>;
  readonly changes: Changes;
  /** Changes after which they are read again. */
  readonly kinds: readonly Change['kind'][];
}

export function createEventListeners<Listener extends Subscription>({
  read,
  changes,
  kinds,
}: EventListenersOptions<Listener>): EventListeners<Listener> {
  /** Of reads that are under way, too: a hundred events at once ask once. */
  const kept = new LRUCache<string, Promise<SubscriptionIndex<Listener>>>({ max: PROJECTS_KEPT, ttl: KEPT_MS });
  // What was begun before a change is not kept after it.
  changes.subscribe(({ kind, projectId }) => void (kinds.includes(kind) && kept.delete(projectId)));

  function indexOf(projectId: string): Promise<SubscriptionIndex<Listener>> {
    const known = kept.get(projectId);
    if (known !== undefined) return known;
    const reading = read(projectId).then(createSubscriptionIndex);
    kept.set(projectId, reading);
    reading.catch(() => kept.peek(projectId) === reading && kept.delete(projectId));
    return reading;
  }

  return { matching: async (projectId, event) => (await indexOf(projectId)).matching(event) };
}
