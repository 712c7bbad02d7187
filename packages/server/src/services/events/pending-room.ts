/** How many events of a project may wait to be dispatched: beyond, who sends more is told to come back later. */
import { PlatformError, type Limits } from '@martlet/protocol';
import { LRUCache } from 'lru-cache';
import type { EventStore } from '../../ports/store/event-store.ts';

export interface PendingRoom {
  /** @throws {PlatformError} `event_queue_full` */
  take(projectId: string, count: number): Promise<void>;
}

/** How long a count is good enough; meanwhile own events are added to it. */
const COUNT_MS = 1000;
const COUNTS_KEPT = 10_000;
const RETRY_SECONDS = 5;

export function createPendingRoom({
  events,
  limits,
}: {
  readonly events: Pick<EventStore, 'depth'>;
  readonly limits: Pick<Limits, 'pendingEvents'>;
}): PendingRoom {
  const counts = new LRUCache<string, Promise<{ pending: number }>>({ max: COUNTS_KEPT, ttl: COUNT_MS });

  function countOf(projectId: string): Promise<{ pending: number }> {
    const known = counts.get(projectId);
    if (known !== undefined) return known;
    const counted = events.depth({ projectId, max: limits.pendingEvents }).then((pending) => ({ pending }));
    counts.set(projectId, counted);
    counted.catch(() => counts.peek(projectId) === counted && counts.delete(projectId));
    return counted;
  }

  return {
    async take(projectId, count) {
      const counted = await countOf(projectId);
      if (counted.pending >= limits.pendingEvents)
        throw new PlatformError('event_queue_full', {
          message: `Cannot take the event: ${limits.pendingEvents} events of the project wait to be dispatched already.`,
          retryAfterSeconds: RETRY_SECONDS,
        });
      counted.pending += count;
    },
  };
}
