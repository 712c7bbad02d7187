/** Attempts of deliveries that are due: how many begin now, and what is under way. */
import type { DeliveryClaim, DeliveryRow } from '../../ports/store/webhook-store.ts';
import { attemptDelivery, type AttemptOptions } from './attempt-delivery.ts';

export interface Deliveries {
  /** Begins the attempts that are due and for which there is room. @returns how many it began */
  begin(): Promise<number>;
  /** Called when an attempt has ended, and so left room. */
  onEnded(listener: () => void): void;
  /** Cuts attempts off; another server, or the next start, makes them anew, as if these had not begun. Waits for what does not end no longer than `ms`. */
  close(ms: number): Promise<void>;
}

/** All at once: many enough that those who do not answer leave room for those who do. */
const AT_ONCE = 256;
/** To one receiver at once. */
const PER_WEBHOOK = 4;
/** Beyond its time-out an attempt has this long to be written down before another server takes it for lost. */
const LEASE_SLACK_MS = 15_000;

export function createDeliveries(options: AttemptOptions): Deliveries {
  const { store, log } = options;
  const running = new Map<string, Promise<void>>();
  const perWebhook = new Map<string, DeliveryClaim['running'][number]>();
  const endListeners: (() => void)[] = [];
  const closing = new AbortController();

  function start(row: DeliveryRow): void {
    const runKey = `${row.id} ${row.attempt}`;
    countRunning(row, 1);
    const attempt = attemptDelivery(options, row, closing.signal)
      .catch((error: unknown) => {
        if (!closing.signal.aborted)
          log.warn({ err: error, deliveryId: row.id }, 'Cannot write down what became of a delivery; it is sent again');
      })
      .finally(() => {
        running.delete(runKey);
        countRunning(row, -1);
        endListeners.forEach((listener) => listener());
      });
    running.set(runKey, attempt);
  }

  function countRunning({ projectId, webhookId }: DeliveryRow, change: number): void {
    const key = JSON.stringify([projectId, webhookId]);
    const count = (perWebhook.get(key)?.count ?? 0) + change;
    if (count > 0) perWebhook.set(key, { projectId, webhookId, count });
    else perWebhook.delete(key);
  }

  return {
    async begin() {
      const limit = AT_ONCE - running.size;
      if (limit <= 0 || closing.signal.aborted) return 0;
      const now = await store.nodes.now();
      const until = now + options.timeoutSeconds * 1000 + LEASE_SLACK_MS;
      const claimed = await store.deliveries.claimDue({
        now,
        until,
        limit,
        perWebhook: PER_WEBHOOK,
        running: [...perWebhook.values()],
      });
      claimed.forEach(start);
      return claimed.length;
    },
    onEnded: (listener) => void endListeners.push(listener),
    async close(ms) {
      closing.abort(new Error('the server stops'));
      await Promise.race([Promise.allSettled(running.values()), pause(ms)]);
    },
  };
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => {
    setTimeout(resolve, ms).unref();
  });
}
