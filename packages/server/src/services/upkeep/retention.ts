/** Deletes the records of executions, events and decisions that are older than the retention, a bounded number at a time. */
import type { Clock } from '../../ports/system/clock.ts';
import type { Log } from '../../ports/system/log.ts';
import type { Store } from '../../ports/store.ts';

export interface Retention {
  stop(): void;
}

const EVERY_MS = 10 * 60_000;
/** Small enough not to hold up the commits of what runs. */
const AT_ONCE = 1000;
const DAY_MS = 86_400_000;

export function startRetention({ store, clock, log, days }: { store: Store; clock: Clock; log: Log; days: number }): Retention {
  let stopped = false;
  const timer = setInterval(() => void sweep(), EVERY_MS);
  timer.unref();
  void sweep();

  return {
    stop() {
      stopped = true;
      clearInterval(timer);
    },
  };

  async function sweep(): Promise<void> {
    try {
      for (;;) {
        const before = clock.now() - days * DAY_MS;
        const deleted = await Promise.all([
          store.executions.deleteEndedBefore(before, AT_ONCE),
          store.events.deleteBefore(before, AT_ONCE),
          store.decisions.deleteBefore(before, AT_ONCE),
          store.deliveries.deleteBefore(before, AT_ONCE),
        ]);
        if (stopped || deleted.every((count) => count < AT_ONCE)) return;
      }
    } catch (error) {
      if (!stopped) log.warn({ err: error }, 'Cannot delete old execution records');
    }
  }
}
