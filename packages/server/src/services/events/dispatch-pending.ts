/** Dispatches what waits, the oldest first. An event that cannot be dispatched rests, and is in no other one's way. */
import { LRUCache } from 'lru-cache';
import type { EventRow } from '../../ports/store/event-store.ts';
import type { Log } from '../../ports/system/log.ts';
import type { Enqueue } from '../queue/enqueue.ts';
import { dispatchEvent, type Dispatched, type DispatchOptions } from './dispatch-event.ts';

export interface PendingOptions extends DispatchOptions {
  readonly enqueue: Pick<Enqueue, 'announce'>;
  readonly log: Log;
  /** Called when deliveries were stored. */
  readonly onDeliveries: () => void;
}

const TOGETHER_MAX = 100;
/** Of data, which every function that listens is given a copy of. */
const BYTES_MAX = 8 * 1_048_576;
/** Beyond as many the one that failed longest ago is tried again at once. */
const RESTING_MAX = 1000;
const REST_MS = { first: 1000, most: 60_000 };

interface Rest {
  readonly event: EventAt;
  readonly until: number;
  readonly tries: number;
}
type EventAt = Pick<EventRow, 'projectId' | 'source' | 'id'>;

/** @returns how it is done once; which tells whether more may wait */
export function createPendingDispatch(options: PendingOptions): () => Promise<boolean> {
  const { store, enqueue, log, onDeliveries } = options;
  const rests = new LRUCache<string, Rest>({ max: RESTING_MAX });

  function rest({ projectId, source, id }: EventAt): void {
    const key = keyOf({ projectId, source, id });
    const tries = (rests.get(key)?.tries ?? 0) + 1;
    const until = performance.now() + Math.min(REST_MS.most, REST_MS.first * 2 ** (tries - 1));
    rests.set(key, { event: { projectId, source, id }, until, tries });
  }

  return async () => {
    const now = performance.now();
    const resting = [...rests.values()].flatMap(({ event, until }) => (until > now ? [event] : []));
    const pending = await store.events.pending({ limit: TOGETHER_MAX, bytes: BYTES_MAX, except: resting });
    const started: Dispatched[] = [];
    const failures: { readonly event: EventRow; readonly error: unknown }[] = [];
    await Promise.all(
      pending.map((event) =>
        dispatchEvent(options, event).then(
          (dispatched) => {
            started.push(dispatched);
            rests.delete(keyOf(event));
          },
          (error: unknown) => failures.push({ event, error }),
        ),
      ),
    );
    // What was stored is told of, whatever became of the others.
    if (started.some(({ executions }) => executions > 0)) enqueue.announce();
    if (started.some(({ deliveries }) => deliveries > 0)) onDeliveries();
    failures.forEach(({ event }) => rest(event));
    const [first] = failures;
    if (first !== undefined) {
      const { projectId, source, id } = first.event;
      log.warn({ err: first.error, events: failures.length, projectId, source, id }, 'Cannot dispatch events; they are tried again later');
    }
    return started.length > 0;
  };
}

const keyOf = ({ projectId, source, id }: EventAt): string => JSON.stringify([projectId, source, id]);
