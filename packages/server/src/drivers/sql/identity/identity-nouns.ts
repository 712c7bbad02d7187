/** Users, sessions, teams, memberships and settings over the named operations. */
import type { IdentityStores } from '../../../ports/store/user-store.ts';
import type { RunOperation } from '../operations.ts';

export function createIdentityNouns(run: RunOperation): IdentityStores {
  return {
    users: {
      insert: (row) => run('users.insert', row),
      get: (projectId, id) => run('users.get', { projectId, id }),
      getByEmail: (projectId, email) => run('users.getByEmail', { projectId, email }),
      getBySubject: (projectId, issuer, subject) => run('users.getBySubject', { projectId, issuer, subject }),
      list: (projectId, query, search) => run('users.list', { projectId, query, search }),
      update: (projectId, id, change) => run('users.update', { projectId, id, change }),
      delete: (projectId, id) => run('users.delete', { projectId, id }),
    },
    sessions: {
      insert: (row) => run('sessions.insert', row),
      getByHash: (hash) => run('sessions.getByHash', hash),
      get: (projectId, id) => run('sessions.get', { projectId, id }),
      listOf: (projectId, userId) => run('sessions.listOf', { projectId, userId }),
      delete: (projectId, userId, id) => run('sessions.delete', { projectId, userId, id }),
      deleteAll: (projectId, userId) => run('sessions.deleteAll', { projectId, userId }),
      deleteExpired: (time, limit) => run('sessions.deleteExpired', { time, limit }),
    },
    teams: {
      insert: (row) => run('teams.insert', row),
      get: (projectId, id) => run('teams.get', { projectId, id }),
      list: (projectId, query) => run('teams.list', { projectId, query }),
      delete: (projectId, id) => run('teams.delete', { projectId, id }),
    },
    memberships: {
      insert: (row) => run('memberships.insert', row),
      get: (projectId, teamId, id) => run('memberships.get', { projectId, teamId, id }),
      list: (projectId, teamId, query) => run('memberships.list', { projectId, teamId, query }),
      listOf: (projectId, userId) => run('memberships.listOf', { projectId, userId }),
      delete: (projectId, teamId, id) => run('memberships.delete', { projectId, teamId, id }),
    },
    settings: {
      get: (projectId, name) => run('settings.get', { projectId, name }),
      put: (projectId, name, value) => run('settings.put', { projectId, name, value }),
      ensure: (projectId, name, value) => run('settings.ensure', { projectId, name, value }),
      replace: (projectId, name, values) => run('settings.replace', { projectId, name, ...values }),
      delete: (projectId, name) => run('settings.delete', { projectId, name }),
    },
  };
}
