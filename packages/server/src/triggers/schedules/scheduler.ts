/** Looks at schedules when the next one is due. Ten thousand that are not cost one seek a second. */
import type { Clock } from '../../ports/system/clock.ts';
import type { Log } from '../../ports/system/log.ts';
import type { ScheduleStore } from '../../ports/store/schedule-store.ts';
import { DUE_MAX, type Schedules } from '../../services/schedules/manage-schedules.ts';

export interface Scheduler {
  start(): void;
  stop(): void;
}

/** Another server may have made a schedule, or the clock may have been set: nothing is waited for longer than this. */
const LOOK_MS = 1000;

export function createScheduler(options: {
  readonly schedules: Pick<Schedules, 'advanceDue'>;
  readonly store: Pick<ScheduleStore, 'nextDue'>;
  readonly clock: Clock;
  readonly log: Log;
}): Scheduler {
  const { schedules, store, clock, log } = options;
  let stopped = false;
  let timer: NodeJS.Timeout | undefined;
  return {
    start: () => void look(),
    stop() {
      stopped = true;
      clearTimeout(timer);
    },
  };

  async function look(): Promise<void> {
    let wait = LOOK_MS;
    try {
      while (!stopped && (await schedules.advanceDue()) === DUE_MAX);
      const due = await store.nextDue();
      if (due !== null) wait = Math.max(1, Math.min(LOOK_MS, due - clock.now()));
    } catch (error) {
      log.warn({ err: error }, 'Cannot look at schedules; trying again');
    }
    if (!stopped) timer = setTimeout(() => void look(), wait);
  }
}
