/** Artifacts of a far place with copies near by. Only what never changes under its key is copied, so a copy is never wrong. */
import type { Artifacts } from '../../ports/artifacts.ts';
import type { Log } from '../../ports/system/log.ts';

export interface CachedArtifactsOptions {
  readonly far: Artifacts;
  readonly near: Artifacts;
  /** Whether a key stands for the same bytes for ever: its name is a hash of them. */
  readonly isFixed: (key: string) => boolean;
  readonly log: Log;
}

export function createCachedArtifacts({ far, near, isFixed, log }: CachedArtifactsOptions): Artifacts {
  /** A disk that is full or broken makes it slower, not wrong. */
  const orWithout = async <Result>(work: () => Promise<Result>): Promise<Result | undefined> => {
    try {
      return await work();
    } catch (error) {
      log.warn({ err: error }, 'Cannot use the copies of artifacts on this disk');
      return undefined;
    }
  };

  return {
    async put(key, bytes) {
      await far.put(key, bytes);
      if (isFixed(key)) await orWithout(() => near.put(key, bytes));
    },
    async get(key) {
      if (!isFixed(key)) return far.get(key);
      const copy = await orWithout(() => near.get(key));
      if (copy !== undefined) return copy;
      const bytes = await far.get(key);
      if (bytes !== undefined) await orWithout(() => near.put(key, bytes));
      return bytes;
    },
    has: (key) => far.has(key),
    keys: () => far.keys(),
    async deletePrefix(prefix) {
      await far.deletePrefix(prefix);
      await orWithout(() => near.deletePrefix(prefix));
    },
  };
}
