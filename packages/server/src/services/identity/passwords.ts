/**
 * Passwords as argon2id in PHC form. Each check takes 19 MB and some 30 ms of a processor on purpose, so only few run at
 * a time: sign-ins can then exhaust neither memory nor processor.
 */
import * as crypto from 'node:crypto';
import { PlatformError } from '@martlet/protocol';
import type { Ids } from '../../ports/system/ids.ts';

/** The second of the choices that OWASP gives for argon2id. */
export interface PasswordCost {
  readonly memoryKib: number;
  readonly passes: number;
  readonly lanes: number;
}
export const passwordCost: PasswordCost = { memoryKib: 19_456, passes: 2, lanes: 1 };

export interface Passwords {
  /** @throws {PlatformError} `general_rate_limit_exceeded` when too many wait */
  hash(password: string): Promise<string>;
  /** With `null` it takes as long and says no, so that nobody learns who has a password. */
  matches(password: string, stored: string | null): Promise<boolean>;
}

const AT_ONCE = 2;
/** Two seconds of work; who comes later is better told at once. */
const WAITING_MAX = 100;
const SALT_BYTES = 16;
const TAG_BYTES = 32;
const PHC = /^\$argon2id\$v=19\$m=(\d{1,9}),t=(\d{1,4}),p=(\d{1,3})\$([A-Za-z0-9+/]{11,86})\$([A-Za-z0-9+/]{16,86})$/;

interface Work {
  readonly password: string;
  readonly nonce: Buffer;
  readonly cost: PasswordCost;
  readonly tagBytes: number;
}

export function createPasswords({ ids, cost = passwordCost }: { ids: Pick<Ids, 'secret'>; cost?: PasswordCost }): Passwords {
  const inTurn = createTurns();
  const dummy = Buffer.from(ids.secret(SALT_BYTES), 'base64url');

  return {
    async hash(password) {
      const nonce = Buffer.from(ids.secret(SALT_BYTES), 'base64url');
      const tag = await inTurn(() => derive({ password, nonce, cost, tagBytes: TAG_BYTES }));
      const { memoryKib, passes, lanes } = cost;
      return `$argon2id$v=19$m=${memoryKib},t=${passes},p=${lanes}$${unpadded(nonce)}$${unpadded(tag)}`;
    },

    async matches(password, stored) {
      const parts = stored === null ? null : PHC.exec(stored);
      if (parts === null) {
        await inTurn(() => derive({ password, nonce: dummy, cost, tagBytes: TAG_BYTES }));
        return false;
      }
      const [, memoryKib = '', passes = '', lanes = '', salt = '', tag = ''] = parts;
      const expected = Buffer.from(tag, 'base64');
      const own = { memoryKib: Number(memoryKib), passes: Number(passes), lanes: Number(lanes) };
      const found = await inTurn(() => derive({ password, nonce: Buffer.from(salt, 'base64'), cost: own, tagBytes: expected.length }));
      return crypto.timingSafeEqual(found, expected);
    },
  };
}

function derive({ password, nonce, cost, tagBytes }: Work): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    if (typeof crypto.argon2 !== 'function') {
      reject(new PlatformError('config_invalid', 'Cannot use passwords: argon2id needs Node 24.7 or newer on the server.'));
      return;
    }
    const { memoryKib: memory, passes, lanes: parallelism } = cost;
    // One text has several spellings in Unicode; devices disagree about which one they send.
    const message = Buffer.from(password.normalize('NFC'));
    crypto.argon2('argon2id', { message, nonce, parallelism, tagLength: tagBytes, memory, passes }, (error, tag) => {
      if (error === null) resolve(tag);
      else reject(error);
    });
  });
}

/** Lets few work at a time, and refuses who would wait for long. */
function createTurns(): <T>(work: () => Promise<T>) => Promise<T> {
  const waiting: (() => void)[] = [];
  let working = 0;
  return async (work) => {
    if (working >= AT_ONCE) {
      if (waiting.length >= WAITING_MAX)
        throw new PlatformError('general_rate_limit_exceeded', {
          message: 'Cannot check a password now: too many sign-ins are waiting.',
          retryAfterSeconds: 2,
        });
      // Whoever ends hands its place over, so that nobody who comes now gets in between.
      await new Promise<void>((resolve) => waiting.push(resolve));
    } else working += 1;
    try {
      return await work();
    } finally {
      const next = waiting.shift();
      if (next === undefined) working -= 1;
      else next();
    }
  };
}

const unpadded = (bytes: Buffer): string => bytes.toString('base64').replaceAll('=', '');
