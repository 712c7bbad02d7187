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
  const kept = new LRUCache<string, SubscriptionIndex<Listener>>({ max: PROJECTS_KEPT, ttl: KEPT_MS });
  /** Grows with every change, so that what was read before a change is not kept after it. */
  let generation = 0;
  changes.subscribe(({ kind, projectId }) => {
    if (!kinds.includes(kind)) return;
    generation += 1;
    kept.delete(projectId);
  });

  return {
    async matching(projectId, event) {
      const known = kept.get(projectId);
      if (known !== undefined) return known.matching(event);
      const before = generation;
      const index = createSubscriptionIndex(await read(projectId));
      if (before === generation) kept.set(projectId, index);
      return index.matching(event);
    },
  };
}
