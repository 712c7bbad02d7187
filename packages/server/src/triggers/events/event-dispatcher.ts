/** Tells events to those who listen: at once when some were stored here, and now and then for those of other servers. */
import type { Log } from '../../ports/system/log.ts';
import type { Events } from '../../services/events/manage-events.ts';

export interface EventDispatcher {
  start(): void;
  stop(): void;
}

/** Looking while there is nothing costs one seek in an index that is empty. */
const LOOK_MS = 1000;

export function createEventDispatcher({ events, log }: { readonly events: Events; readonly log: Log }): EventDispatcher {
  let stopped = true;
  let looking = false;
  let lookAgain = false;
  let timer: NodeJS.Timeout | undefined;
  events.onStored(wake);
  return {
    start() {
      stopped = false;
      wake();
    },
    stop() {
      stopped = true;
      clearTimeout(timer);
    },
  };

  function wake(): void {
    if (stopped) return;
    if (looking) lookAgain = true;
    else void look();
  }

  async function look(): Promise<void> {
    looking = true;
    clearTimeout(timer);
    try {
      do {
        lookAgain = false;
        while (!stopped && (await events.dispatchPending()));
      } while (lookAgain && !stopped);
    } catch (error) {
      log.warn({ err: error }, 'Cannot dispatch events; trying again');
    }
    looking = false;
    if (!stopped) timer = setTimeout(wake, LOOK_MS);
  }
}
