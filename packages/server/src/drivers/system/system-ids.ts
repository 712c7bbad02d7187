import { randomBytes, randomFillSync } from 'node:crypto';
import { formatId } from '@martlet/protocol';
import type { Clock } from '../../ports/clock.ts';
import type { Ids } from '../../ports/ids.ts';

/** Random numbers are drawn 1024 at a time: one call into OpenSSL costs as much as the rest of an id. */
const POOL = 1024;

export function createSystemIds(clock: Clock): Ids {
  const pool = new Uint32Array(POOL);
  let used = POOL;
  return {
    next() {
      if (used === POOL) {
        randomFillSync(pool);
        used = 0;
      }
      const random = pool[used] as number;
      used += 1;
      return formatId(clock.uniqueMicros(), random >>> 4);
    },
    secret: (bytes) => randomBytes(bytes).toString('base64url'),
  };
}
