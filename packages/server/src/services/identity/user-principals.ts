/** Finds out which user asks: by a session, by a token of ours, by a token of the trusted issuer. */
import { hash } from 'node:crypto';
import { PlatformError } from '@martlet/protocol';
import { LRUCache } from 'lru-cache';
import { readSession } from '../../domain/identity/session-secret.ts';
import type { UserPrincipal } from '../../domain/principal.ts';
import type { Clock } from '../../ports/system/clock.ts';
import type { Store } from '../../ports/store.ts';
import type { IssuerUsers } from './issuers/issuer-users.ts';
import type { KnownUser, KnownUsers } from './known-users.ts';
import { CLOCK_SKEW_SECONDS, invalidToken, type UserTokens } from './user-tokens.ts';

/** What a caller shows of a user, and for which project. */
export interface UserCredential {
  readonly text: string;
  /** Project that the request names, if any. */
  readonly named: string | undefined;
  /** Project where it names none. */
  readonly fallback: string;
}

export type TokenProof = UserPrincipal | 'ended' | null;

export interface UserPrincipals {
  /** The user with this session; null where there is none, as a stale cookie must not lock a guest out. @throws {PlatformError} `user_blocked` */
  bySession(credential: UserCredential): UserPrincipal | null | Promise<UserPrincipal | null>;
  /**
   * The user of this token; `ended` where its session has ended, which makes its bearer a guest, as the contract has it;
   * null where nobody here can say anything of it.
   * @throws {PlatformError} `user_jwt_invalid`, `user_blocked`, `oidc_unavailable`
   */
  byToken(credential: UserCredential): TokenProof | Promise<TokenProof>;
  /** A token for an execution that runs for this user, now; empty where the user is gone or blocked. */
  tokenFor(projectId: string, userId: string): Promise<string>;
}

const SHOWN_MAX = 10_000;
const MINUTE_MS = 60_000;
/** Longer than the longest execution (15 minutes), so that a token outlives the execution that it was made for … */
const FUNCTION_TOKEN_MS = 20 * MINUTE_MS;
/** … also when it is handed out again during this time. */
const TOKEN_REUSED_MS = 3 * MINUTE_MS;

/** What was proved by a credential. */
interface Proof {
  readonly projectId: string;
  readonly userId: string;
  readonly sessionId: string | null;
  readonly kind: UserPrincipal['proof'];
  /** From then on it proves nothing. */
  readonly validUntil: number;
}

interface Admission {
  readonly digest: string;
  readonly proof: Proof;
  /** The caller's own token, which then is the function's too: nobody shall make it last longer. */
  readonly own?: string;
}

interface Shown {
  readonly proof: Proof;
  readonly user: KnownUser;
  readonly principal: UserPrincipal;
  readonly mintedAt: number;
}

export interface UserPrincipalsOptions {
  readonly store: Pick<Store, 'sessions'>;
  readonly clock: Clock;
  readonly users: KnownUsers;
  readonly tokens: UserTokens;
  readonly issuerUsers: IssuerUsers;
}

export function createUserPrincipals({ store, clock, users, tokens, issuerUsers }: UserPrincipalsOptions): UserPrincipals {
  const shown = new LRUCache<string, Shown>({ max: SHOWN_MAX });

  /** Answers from memory as long as nothing of what it was made of can have changed. */
  function remembered(digest: string): UserPrincipal | undefined {
    const entry = shown.get(digest);
    if (entry === undefined) return undefined;
    const now = clock.now();
    if (now < entry.proof.validUntil && now - entry.mintedAt < TOKEN_REUSED_MS && users.isCurrent(entry.user)) return entry.principal;
    shown.delete(digest);
    return undefined;
  }

  async function admit({ digest, proof, own }: Admission, generation: number): Promise<UserPrincipal | null> {
    const user = await users.find(proof.projectId, proof.userId);
    if (user === null) return null;
    if (user.row.blocked) throw new PlatformError('user_blocked', 'The current user has been blocked.');
    const now = clock.now();
    const { projectId, userId, sessionId, kind } = proof;
    const expiresAt = Math.min(now + FUNCTION_TOKEN_MS, proof.validUntil);
    const token = own ?? (await tokens.mint({ projectId, userId, sessionId, expiresAt }));
    const principal: UserPrincipal = Object.freeze({
      kind: 'user',
      projectId,
      userId,
      email: user.row.email ?? '',
      roles: user.roles,
      sessionId,
      proof: kind,
      token,
    });
    if (generation === users.generation) shown.set(digest, { proof, user, principal, mintedAt: now });
    return principal;
  }

  async function provedBySession(digest: string, secret: string, named: string | undefined): Promise<UserPrincipal | null> {
    const generation = users.generation;
    const session = await store.sessions.getByHash(hash('sha256', secret));
    if (session === null || session.expiresAt <= clock.now()) return null;
    if (named !== undefined && session.projectId !== named) return null;
    const { projectId, userId, id, expiresAt } = session;
    return admit({ digest, proof: { projectId, userId, sessionId: id, kind: 'session', validUntil: expiresAt } }, generation);
  }

  async function provedByOwnToken(digest: string, token: string, named: string | undefined): Promise<TokenProof> {
    const generation = users.generation;
    const claims = await tokens.verify(token);
    const { projectId, userId, sessionId, expiresAt } = claims;
    if (named !== undefined && projectId !== named) throw invalidToken('it is for another project');
    if (sessionId !== null) {
      const session = await store.sessions.get(projectId, sessionId);
      if (session === null || session.userId !== userId || session.expiresAt <= clock.now()) return 'ended';
    }
    const validUntil = expiresAt + CLOCK_SKEW_SECONDS * 1000;
    const principal = await admit({ digest, proof: { projectId, userId, sessionId, kind: 'token', validUntil }, own: token }, generation);
    if (principal === null) throw invalidToken('its user does not exist');
    return principal;
  }

  async function provedByIssuer(digest: string, token: string, projectId: string): Promise<UserPrincipal | null> {
    const found = await issuerUsers.identify(projectId, token);
    if (found === null) return null;
    const validUntil = found.expiresAt + CLOCK_SKEW_SECONDS * 1000;
    const proof: Proof = { projectId, userId: found.userId, sessionId: null, kind: 'issuer', validUntil };
    return admit({ digest, proof }, users.generation);
  }

  return {
    bySession({ text, named }) {
      const secret = readSession(text);
      if (secret === undefined) return null;
      const digest = digestOf(secret, named);
      return remembered(digest) ?? provedBySession(digest, secret, named);
    },

    byToken({ text, named, fallback }) {
      if (text.split('.', 4).length !== 3) return null;
      const digest = digestOf(text, named ?? fallback);
      const known = remembered(digest);
      if (known !== undefined) return known;
      return tokens.isOurs(text) ? provedByOwnToken(digest, text, named) : provedByIssuer(digest, text, named ?? fallback);
    },

    async tokenFor(projectId, userId) {
      const user = await users.find(projectId, userId);
      if (user === null || user.row.blocked) return '';
      return tokens.mint({ projectId, userId, sessionId: null, expiresAt: clock.now() + FUNCTION_TOKEN_MS });
    },
  };
}

/** The credential itself is not kept; and what it proves in one project it does not prove in another. */
const digestOf = (credential: string, project: string | undefined): string => hash('sha256', `${project ?? ''}\0${credential}`);
