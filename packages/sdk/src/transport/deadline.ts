/**
 * One signal out of the caller's signal and a time, and what it means when a request ends by it. By hand, since
 * `AbortSignal.any` and `AbortSignal.timeout` are not everywhere.
 */
import { AbortError, MartletError, NetworkError, TimeoutError } from '../errors.ts';

export interface DeadlineOptions {
  readonly signal?: AbortSignal | null | undefined;
  /** Milliseconds. */
  readonly timeout?: number | undefined;
}

export interface Deadline {
  readonly signal: AbortSignal;
  /** Tells apart who ended a request; an error of ours is said already. `what` as in "Cannot …". */
  explain(error: unknown, what: string): MartletError;
  /** Lets go of the timer only; the caller's signal still counts. */
  endTimer(): void;
  /** Lets go of timer and listener. */
  end(): void;
  /** Ends whatever still runs under it, then itself. */
  stop(): void;
}

/** Timers count to this; a longer time is none. */
const TIMEOUT_MAX = 2_147_483_647;

/** @throws {TypeError} for a timeout that is none */
export function startDeadline({ signal, timeout }: DeadlineOptions): Deadline {
  if (timeout !== undefined && !(timeout > 0)) throw new TypeError('Cannot use `timeout`: it must be a number of milliseconds above 0.');
  const controller = new AbortController();
  let expired = false;
  const follow = (): void => controller.abort(signal?.reason);
  if (signal?.aborted === true) follow();
  else signal?.addEventListener('abort', follow);
  const timer =
    timeout === undefined || timeout > TIMEOUT_MAX
      ? undefined
      : setTimeout(() => {
          expired = true;
          controller.abort();
        }, timeout);

  const endTimer = (): void => clearTimeout(timer);
  const end = (): void => {
    endTimer();
    signal?.removeEventListener('abort', follow);
  };

  return {
    signal: controller.signal,
    explain(error, what) {
      if (error instanceof MartletError) return error;
      if (signal?.aborted === true) {
        const reason: unknown = signal.reason;
        if (nameOf(reason) === 'TimeoutError') return new TimeoutError(`Cannot ${what}: the time was over.`, reason);
        return new AbortError(`Cannot ${what}: it was aborted.`, reason);
      }
      if (expired) return new TimeoutError(`Cannot ${what}: it took longer than ${timeout} ms.`);
      return new NetworkError(`Cannot ${what}: ${reasonOf(error)}.`, error);
    },
    endTimer,
    end,
    stop() {
      controller.abort();
      end();
    },
  };
}

function nameOf(value: unknown): unknown {
  return typeof value === 'object' && value !== null && 'name' in value ? value.name : undefined;
}

/** The reason below a `fetch failed`, as far as the runtime tells one. */
function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return 'the connection failed';
  const { cause } = error;
  const inner = cause instanceof Error ? cause.message || String(Reflect.get(cause, 'code') ?? '') : '';
  return inner || error.message || 'the connection failed';
}
