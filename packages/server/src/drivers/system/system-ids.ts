/** Identifiers and secrets from the operating system's source of chance. */
import { randomFillSync } from 'node:crypto';
import { formatId } from '@martlet/protocol';
import type { Clock } from '../../ports/system/clock.ts';
import type { Ids } from '../../ports/system/ids.ts';

/** Chance is drawn in bulk: one call into OpenSSL costs as much as the rest of an id or a token. */
const POOL = 1024;
const BYTES = 8192;

export function createSystemIds(clock: Clock): Ids {
  const pool = new Uint32Array(POOL);
  const bytePool = Buffer.alloc(BYTES);
  let used = POOL;
  let bytesUsed = BYTES;
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
    secret(bytes) {
      if (bytesUsed + bytes > BYTES) {
        randomFillSync(bytePool);
        bytesUsed = 0;
      }
      bytesUsed += bytes;
      const secret = bytePool.toString('base64url', bytesUsed - bytes, bytesUsed);
      bytePool.fill(0, bytesUsed - bytes, bytesUsed);
      return secret;
    },
  };
}
