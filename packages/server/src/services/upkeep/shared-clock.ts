/**
 * The clock that all nodes share, as far as this server can tell it without asking: how far its own is from it is read now and then. For
 * times that are compared with those of other servers; a server that is alone has none but its own.
 */
import type { NodeStore } from '../../ports/store/node-store.ts';
import type { Clock } from '../../ports/system/clock.ts';
import type { Log } from '../../ports/system/log.ts';

export interface SharedClock extends Clock {
  /** Reads how far the own clock is from it. Never rejects: while the store is away the last reading goes on. */
  read(): Promise<void>;
  stop(): void;
}

export interface SharedClockOptions {
  readonly nodes: Pick<NodeStore, 'now'>;
  readonly clock: Clock;
  readonly log: Log;
  readonly everyMs?: number;
}

/** Clocks drift by milliseconds in this time; a step is noticed so late. */
const EVERY_MS = 10_000;
/** Worth a word to the operator. */
const TOLD_MS = 1000;

export function createSharedClock({ nodes, clock, log, everyMs = EVERY_MS }: SharedClockOptions): SharedClock {
  let aheadMs = 0;
  const timer = setInterval(() => void read(), everyMs);
  timer.unref();

  async function read(): Promise<void> {
    try {
      const asked = clock.now();
      const shared = await nodes.now();
      const read = Math.round((asked + clock.now()) / 2 - shared);
      if (Math.abs(read - aheadMs) > TOLD_MS) log.warn({ aheadMs: read }, 'The clock of this server is not that of the store');
      aheadMs = read;
    } catch (error) {
      log.debug({ err: error }, 'Cannot read the clock of the store; trying again');
    }
  }

  return {
    now: () => clock.now() - aheadMs,
    uniqueMicros: () => clock.uniqueMicros(),
    read,
    stop: () => clearInterval(timer),
  };
}
