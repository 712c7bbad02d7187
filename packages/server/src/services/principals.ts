/**
 * Finds out who asks. It stands on the way of every request to every function, so a known key costs one hash and one
 * look-up in memory and no promise.
 */
import { timingSafeEqual } from 'node:crypto';
import { PlatformError } from '@martlet/protocol';
import { LRUCache } from 'lru-cache';
import { anonymous, type Principal } from '../domain/principal.ts';
import type { Clock } from '../ports/clock.ts';
import type { Log } from '../ports/log.ts';
import type { KeyRow, Store } from '../ports/store.ts';
import type { Changes } from './changes.ts';
import { KEY_PREFIX, hashKey } from './keys.ts';

/** Names of the header that carries an API key or the token of an execution; `authorization: Bearer …` is the third way. */
export const KEY_HEADERS = ['x-martlet-key', 'x-appwrite-key'] as const;

const KNOWN_MAX = 10_000;
/** Strangers have a cache of their own, so that a flood of wrong keys cannot push out the right ones. */
const UNKNOWN_MAX = 10_000;
const UNKNOWN_FOR_MS = 5000;
/** Bounds how long a key lives on here after another process deleted it. */
const KNOWN_FOR_MS = 60_000;
const TOUCH_EVERY_MS = 60_000;
/** No secret of ours is longer; what is need not be hashed. */
const CREDENTIAL_MAX = 4096;

export interface Credentials {
  /** Value of the first header of `KEY_HEADERS` that is there. */
  readonly apiKey?: string | undefined;
  /** What follows `Bearer ` in `authorization`. */
  readonly bearer?: string | undefined;
}

export interface Principals {
  /**
   * Who shows these credentials; unknown ones are nobody's. Answers at once unless the store must be asked.
   * @throws {PlatformError} `project_key_expired`, also as a rejection
   */
  identify(credentials: Credentials): Principal | Promise<Principal>;
}

export interface PrincipalsOptions {
  readonly store: Pick<Store, 'keys'>;
  readonly clock: Clock;
  readonly log: Log;
  readonly changes: Changes;
  /** Who bears the token of a running execution. */
  readonly lookUpExecution: (token: string) => Principal | undefined;
}

interface KnownKey {
  readonly row: KeyRow;
  readonly principal: Principal;
  readonly readAt: number;
  touchedAt: number;
}

export function createPrincipals({ store, clock, log, changes, lookUpExecution }: PrincipalsOptions): Principals {
  const known = new LRUCache<string, KnownKey>({ max: KNOWN_MAX });
  const unknown = new LRUCache<string, number>({ max: UNKNOWN_MAX });
  let generation = 0;
  let lastSecret = '';
  let lastHash = '';
  changes.subscribe(({ kind }) => {
    if (kind !== 'key') return;
    generation += 1;
    known.clear();
    unknown.clear();
  });

  function use(key: KnownKey): Principal {
    const now = clock.now();
    if (key.row.expiresAt !== null && key.row.expiresAt <= now)
      throw new PlatformError('project_key_expired', `The API key "${key.row.name}" (${key.row.prefix}…) has expired. Create a new key.`);
    if (now - key.touchedAt >= TOUCH_EVERY_MS) {
      key.touchedAt = now;
      store.keys
        .touch(key.row.id, now)
        .catch((error: unknown) => log.warn({ err: error, keyId: key.row.id }, 'Cannot note that an API key was used'));
    }
    return key.principal;
  }

  async function ask(hash: string): Promise<Principal> {
    const asked = generation;
    const row = await store.keys.getByHash(hash);
    // A key that changed while the store was asked must not be remembered as it was before.
    const fresh = asked === generation;
    if (row === null || !sameDigest(row.hash, hash)) {
      if (fresh) unknown.set(hash, clock.now());
      return anonymous;
    }
    const principal: Principal = Object.freeze({ kind: 'key', projectId: row.projectId, keyId: row.id, scopes: new Set(row.scopes) });
    const key: KnownKey = { row, principal, readAt: clock.now(), touchedAt: row.lastUsedAt ?? 0 };
    if (fresh) known.set(hash, key);
    return use(key);
  }

  function byKey(secret: string): Principal | Promise<Principal> {
    // A client in a burst sends the same key each time; hashing it again costs as much as all the rest here.
    if (secret !== lastSecret) {
      lastSecret = secret;
      lastHash = hashKey(secret);
    }
    const hash = lastHash;
    const key = known.get(hash);
    if (key !== undefined && clock.now() - key.readAt < KNOWN_FOR_MS) return use(key);
    const refusedAt = unknown.get(hash);
    if (refusedAt !== undefined && clock.now() - refusedAt < UNKNOWN_FOR_MS) return anonymous;
    return ask(hash);
  }

  return {
    identify({ apiKey, bearer }) {
      const credential = apiKey ?? bearer;
      if (credential === undefined || credential === '' || credential.length > CREDENTIAL_MAX) return anonymous;
      return credential.startsWith(KEY_PREFIX) ? byKey(credential) : (lookUpExecution(credential) ?? anonymous);
    },
  };
}

function sameDigest(left: string, right: string): boolean {
  const a = Buffer.from(left, 'hex');
  const b = Buffer.from(right, 'hex');
  return a.length === b.length && timingSafeEqual(a, b);
}
