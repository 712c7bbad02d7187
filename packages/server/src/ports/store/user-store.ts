/** Who there is: users of a project, their sessions and teams, and settings that a project keeps. Rows as in `../store.ts`. */
import type { SessionProvider } from '@martlet/protocol';
import type { ListQuery } from '../../domain/list-query.ts';
import type { Page } from '../store.ts';

interface Row {
  readonly id: string;
  readonly createdAt: number;
  readonly updatedAt: number;
}

export interface UserRow extends Row {
  readonly projectId: string;
  /** In lower case; unique in the project. */
  readonly email: string | null;
  readonly emailVerified: boolean;
  readonly name: string;
  /** In PHC form; null: cannot sign in with a password. */
  readonly passwordHash: string | null;
  readonly passwordUpdatedAt: number | null;
  readonly blocked: boolean;
  readonly labels: readonly string[];
  readonly prefs: Readonly<Record<string, unknown>>;
  /** Issuer and subject of a user whom a trusted issuer vouches for; both null for users of the project itself. Unique together. */
  readonly issuer: string | null;
  readonly subject: string | null;
  readonly accessedAt: number | null;
}
export type UserChange = Partial<Omit<UserRow, 'id' | 'projectId' | 'createdAt' | 'issuer' | 'subject'>>;

export interface UserStore {
  /** @throws `user_already_exists` when id, e-mail or issuer with subject is taken in the project */
  insert(row: UserRow): Promise<void>;
  get(projectId: string, id: string): Promise<UserRow | null>;
  getByEmail(projectId: string, email: string): Promise<UserRow | null>;
  getBySubject(projectId: string, issuer: string, subject: string): Promise<UserRow | null>;
  /** `search`: words that must occur in id, name or e-mail. */
  list(projectId: string, query: ListQuery, search?: string): Promise<Page<UserRow>>;
  /** @returns the changed row, or null where there is none. @throws `user_already_exists` for a taken e-mail */
  update(projectId: string, id: string, change: UserChange): Promise<UserRow | null>;
  /**
   * Removes the user with sessions and memberships, and takes the user off the records of executions, so that a later
   * user with the same id does not read them. @returns whether there was one
   */
  delete(projectId: string, id: string): Promise<boolean>;
}

export interface SessionRow extends Row {
  readonly projectId: string;
  readonly userId: string;
  /** SHA-256 of the secret, hexadecimal. Unique. */
  readonly hash: string;
  readonly provider: SessionProvider;
  readonly expiresAt: number;
  readonly ip: string;
  readonly userAgent: string;
}

export interface SessionStore {
  /** @throws `user_not_found` when the user is gone */
  insert(row: SessionRow): Promise<void>;
  getByHash(hash: string): Promise<SessionRow | null>;
  get(projectId: string, id: string): Promise<SessionRow | null>;
  /** All of a user, oldest first. */
  listOf(projectId: string, userId: string): Promise<readonly SessionRow[]>;
  /** @returns whether there was one */
  delete(projectId: string, userId: string, id: string): Promise<boolean>;
  /** @returns how many there were */
  deleteAll(projectId: string, userId: string): Promise<number>;
  /** Deletes sessions that expired before a time, at most `limit` per call. @returns how many */
  deleteExpired(time: number, limit: number): Promise<number>;
}

export interface TeamRow extends Row {
  readonly projectId: string;
  readonly name: string;
}

export interface TeamStore {
  /** @throws `team_already_exists` */
  insert(row: TeamRow): Promise<void>;
  get(projectId: string, id: string): Promise<TeamRow | null>;
  list(projectId: string, query: ListQuery): Promise<Page<TeamRow>>;
  /** Removes the team with its memberships. @returns whether there was one */
  delete(projectId: string, id: string): Promise<boolean>;
}

export interface MembershipRow extends Row {
  readonly projectId: string;
  readonly teamId: string;
  readonly userId: string;
  readonly roles: readonly string[];
}

export interface MembershipStore {
  /** @throws `membership_already_exists`; `team_not_found` when team or user is gone */
  insert(row: MembershipRow): Promise<void>;
  get(projectId: string, teamId: string, id: string): Promise<MembershipRow | null>;
  list(projectId: string, teamId: string, query: ListQuery): Promise<Page<MembershipRow>>;
  /** All of a user, oldest first. */
  listOf(projectId: string, userId: string): Promise<readonly MembershipRow[]>;
  /** @returns whether there was one */
  delete(projectId: string, teamId: string, id: string): Promise<boolean>;
}

/** Small texts by name, one project's own. What is secret in them was sealed before. */
export interface SettingStore {
  get(projectId: string, name: string): Promise<string | null>;
  put(projectId: string, name: string, value: string): Promise<void>;
  /** Puts it unless there is one. @returns what is stored */
  ensure(projectId: string, name: string, value: string): Promise<string>;
  /** Puts `to` in the place of `from`, null: nothing, and only if `from` is what is stored. @returns whether it was */
  replace(projectId: string, name: string, values: { readonly from: string; readonly to: string | null }): Promise<boolean>;
  /** @returns whether there was one */
  delete(projectId: string, name: string): Promise<boolean>;
}

export interface IdentityStores {
  readonly users: UserStore;
  readonly sessions: SessionStore;
  readonly teams: TeamStore;
  readonly memberships: MembershipStore;
  readonly settings: SettingStore;
}
