/** Sessions of users. A session's secret is told once; the store has its SHA-256. */
import { hash } from 'node:crypto';
import { PlatformError, type Limits, type SessionProvider } from '@martlet/protocol';
import { SESSION_PREFIX } from '../../domain/identity/session-secret.ts';
import type { Clock } from '../../ports/system/clock.ts';
import type { Ids } from '../../ports/system/ids.ts';
import type { Log } from '../../ports/system/log.ts';
import type { Store } from '../../ports/store.ts';
import type { SessionRow, UserRow } from '../../ports/store/user-store.ts';
import type { Changes } from '../changes.ts';
import type { PlatformNews } from '../events/platform-news.ts';
import type { Passwords } from './passwords.ts';
import { endSessions, normalEmail } from './users.ts';
import type { UserTokens } from './user-tokens.ts';

export interface SessionOwner {
  readonly projectId: string;
  readonly userId: string;
}

export interface NewSession extends SessionOwner {
  readonly provider: SessionProvider;
  readonly ip: string;
  readonly userAgent: string;
}

export interface MadeSession {
  readonly row: SessionRow;
  readonly secret: string;
}

export interface Sessions {
  /** Beyond the limit the oldest ones of the user end. @throws {PlatformError} `user_not_found` */
  create(input: NewSession): Promise<MadeSession>;
  /**
   * The user with this address and password. It takes as long for an address that nobody has.
   * @throws {PlatformError} `user_invalid_credentials`, `user_blocked`, `general_rate_limit_exceeded`
   */
  signIn(projectId: string, email: string, password: string): Promise<UserRow>;
  list(owner: SessionOwner): Promise<readonly SessionRow[]>;
  /** @throws {PlatformError} `user_session_not_found` */
  get(owner: SessionOwner, id: string): Promise<SessionRow>;
  /** @throws {PlatformError} `user_session_not_found` */
  delete(owner: SessionOwner, id: string): Promise<void>;
  deleteAll(owner: SessionOwner): Promise<void>;
  /** A token of the user; with a session it ends with that session. */
  token(owner: SessionOwner, sessionId: string | null, seconds: number): Promise<string>;
  stop(): void;
}

const SECRET_BYTES = 32;
const DAY_MS = 86_400_000;
const USER_AGENT_MAX = 256;
const SWEEP_EVERY_MS = 10 * 60_000;
const SWEPT_AT_ONCE = 1000;

export interface SessionsOptions {
  readonly store: Pick<Store, 'users' | 'sessions'>;
  readonly clock: Clock;
  readonly ids: Ids;
  readonly log: Log;
  readonly changes: Changes;
  readonly passwords: Passwords;
  readonly tokens: UserTokens;
  readonly news: PlatformNews;
  readonly limits: Pick<Limits, 'sessionDays' | 'sessionsPerUser'>;
}

export function createSessions({ store, clock, ids, log, changes, passwords, tokens, news, limits }: SessionsOptions): Sessions {
  const announce = ({ projectId, userId }: SessionOwner): void => changes.announce({ kind: 'user', projectId, userId });
  const timer = setInterval(() => void sweep(), SWEEP_EVERY_MS);
  timer.unref();

  async function sweep(): Promise<void> {
    try {
      while ((await store.sessions.deleteExpired(clock.now(), SWEPT_AT_ONCE)) === SWEPT_AT_ONCE);
    } catch (error) {
      log.warn({ err: error }, 'Cannot delete expired sessions');
    }
  }

  const end = ({ projectId, userId }: SessionOwner, row: SessionRow): Promise<boolean> =>
    news.tell([news.session(row, 'delete')], (nouns) => nouns.sessions.delete(projectId, userId, row.id));

  async function endOldest(owner: SessionOwner): Promise<void> {
    const all = await store.sessions.listOf(owner.projectId, owner.userId);
    const beyond = all.slice(0, Math.max(0, all.length - limits.sessionsPerUser));
    for (const row of beyond) await end(owner, row);
    if (beyond.length > 0) announce(owner);
  }

  return {
    async create({ projectId, userId, provider, ip, userAgent }) {
      const secret = SESSION_PREFIX + ids.secret(SECRET_BYTES);
      const now = clock.now();
      const row: SessionRow = {
        id: ids.next(),
        createdAt: now,
        updatedAt: now,
        projectId,
        userId,
        hash: hash('sha256', secret),
        provider,
        expiresAt: now + limits.sessionDays * DAY_MS,
        ip,
        userAgent: userAgent.slice(0, USER_AGENT_MAX),
      };
      await news.tell([news.session(row, 'create')], (nouns) => nouns.sessions.insert(row));
      await endOldest(row);
      return { row, secret };
    },

    async signIn(projectId, email, password) {
      const normal = normalEmail(email);
      const user = normal === undefined ? null : await store.users.getByEmail(projectId, normal);
      const matches = await passwords.matches(password, user?.passwordHash ?? null);
      if (user === null || !matches)
        throw new PlatformError('user_invalid_credentials', 'Invalid credentials. Please check the email and password.');
      if (user.blocked) throw new PlatformError('user_blocked', 'The current user has been blocked.');
      return user;
    },

    list: ({ projectId, userId }) => store.sessions.listOf(projectId, userId),

    async get({ projectId, userId }, id) {
      const row = await store.sessions.get(projectId, id);
      if (row === null || row.userId !== userId) throw sessionNotFound();
      return row;
    },

    async delete(owner, id) {
      const row = await store.sessions.get(owner.projectId, id);
      if (row === null || row.userId !== owner.userId || !(await end(owner, row))) throw sessionNotFound();
      announce(owner);
    },

    async deleteAll(owner) {
      await endSessions({ store, news }, owner);
      announce(owner);
    },

    token: ({ projectId, userId }, sessionId, seconds) =>
      tokens.mint({ projectId, userId, sessionId, expiresAt: clock.now() + seconds * 1000 }),

    stop: () => clearInterval(timer),
  };
}

const sessionNotFound = (): PlatformError => new PlatformError('user_session_not_found', 'The current user session could not be found.');
