/** Users whom a trusted issuer vouches for: their tokens are verified here, and each gets a user of the project. */
import { hash } from 'node:crypto';
import { isCustomId, isPlatformError } from '@martlet/protocol';
import { decodeJwt, jwtVerify } from 'jose';
import { labelsOf, subjectOf, type TrustedIssuer } from '../../../domain/identity/trusted-issuer.ts';
import type { Clock } from '../../../ports/system/clock.ts';
import type { Store } from '../../../ports/store.ts';
import type { UserRow } from '../../../ports/store/user-store.ts';
import type { Changes } from '../../changes.ts';
import type { PlatformNews } from '../../events/platform-news.ts';
import type { IssuerKeys } from './issuer-keys.ts';
import type { TrustedIssuers } from './trusted-issuers.ts';
import { CLOCK_SKEW_SECONDS, invalidToken, reasonOf } from '../user-tokens.ts';

/** Begins the ids of users whose subject can be no id; nobody may choose such an id. */
export const ISSUER_ID_PREFIX = 'oidc.';

export interface IssuerUsers {
  /**
   * The user of a token, made when it is seen for the first time; null where the project trusts nobody, or not the one
   * that the token names.
   * @throws {PlatformError} `user_jwt_invalid`, `oidc_unavailable`
   */
  identify(projectId: string, token: string): Promise<{ readonly userId: string; readonly expiresAt: number } | null>;
}

export interface IssuerUsersOptions {
  readonly store: Pick<Store, 'users'>;
  readonly issuers: TrustedIssuers;
  readonly keys: IssuerKeys;
  readonly clock: Clock;
  readonly changes: Changes;
  readonly news: PlatformNews;
}

export function createIssuerUsers({ store, issuers, keys, clock, changes, news }: IssuerUsersOptions): IssuerUsers {
  async function verify(issuer: TrustedIssuer, token: string): Promise<Readonly<Record<string, unknown>>> {
    try {
      const { payload } = await jwtVerify(token, keys.finderOf(issuer), {
        algorithms: [...issuer.algorithms],
        issuer: issuer.issuer,
        audience: [...issuer.audience],
        requiredClaims: ['exp'],
        clockTolerance: CLOCK_SKEW_SECONDS,
        currentDate: new Date(clock.now()),
      });
      return payload;
    } catch (error) {
      if (isPlatformError(error)) throw error;
      throw invalidToken(reasonOf(error), error);
    }
  }

  async function userOf(projectId: string, issuer: TrustedIssuer, claims: Readonly<Record<string, unknown>>): Promise<UserRow> {
    const subject = subjectOf(claims, issuer);
    if (subject === undefined) throw invalidToken(`its claim "${issuer.userClaim}" names no user`);
    const labels = labelsOf(claims, issuer);
    const found = await store.users.getBySubject(projectId, issuer.issuer, subject);
    if (found === null) return provision(projectId, { issuer: issuer.issuer, subject, labels, claims });
    // Without a claim for them, labels are what the project itself has set.
    if (issuer.labelsClaim === '' || sameTexts(found.labels, labels)) return found;
    const change = { labels, updatedAt: clock.now() };
    const told = news.user({ ...found, ...change }, 'update', 'labels');
    const changed = await news.tell([told], ({ users }) => users.update(projectId, found.id, change));
    changes.announce({ kind: 'user', projectId, userId: found.id });
    return changed ?? found;
  }

  async function provision(projectId: string, facts: NewIssuerUser): Promise<UserRow> {
    const row = newUser(projectId, facts, clock.now());
    try {
      await news.tell([news.user(row, 'create')], ({ users }) => users.insert(row));
      return row;
    } catch (error) {
      if (!isPlatformError(error) || error.code !== 'user_already_exists') throw error;
      // Two first requests at the same time; or somebody else has the id.
      const other = await store.users.getBySubject(projectId, facts.issuer, facts.subject);
      if (other !== null) return other;
      throw invalidToken('its subject is the id of another user of the project; delete that user first', error);
    }
  }

  return {
    async identify(projectId, token) {
      const issuer = await issuers.find(projectId);
      if (issuer === null || claimedIssuer(token) !== issuer.issuer) return null;
      const claims = await verify(issuer, token);
      const { id } = await userOf(projectId, issuer, claims);
      return { userId: id, expiresAt: Number(claims['exp']) * 1000 };
    },
  };
}

interface NewIssuerUser {
  readonly issuer: string;
  readonly subject: string;
  readonly labels: readonly string[];
  readonly claims: Readonly<Record<string, unknown>>;
}

function newUser(projectId: string, { issuer, subject, labels, claims }: NewIssuerUser, now: number): UserRow {
  const { name } = claims;
  const isId = isCustomId(subject) && !subject.startsWith(ISSUER_ID_PREFIX);
  return {
    id: isId ? subject : ISSUER_ID_PREFIX + hash('sha256', JSON.stringify([issuer, subject])).slice(0, 24),
    createdAt: now,
    updatedAt: now,
    projectId,
    // An address from outside must not meet, or be taken for, that of a user of the project.
    email: null,
    emailVerified: claims['email_verified'] === true,
    name: typeof name === 'string' ? name.slice(0, 128) : '',
    passwordHash: null,
    passwordUpdatedAt: null,
    blocked: false,
    labels,
    prefs: {},
    issuer,
    subject,
    accessedAt: null,
  };
}

function claimedIssuer(token: string): unknown {
  try {
    return decodeJwt(token).iss;
  } catch {
    // No token at all: then it claims nothing.
    return undefined;
  }
}

const sameTexts = (a: readonly string[], b: readonly string[]): boolean => a.length === b.length && a.every((text, at) => text === b[at]);
