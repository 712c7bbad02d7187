/**
 * Tokens of users (JWT, HS256), signed with a key of the project that the vault seals. Their header names project and
 * key, so that one can be looked up for verification; a token is never believed about its algorithm.
 */
import { createSecretKey, type KeyObject } from 'node:crypto';
import { PlatformError } from '@martlet/protocol';
import { decodeProtectedHeader, errors, jwtVerify, SignJWT, type JWTPayload } from 'jose';
import { LRUCache } from 'lru-cache';
import type { Clock } from '../../ports/system/clock.ts';
import type { Ids } from '../../ports/system/ids.ts';
import type { Store } from '../../ports/store.ts';
import type { Vault } from '../../ports/vault.ts';

/** What clocks of different machines may be apart. */
export const CLOCK_SKEW_SECONDS = 60;

const SETTING = 'user-token-keys';
const KEY_BYTES = 32;
const PROJECTS_MAX = 1000;
/** How long a project without a key is known to have none. */
const NONE_FOR_MS = 5000;
const KID = /^([A-Za-z0-9][A-Za-z0-9._-]{0,35})~([A-Za-z0-9_-]{1,16})$/;

export interface TokenClaims {
  readonly projectId: string;
  readonly userId: string;
  readonly sessionId: string | null;
  /** Milliseconds since 1970. */
  readonly expiresAt: number;
}

export interface UserTokens {
  mint(claims: TokenClaims): Promise<string>;
  /** Whether a token claims to be one of ours; nothing of it is verified. */
  isOurs(token: string): boolean;
  /** @throws {PlatformError} `user_jwt_invalid` with the reason */
  verify(token: string): Promise<TokenClaims>;
}

interface SigningKey {
  readonly id: string;
  readonly secret: string;
}
/** The first one signs, all of them verify. */
type ProjectKeys = readonly { readonly id: string; readonly key: KeyObject }[];

export interface UserTokensOptions {
  readonly store: Pick<Store, 'settings'>;
  readonly vault: Vault;
  readonly clock: Clock;
  readonly ids: Ids;
}

export function createUserTokens({ store, vault, clock, ids }: UserTokensOptions): UserTokens {
  const known = new LRUCache<string, { keys: ProjectKeys; readAt: number }>({ max: PROJECTS_MAX });
  const context = (projectId: string): string => `${SETTING} of ${projectId}`;

  function open(projectId: string, sealed: string): ProjectKeys {
    const stored = JSON.parse(vault.open(sealed, context(projectId))) as readonly SigningKey[];
    const keys = stored.map(({ id, secret }) => ({ id, key: createSecretKey(Buffer.from(secret, 'base64url')) }));
    known.set(projectId, { keys, readAt: clock.now() });
    return keys;
  }

  /** Makes none: whoever names a project in a token must not make it grow a key. */
  async function keysOf(projectId: string): Promise<ProjectKeys> {
    const found = known.get(projectId);
    if (found !== undefined && (found.keys.length > 0 || clock.now() - found.readAt < NONE_FOR_MS)) return found.keys;
    const sealed = await store.settings.get(projectId, SETTING);
    if (sealed !== null) return open(projectId, sealed);
    known.set(projectId, { keys: [], readAt: clock.now() });
    return [];
  }

  async function signingKeyOf(projectId: string): Promise<ProjectKeys[number]> {
    const [first] = await keysOf(projectId);
    if (first !== undefined) return first;
    const fresh: readonly SigningKey[] = [{ id: ids.secret(6), secret: ids.secret(KEY_BYTES) }];
    // Of two servers that make one at the same time, both use the one that was stored first.
    const [stored] = open(
      projectId,
      await store.settings.ensure(projectId, SETTING, vault.seal(JSON.stringify(fresh), context(projectId))),
    );
    if (stored === undefined) throw new Error(`Cannot sign: project ${projectId} has an empty list of keys`);
    return stored;
  }

  return {
    isOurs: (token) => kidOf(token) !== undefined,

    async mint({ projectId, userId, sessionId, expiresAt }) {
      const { id, key } = await signingKeyOf(projectId);
      return new SignJWT({ userId, ...(sessionId !== null && { sessionId }) })
        .setProtectedHeader({ alg: 'HS256', typ: 'JWT', kid: `${projectId}~${id}` })
        .setSubject(userId)
        .setAudience(projectId)
        .setIssuedAt(Math.floor(clock.now() / 1000))
        .setExpirationTime(Math.floor(expiresAt / 1000))
        .sign(key);
    },

    async verify(token) {
      const [, projectId = '', keyId = ''] = kidOf(token) ?? [];
      const entry = (await keysOf(projectId)).find(({ id }) => id === keyId);
      if (entry === undefined) throw invalidToken('no key of this server has signed it');
      const { payload } = await jwtVerify(token, entry.key, {
        algorithms: ['HS256'],
        audience: projectId,
        requiredClaims: ['exp', 'sub'],
        clockTolerance: CLOCK_SKEW_SECONDS,
        currentDate: new Date(clock.now()),
      }).catch((error: unknown) => {
        throw invalidToken(reasonOf(error), error);
      });
      return claimsOf(projectId, payload);
    },
  };
}

function claimsOf(projectId: string, payload: JWTPayload): TokenClaims {
  const { userId, sessionId = null, exp = 0 } = payload;
  if (typeof userId !== 'string' || (sessionId !== null && typeof sessionId !== 'string'))
    throw invalidToken('its claims are not those of a user');
  return { projectId, userId, sessionId, expiresAt: exp * 1000 };
}

function kidOf(token: string): RegExpExecArray | undefined {
  if (token.split('.', 4).length !== 3) return undefined;
  try {
    const { kid } = decodeProtectedHeader(token);
    return typeof kid === 'string' ? (KID.exec(kid) ?? undefined) : undefined;
  } catch {
    // No header that can be read: then it is not ours.
    return undefined;
  }
}

/** The reason never holds a part of the token. */
export function invalidToken(reason: string, cause?: unknown): PlatformError {
  return new PlatformError('user_jwt_invalid', { message: `Failed to verify JWT. Cannot accept the token: ${reason}.`, cause });
}

export function reasonOf(error: unknown): string {
  if (error instanceof errors.JWTExpired) return 'it has expired';
  if (error instanceof errors.JWTClaimValidationFailed)
    return error.claim === 'nbf'
      ? 'it is not valid yet'
      : `its claim "${error.claim}" ${error.reason === 'missing' ? 'is missing' : 'is not the one that is expected'}`;
  if (error instanceof errors.JWSSignatureVerificationFailed) return 'its signature is wrong';
  if (error instanceof errors.JOSEAlgNotAllowed) return 'its algorithm is not allowed';
  if (error instanceof errors.JWKSNoMatchingKey) return 'none of the keys of its issuer has signed it';
  if (error instanceof errors.JWKSMultipleMatchingKeys) return 'it does not say which key of its issuer has signed it';
  return 'it is not a token of the form that is expected';
}
