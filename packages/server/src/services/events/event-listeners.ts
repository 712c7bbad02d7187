/** Which functions of a project listen to an event. Looked up once, and again when a function changes or some time has passed. */
import { LRUCache } from 'lru-cache';
import { createSubscriptionIndex, type Match, type SubscriptionIndex } from '../../domain/events/subscription-index.ts';
import type { FiredEvent } from '../../domain/events/event-name.ts';
import type { FunctionRow, Store } from '../../ports/store.ts';
import type { Changes } from '../changes.ts';

export interface EventListeners {
  matching(projectId: string, event: FiredEvent): Promise<readonly Match<FunctionRow>[]>;
}

const PROJECTS_KEPT = 1000;
/** Another server may have changed a function, and its word of it been lost. */
const KEPT_MS = 2000;

export function createEventListeners({ store, changes }: { store: Store; changes: Changes }): EventListeners {
  const kept = new LRUCache<string, SubscriptionIndex<FunctionRow>>({ max: PROJECTS_KEPT, ttl: KEPT_MS });
  /** Grows with every change, so that what was read before a change is not kept after it. */
  let generation = 0;
  changes.subscribe(({ kind, projectId }) => {
    if (kind !== 'function' && kind !== 'deployment') return;
    generation += 1;
    kept.delete(projectId);
  });

  return {
    async matching(projectId, event) {
      const known = kept.get(projectId);
      if (known !== undefined) return known.matching(event);
      const before = generation;
      const index = createSubscriptionIndex(await store.functions.listeners(projectId));
      if (before === generation) kept.set(projectId, index);
      return index.matching(event);
    },
  };
}
