/**
 * Repeats what must not be left undone while the store is away, until the server closes. Only for work that may be done twice: whether
 * a write that was not answered took place is not known.
 */
import { setTimeout as wait } from 'node:timers/promises';
import { isPlatformError } from '@martlet/protocol';
import type { Log } from '../../ports/system/log.ts';

const AGAIN_MS = 500;

/** @throws what the store said last, once `closing` is aborted */
export async function untilStored<Result>(log: Log, work: () => Promise<Result>, closing: AbortSignal): Promise<Result> {
  for (;;) {
    try {
      return await work();
    } catch (error) {
      if (!isPlatformError(error) || error.code !== 'store_unavailable') throw error;
      if (!closing.aborted) {
        log.warn({ err: error }, 'The store does not answer; trying again');
        await wait(AGAIN_MS, undefined, { signal: closing }).catch(() => undefined);
      }
      if (closing.aborted) throw error;
    }
  }
}
