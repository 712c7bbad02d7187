/** Facts about users as callers need them, remembered for a while and forgotten at once when they change. */
import { LRUCache } from 'lru-cache';
import { rolesOfUser } from '../../domain/identity/user-roles.ts';
import type { Clock } from '../../ports/system/clock.ts';
import type { Log } from '../../ports/system/log.ts';
import type { Store } from '../../ports/store.ts';
import type { UserRow } from '../../ports/store/user-store.ts';
import type { Changes } from '../changes.ts';

/** What is remembered of a user. Who holds one asks `isCurrent` before believing it again. */
export interface KnownUser {
  readonly row: UserRow;
  readonly roles: readonly string[];
  readonly readAt: number;
}

export interface KnownUsers {
  find(projectId: string, userId: string): Promise<KnownUser | null>;
  isCurrent(user: KnownUser): boolean;
  /** Counts up with every change of any user: what was read before one may not be remembered after it. */
  readonly generation: number;
}

const USERS_MAX = 10_000;
/** Bounds how long a user goes on here after another process changed something. */
const KNOWN_FOR_MS = 60_000;
/** How often it is noted that a user was seen. */
const SEEN_EVERY_MS = 3_600_000;

export interface KnownUsersOptions {
  readonly store: Pick<Store, 'users' | 'memberships'>;
  readonly clock: Clock;
  readonly log: Log;
  readonly changes: Changes;
}

export function createKnownUsers({ store, clock, log, changes }: KnownUsersOptions): KnownUsers {
  const known = new LRUCache<string, KnownUser>({ max: USERS_MAX });
  const keyOf = (projectId: string, userId: string): string => `${projectId}\0${userId}`;
  let generation = 0;
  changes.subscribe(({ kind, projectId, userId }) => {
    // Without its issuer a user is still there, but what its tokens proved is not.
    if (kind !== 'user' && kind !== 'issuer') return;
    generation += 1;
    if (userId === undefined) known.clear();
    else known.delete(keyOf(projectId, userId));
  });

  const isFresh = (user: KnownUser): boolean => clock.now() - user.readAt < KNOWN_FOR_MS;

  function noteSeen({ projectId, id, accessedAt }: UserRow): void {
    const now = clock.now();
    if (accessedAt !== null && now - accessedAt < SEEN_EVERY_MS) return;
    store.users
      .update(projectId, id, { accessedAt: now })
      .catch((error: unknown) => log.warn({ err: error, userId: id }, 'Cannot note that a user was seen'));
  }

  return {
    get generation() {
      return generation;
    },
    isCurrent: (user) => isFresh(user) && known.get(keyOf(user.row.projectId, user.row.id)) === user,
    async find(projectId, userId) {
      const found = known.get(keyOf(projectId, userId));
      if (found !== undefined && isFresh(found)) return found;
      const asked = generation;
      const [row, memberships] = await Promise.all([store.users.get(projectId, userId), store.memberships.listOf(projectId, userId)]);
      if (row === null) return null;
      const roles = rolesOfUser({ userId, verified: row.emailVerified, labels: row.labels, memberships });
      const user: KnownUser = { row, roles, readAt: clock.now() };
      if (asked === generation) known.set(keyOf(projectId, userId), user);
      noteSeen(row);
      return user;
    },
  };
}
