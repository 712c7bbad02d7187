/**
 * Repeats what must not be left undone while the store is away. Only for work that may be done twice: whether a write that was not
 * answered took place is not known.
 */
import { isPlatformError } from '@martlet/protocol';
import type { Log } from '../../ports/system/log.ts';

const AGAIN_MS = 500;

export async function untilStored<Result>(log: Log, work: () => Promise<Result>): Promise<Result> {
  for (;;) {
    try {
      return await work();
    } catch (error) {
      if (!isPlatformError(error) || error.code !== 'store_unavailable') throw error;
      log.warn({ err: error }, 'The store does not answer; trying again');
      await new Promise((resolve) => {
        setTimeout(resolve, AGAIN_MS);
      });
    }
  }
}
