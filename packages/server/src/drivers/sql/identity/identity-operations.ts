/** The statements of identity by name, for `../operations.ts`. */
import * as sessions from './sessions.ts';
import * as settings from './settings.ts';
import * as teams from './teams.ts';
import * as users from './users.ts';

export const identityOperations = {
  'users.insert': { lane: 'write', run: users.insertUser },
  'users.get': { lane: 'point', run: users.getUser },
  'users.getByEmail': { lane: 'point', run: users.getUserByEmail },
  'users.getBySubject': { lane: 'point', run: users.getUserBySubject },
  'users.list': { lane: 'list', run: users.listUsers },
  'users.update': { lane: 'write', run: users.updateUser },
  'users.delete': { lane: 'write', run: users.deleteUser },

  'sessions.insert': { lane: 'write', run: sessions.insertSession },
  'sessions.getByHash': { lane: 'point', run: sessions.getSessionByHash },
  'sessions.get': { lane: 'point', run: sessions.getSession },
  'sessions.listOf': { lane: 'point', run: sessions.listSessionsOf },
  'sessions.delete': { lane: 'write', run: sessions.deleteSession },
  'sessions.deleteAll': { lane: 'write', run: sessions.deleteSessionsOf },
  'sessions.deleteExpired': { lane: 'write', run: sessions.deleteExpiredSessions },

  'teams.insert': { lane: 'write', run: teams.insertTeam },
  'teams.get': { lane: 'point', run: teams.getTeam },
  'teams.list': { lane: 'list', run: teams.listTeams },
  'teams.delete': { lane: 'write', run: teams.deleteTeam },

  'memberships.insert': { lane: 'write', run: teams.insertMembership },
  'memberships.get': { lane: 'point', run: teams.getMembership },
  'memberships.list': { lane: 'list', run: teams.listMemberships },
  'memberships.listOf': { lane: 'point', run: teams.listMembershipsOf },
  'memberships.delete': { lane: 'write', run: teams.deleteMembership },

  'settings.get': { lane: 'point', run: settings.getSetting },
  'settings.put': { lane: 'write', run: settings.putSetting },
  'settings.ensure': { lane: 'write', run: settings.ensureSetting },
  'settings.replace': { lane: 'write', run: settings.replaceSetting },
  'settings.delete': { lane: 'write', run: settings.deleteSetting },
} as const;
