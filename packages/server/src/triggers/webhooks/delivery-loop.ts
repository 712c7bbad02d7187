/** Sends what is due to webhooks: at once when something became due here, and now and then for what other servers have left. */
import type { Log } from '../../ports/system/log.ts';
import type { Deliveries } from '../../services/webhooks/send-deliveries.ts';

export interface DeliveryLoop {
  start(): void;
  /** Something may be due. */
  wake(): void;
  stop(): void;
}

/** Looking while there is nothing costs one seek in an index that is empty. */
const LOOK_MS = 1000;

export function createDeliveryLoop({ deliveries, log }: { readonly deliveries: Deliveries; readonly log: Log }): DeliveryLoop {
  let stopped = true;
  let looking = false;
  let lookAgain = false;
  let timer: NodeJS.Timeout | undefined;
  deliveries.onEnded(wake);
  return {
    start() {
      stopped = false;
      wake();
    },
    wake,
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
        while (!stopped && (await deliveries.begin()) > 0);
      } while (lookAgain && !stopped);
    } catch (error) {
      log.warn({ err: error }, 'Cannot look for deliveries; trying again');
    }
    looking = false;
    if (!stopped) timer = setTimeout(wake, LOOK_MS);
  }
}
