/** Identifiers and secrets from the operating system's source of chance. */
import { randomFillSync } from 'node:crypto';
import { formatId } from '@martlet/protocol';
import type { Clock } from '../../ports/system/clock.ts';
import type { Ids } from '../../ports/system/ids.ts';

/** Chance is drawn in bulk, and written as text in bulk: one call out of JavaScript costs as much as the rest of an id or a token. */
const POOL = 1024;
/** A multiple of three, so that its text has no padding and four characters for each three bytes. */
const BYTES = 6144;

export function createSystemIds(clock: Clock): Ids {
  const pool = new Uint32Array(POOL);
  const bytePool = Buffer.alloc(BYTES);
  let used = POOL;
  let text = '';
  let textUsed = 0;
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
      const length = Math.ceil(bytes / 3) * 4;
      if (textUsed + length > text.length) {
        randomFillSync(bytePool);
        text = bytePool.toString('base64url');
        bytePool.fill(0);
        textUsed = 0;
      }
      textUsed += length;
      const drawn = text.slice(textUsed - length, textUsed);
      // Only whole threes of bytes end where a character ends.
      return bytes % 3 === 0 ? drawn : Buffer.from(drawn, 'base64url').toString('base64url', 0, bytes);
    },
  };
}
