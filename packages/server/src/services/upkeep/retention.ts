/** Deletes what is older than the retention, a bounded number at a time: executions, events, deliveries, decisions, and schedules that ran once. */
import type { Clock } from '../../ports/system/clock.ts';
import type { Log } from '../../ports/system/log.ts';
import type { Store } from '../../ports/store.ts';

export interface Retention {
  stop(): void;
}

const EVERY_MS = 10 * 60_000;
/** Small enough not to hold up the commits of what runs. */
const AT_ONCE = 1000;
/** Between two pieces, for the commits of what runs. */
const PAUSE_MS = 20;
const DAY_MS = 86_400_000;

export function startRetention({ store, clock, log, days }: { store: Store; clock: Clock; log: Log; days: number }): Retention {
  let stopped = false;
  let sweeping = false;
  const timer = setInterval(() => void sweep(), EVERY_MS);
  timer.unref();
  void sweep();

  return {
    stop() {
      stopped = true;
      clearInterval(timer);
    },
  };

  /** One at a time: where there is much, it takes longer than until the next one. */
  async function sweep(): Promise<void> {
    if (sweeping) return;
    sweeping = true;
    try {
      while (!stopped && (await deleteSome())) await pause(PAUSE_MS);
    } catch (error) {
      if (!stopped) log.warn({ err: error }, 'Cannot delete old execution records');
    } finally {
      sweeping = false;
    }
  }

  /** @returns whether there may be more */
  async function deleteSome(): Promise<boolean> {
    const before = clock.now() - days * DAY_MS;
    const deleted = await Promise.all([
      store.executions.deleteEndedBefore(before, AT_ONCE),
      store.events.deleteBefore(before, AT_ONCE),
      store.decisions.deleteBefore(before, AT_ONCE),
      store.deliveries.deleteBefore(before, AT_ONCE),
      store.schedules.deleteDoneBefore(before, AT_ONCE),
    ]);
    return deleted.some((count) => count >= AT_ONCE);
  }
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => {
    setTimeout(resolve, ms);
  });
}
