/** Looks at schedules when the next one is due. Ten thousand that are not cost one seek a second. */
import type { Log } from '../../ports/system/log.ts';
import type { Schedules } from '../../services/schedules/manage-schedules.ts';

export interface Scheduler {
  start(): void;
  stop(): void;
}

/** Another server may have made a schedule, or the clock may have been set: nothing is waited for longer than this. */
const LOOK_MS = 1000;

export function createScheduler({ schedules, log }: { readonly schedules: Pick<Schedules, 'advanceDue'>; readonly log: Log }): Scheduler {
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
      let found = await schedules.advanceDue();
      while (!stopped && found === 'more') found = await schedules.advanceDue();
      if (found !== 'more' && found.dueInMs !== null) wait = Math.max(1, Math.min(LOOK_MS, found.dueInMs));
    } catch (error) {
      log.warn({ err: error }, 'Cannot look at schedules; trying again');
    }
    if (!stopped) timer = setTimeout(() => void look(), wait);
  }
}
