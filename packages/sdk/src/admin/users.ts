/** Users of the project, as a server sees them. */
import { segment } from '../functions/function-executions.ts';
import type { Session, User } from '../resources.ts';
import type { CallApi } from '../transport/http.ts';
import type { ListOptions } from './resources.ts';

export interface NewUser {
  /** Default: a fresh id. */
  readonly userId?: string | undefined;
  readonly email?: string | undefined;
  readonly password?: string | undefined;
  readonly name?: string | undefined;
}

export interface UserList {
  readonly total: number;
  readonly users: User[];
}

export interface Users {
  list(options?: ListOptions & { readonly search?: string | undefined }): Promise<UserList>;
  get(userId: string): Promise<User>;
  create(user: NewUser): Promise<User>;
  /** With its sessions. */
  delete(userId: string): Promise<void>;
  /** A blocked user is nobody until unblocked. */
  block(userId: string): Promise<User>;
  unblock(userId: string): Promise<User>;
  /** Replaces the labels, which `execute` roles may name. */
  setLabels(userId: string, labels: readonly string[]): Promise<User>;
  /** Signs the user in; the session has its secret. */
  createSession(userId: string): Promise<Session>;
  /** A token that shows this user, for `duration` seconds. */
  createJWT(
    userId: string,
    options?: { readonly sessionId?: string | undefined; readonly duration?: number | undefined },
  ): Promise<{ jwt: string }>;
  /** Signs the user out everywhere. */
  deleteSessions(userId: string): Promise<void>;
}

export function createUsers(api: CallApi): Users {
  const pathOf = (userId: string): string => `/users/${segment('userId', userId)}`;
  const setStatus = async (userId: string, status: boolean): Promise<User> =>
    api('PATCH', `${pathOf(userId)}/status`, { body: { status } });
  return {
    list: async (query = {}) => api('GET', '/users', { query: { ...query } }),
    get: async (userId) => api('GET', pathOf(userId)),
    create: async (user) => api('POST', '/users', { body: { userId: 'unique()', ...user } }),
    delete: async (userId) => api('DELETE', pathOf(userId)),
    block: async (userId) => setStatus(userId, false),
    unblock: async (userId) => setStatus(userId, true),
    setLabels: async (userId, labels) => api('PUT', `${pathOf(userId)}/labels`, { body: { labels } }),
    createSession: async (userId) => api('POST', `${pathOf(userId)}/sessions`, { body: {} }),
    createJWT: async (userId, options = {}) => api('POST', `${pathOf(userId)}/jwts`, { body: options }),
    deleteSessions: async (userId) => api('DELETE', `${pathOf(userId)}/sessions`),
  };
}
