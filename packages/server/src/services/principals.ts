/**
 * Finds out who asks. It stands on the way of every request to every function, so a known key costs one hash and one
 * look-up in memory and no promise.
 */
import { timingSafeEqual } from 'node:crypto';
import { PlatformError } from '@martlet/protocol';
import { LRUCache } from 'lru-cache';
import { SESSION_PREFIX } from '../domain/identity/session-secret.ts';
import { anonymous, type Principal, type UserPrincipal } from '../domain/principal.ts';
import type { Clock } from '../ports/system/clock.ts';
import type { Log } from '../ports/system/log.ts';
import type { KeyRow, Store } from '../ports/store.ts';
import type { Changes } from './changes.ts';
import type { UserPrincipals } from './identity/user-principals.ts';
import { invalidToken } from './identity/user-tokens.ts';
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
/** Tokens of issuers may list many claims. */
const TOKEN_MAX = 8192;
/** How long the text of a key is kept, so that a burst with it is hashed once. */
const TEXT_FOR_MS = 1000;

export interface Credentials {
  /** Value of the first header of `KEY_HEADERS` that is there. */
  readonly apiKey?: string | undefined;
  /** What follows `Bearer ` in `authorization`. */
  readonly bearer?: string | undefined;
  /** Session of a user in any form: of a header, or of a cookie that the gateway trusts. */
  readonly session?: string | undefined;
  /** Value of `x-appwrite-jwt`. */
  readonly token?: string | undefined;
  /** Project that the request names, if any. */
  readonly project?: string | undefined;
}

export interface Principals {
  /**
   * Who shows these credentials; unknown ones are nobody's. Answers at once unless the store must be asked.
   * @throws {PlatformError} `project_key_expired`, `user_jwt_invalid`, `user_blocked`, `user_jwt_and_cookie_set`,
   * `oidc_unavailable`, also as a rejection
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
  readonly users: UserPrincipals;
  /** Project of requests that name none. */
  readonly defaultProject: string;
}

interface KnownKey {
  readonly row: KeyRow;
  readonly principal: Principal;
  readonly readAt: number;
  touchedAt: number;
}

export function createPrincipals({ store, clock, log, changes, lookUpExecution, users, defaultProject }: PrincipalsOptions): Principals {
  const known = new LRUCache<string, KnownKey>({ max: KNOWN_MAX });
  const unknown = new LRUCache<string, number>({ max: UNKNOWN_MAX });
  let generation = 0;
  let lastSecret = '';
  let lastHash = '';
  /** What the last text has found; only ever an entry of `known`. */
  let lastKey: KnownKey | undefined;
  changes.subscribe(({ kind }) => {
    if (kind !== 'key') return;
    generation += 1;
    lastKey = undefined;
    known.clear();
    unknown.clear();
  });

  function use(key: KnownKey, now: number): Principal {
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
    return use(key, clock.now());
  }

  /**
   * A client in a burst sends the same key each time; hashing it again costs as much as all the rest here. The text is
   * forgotten soon, so that an idle server holds no key.
   */
  function hashOf(secret: string): string {
    if (secret === lastSecret) return lastHash;
    if (lastSecret === '') setTimeout(() => (lastSecret = ''), TEXT_FOR_MS).unref();
    lastSecret = secret;
    lastKey = undefined;
    lastHash = hashKey(secret);
    return lastHash;
  }

  function byKey(secret: string): Principal | Promise<Principal> {
    const hash = hashOf(secret);
    const now = clock.now();
    lastKey ??= known.get(hash);
    if (lastKey !== undefined && now - lastKey.readAt < KNOWN_FOR_MS) return use(lastKey, now);
    // The store is asked again, and what it says must be found.
    lastKey = undefined;
    const refusedAt = unknown.get(hash);
    if (refusedAt !== undefined && now - refusedAt < UNKNOWN_FOR_MS) return anonymous;
    return ask(hash);
  }

  async function userOf({ session, token, bearer, project }: Credentials): Promise<UserPrincipal | undefined> {
    const show = (text: string) => ({ text, named: project, fallback: defaultProject });
    const signedIn = session === undefined ? null : await users.bySession(show(session));
    if (token !== undefined) {
      if (signedIn !== null)
        throw new PlatformError(
          'user_jwt_and_cookie_set',
          'Cannot tell who asks: the request has a session and a token in X-Appwrite-JWT. Send one of them.',
        );
      const proved = await users.byToken(show(token));
      if (proved === null) throw invalidToken('neither this server nor the trusted issuer of the project has issued it');
      return proved === 'ended' ? undefined : proved;
    }
    if (signedIn !== null || bearer === undefined) return signedIn ?? undefined;
    // What is nobody's of ours may be meant for the function; its caller is a guest.
    const proved = (await users.bySession(show(bearer))) ?? (await users.byToken(show(bearer)));
    return proved === null || proved === 'ended' ? undefined : proved;
  }

  /** The key decides what is allowed; a user who is shown beside it is the one who acts. */
  async function withUser(found: Principal | Promise<Principal>, credentials: Credentials): Promise<Principal> {
    const principal = await found;
    if (principal.kind === 'execution') return principal;
    const user = await userOf(credentials);
    if (principal.kind === 'anonymous') return user ?? anonymous;
    return principal.kind === 'key' && user?.projectId === principal.projectId ? { ...principal, user } : principal;
  }

  /** A key or the token of an execution. */
  function byCredential(credential: string | undefined): Principal | Promise<Principal> {
    if (!isBounded(credential) || credential.length > CREDENTIAL_MAX) return anonymous;
    return credential.startsWith(KEY_PREFIX) ? byKey(credential) : (lookUpExecution(credential) ?? anonymous);
  }

  return {
    identify(shown) {
      const { apiKey, token, project } = shown;
      const bearer = isBounded(shown.bearer) ? shown.bearer : undefined;
      const session = isBounded(shown.session) ? shown.session : undefined;
      const found = byCredential(apiKey ?? bearer);
      const userBearer = bearer !== undefined && mayBeUser(bearer) ? bearer : undefined;
      if (session === undefined && token === undefined && userBearer === undefined) return found;
      if (token !== undefined && !isBounded(token)) throw invalidToken(`it is empty or longer than ${TOKEN_MAX} characters`);
      return withUser(found, { session, token, bearer: userBearer, project });
    },
  };
}

const isBounded = (text: string | undefined): text is string => text !== undefined && text !== '' && text.length <= TOKEN_MAX;

/** Whether it looks at all like a session or a token, so that the bearer tokens of others cost next to nothing. */
const mayBeUser = (bearer: string): boolean => bearer.startsWith(SESSION_PREFIX) || bearer.startsWith('ey');

function sameDigest(left: string, right: string): boolean {
  const a = Buffer.from(left, 'hex');
  const b = Buffer.from(right, 'hex');
  return a.length === b.length && timingSafeEqual(a, b);
}
