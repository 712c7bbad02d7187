/** Ctrl-C and the signals of supervisors as an AbortSignal. */

const SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;
/** A terminal signals the whole group, and the launcher passes it on: the same key press may arrive twice. */
const SAME_PRESS_MS = 500;

/** Runs work until it ends or a signal arrives, which aborts it; being interrupted is no failure. */
export async function untilInterrupted(work: (signal: AbortSignal) => Promise<void>): Promise<void> {
  const interruption = watchInterruption();
  try {
    await work(interruption.signal);
  } finally {
    interruption.stop();
  }
}

export interface Interruption {
  readonly signal: AbortSignal;
  /** Resolves with the name of the first signal. */
  readonly arrived: Promise<string>;
  /** Gives the signals back to Node. */
  stop(): void;
}

/** The first signal aborts; `onImpatience` is called for a later one, by someone who will not wait. */
export function watchInterruption(onImpatience: () => void = () => undefined): Interruption {
  const controller = new AbortController();
  const { promise: arrived, resolve } = withResolvers<string>();
  let firstAt = 0;
  const onSignal = (name: string): void => {
    if (!controller.signal.aborted) {
      firstAt = Date.now();
      controller.abort();
      resolve(name);
    } else if (Date.now() - firstAt > SAME_PRESS_MS) {
      onImpatience();
    }
  };
  for (const name of SIGNALS) process.on(name, onSignal);
  return {
    signal: controller.signal,
    arrived,
    stop: () => {
      for (const name of SIGNALS) process.off(name, onSignal);
    },
  };
}

/** `Promise.withResolvers`, which Node 20 lacks. */
function withResolvers<T>(): { promise: Promise<T>; resolve: (value: T) => void } {
  let resolve: (value: T) => void = () => undefined;
  const promise = new Promise<T>((done) => {
    resolve = done;
  });
  return { promise, resolve };
}
