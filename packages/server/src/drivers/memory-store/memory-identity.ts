/** Users, sessions, teams, memberships and settings in memory. */
import { PlatformError } from '@martlet/protocol';
import type { membershipAttributes, teamAttributes, userAttributes } from '../../domain/list-attributes.ts';
import type { IdentityStores, MembershipRow, SessionRow, TeamRow, UserRow } from '../../ports/store/user-store.ts';
import { listRows, type AttributeReaders } from './list-rows.ts';
import { changed, createMemoryTable, type MemoryTable } from './memory-table.ts';
import type { MemoryTables } from './memory-tables.ts';

interface Tables {
  readonly users: MemoryTable<UserRow>;
  readonly sessions: MemoryTable<SessionRow>;
  readonly teams: MemoryTable<TeamRow>;
  readonly memberships: MemoryTable<MembershipRow>;
}

const keyOf = (row: { projectId: string; id: string }) => JSON.stringify([row.projectId, row.id]);

export function memoryIdentity({ executions }: Pick<MemoryTables, 'executions'>): IdentityStores {
  const tables: Tables = {
    users: createMemoryTable<UserRow>(keyOf),
    sessions: createMemoryTable((row) => row.id),
    teams: createMemoryTable<TeamRow>(keyOf),
    memberships: createMemoryTable((row) => row.id),
  };
  return {
    users: memoryUsers(tables, executions),
    sessions: memorySessions(tables),
    teams: memoryTeams(tables),
    memberships: memoryMemberships(tables),
    settings: memorySettings(),
  };
}

const userReaders: AttributeReaders<typeof userAttributes, UserRow> = {
  $id: (row) => row.id,
  $createdAt: (row) => row.createdAt,
  $updatedAt: (row) => row.updatedAt,
  $sequence: (_row, entry) => entry.sequence,
  name: (row) => row.name,
  email: (row) => row.email,
  emailVerification: (row) => row.emailVerified,
  status: (row) => !row.blocked,
  registration: (row) => row.createdAt,
  passwordUpdate: (row) => row.passwordUpdatedAt,
  accessedAt: (row) => row.accessedAt,
  issuer: (row) => row.issuer,
  subject: (row) => row.subject,
};

function memoryUsers({ users, sessions, memberships }: Tables, executions: MemoryTables['executions']): IdentityStores['users'] {
  const key = (projectId: string, id: string) => keyOf({ projectId, id });
  function refuseTaken(row: UserRow, self: UserRow | null): void {
    const taken = users.first(
      (other) =>
        other !== self &&
        other.projectId === row.projectId &&
        (other.id === row.id ||
          (row.email !== null && other.email === row.email) ||
          (row.issuer !== null && other.issuer === row.issuer && other.subject === row.subject)),
    );
    if (taken !== null)
      throw new PlatformError('user_already_exists', 'A user with the same id or e-mail address already exists in this project.');
  }
  return {
    async insert(row) {
      refuseTaken(row, null);
      users.put(row);
    },
    get: async (projectId, id) => users.get(key(projectId, id)),
    getByEmail: async (projectId, email) => users.first((row) => row.projectId === projectId && row.email === email),
    getBySubject: async (projectId, issuer, subject) =>
      users.first((row) => row.projectId === projectId && row.issuer === issuer && row.subject === subject),
    async list(projectId, query, search = '') {
      const words = search
        .toLowerCase()
        .split(/\s+/)
        .filter((word) => word !== '');
      const isFound = (row: UserRow) => words.every((word) => `${row.id} ${row.name} ${row.email ?? ''}`.toLowerCase().includes(word));
      const entries = users.entries((row) => row.projectId === projectId);
      return listRows({ noun: 'User', entries, search: isFound, attributes: userReaders, insertion: ['$sequence'] }, query);
    },
    async update(projectId, id, change) {
      const row = users.get(key(projectId, id));
      if (row === null) return null;
      refuseTaken(changed(row, change), row);
      return users.put(changed(row, change));
    },
    async delete(projectId, id) {
      const isOf = (row: { projectId: string; userId: string | null }) => row.projectId === projectId && row.userId === id;
      for (const row of executions.rows(isOf)) executions.put({ ...row, userId: null });
      sessions.delete(isOf);
      memberships.delete(isOf);
      return users.delete((row) => row.projectId === projectId && row.id === id).length > 0;
    },
  };
}

function memorySessions({ users, sessions }: Tables): IdentityStores['sessions'] {
  const isOf = (projectId: string, userId: string) => (row: SessionRow) => row.projectId === projectId && row.userId === userId;
  return {
    async insert(row) {
      if (users.get(keyOf({ projectId: row.projectId, id: row.userId })) === null)
        throw new PlatformError('user_not_found', `Cannot add a session: the user "${row.userId}" does not exist.`);
      if (sessions.first((other) => other.id === row.id || other.hash === row.hash) !== null)
        throw new PlatformError('general_server_error', 'Cannot add a session: its id or hash exists already.');
      sessions.put(row);
    },
    getByHash: async (hash) => sessions.first((row) => row.hash === hash),
    get: async (projectId, id) => sessions.first((row) => row.projectId === projectId && row.id === id),
    listOf: async (projectId, userId) => sessions.rows(isOf(projectId, userId)),
    delete: async (projectId, userId, id) => sessions.delete((row) => isOf(projectId, userId)(row) && row.id === id).length > 0,
    deleteAll: async (projectId, userId) => sessions.delete(isOf(projectId, userId)).length,
    async deleteExpired(time, limit) {
      const expired = sessions.rows((row) => row.expiresAt < time).toSorted((a, b) => a.expiresAt - b.expiresAt);
      const chosen = new Set(expired.slice(0, limit));
      return sessions.delete((row) => chosen.has(row)).length;
    },
  };
}

const teamReaders: AttributeReaders<typeof teamAttributes, TeamRow> = {
  $id: (row) => row.id,
  $createdAt: (row) => row.createdAt,
  $updatedAt: (row) => row.updatedAt,
  $sequence: (_row, entry) => entry.sequence,
  name: (row) => row.name,
};

function memoryTeams({ teams, memberships }: Tables): IdentityStores['teams'] {
  return {
    async insert(row) {
      if (teams.get(keyOf(row)) !== null) throw new PlatformError('team_already_exists', `A team with the id "${row.id}" exists already.`);
      teams.put(row);
    },
    get: async (projectId, id) => teams.get(keyOf({ projectId, id })),
    async list(projectId, query) {
      const entries = teams.entries((row) => row.projectId === projectId);
      return listRows({ noun: 'Team', entries, attributes: teamReaders, insertion: ['$sequence'] }, query);
    },
    async delete(projectId, id) {
      memberships.delete((row) => row.projectId === projectId && row.teamId === id);
      return teams.delete((row) => row.projectId === projectId && row.id === id).length > 0;
    },
  };
}

const membershipReaders: AttributeReaders<typeof membershipAttributes, MembershipRow> = {
  $id: (row) => row.id,
  $createdAt: (row) => row.createdAt,
  $updatedAt: (row) => row.updatedAt,
  $sequence: (_row, entry) => entry.sequence,
  userId: (row) => row.userId,
  teamId: (row) => row.teamId,
};

function memoryMemberships({ users, teams, memberships }: Tables): IdentityStores['memberships'] {
  const isOf = (projectId: string, teamId: string) => (row: MembershipRow) => row.projectId === projectId && row.teamId === teamId;
  return {
    async insert(row) {
      const isMember = (other: MembershipRow) => isOf(row.projectId, row.teamId)(other) && other.userId === row.userId;
      if (memberships.first((other) => other.id === row.id || isMember(other)) !== null)
        throw new PlatformError(
          'membership_already_exists',
          `The user "${row.userId}" is a member of the team already, or the id is taken.`,
        );
      const at = (id: string) => keyOf({ projectId: row.projectId, id });
      if (teams.get(at(row.teamId)) === null || users.get(at(row.userId)) === null)
        throw new PlatformError('team_not_found', `Cannot add a member: the team "${row.teamId}" or the user "${row.userId}" is gone.`);
      memberships.put(row);
    },
    get: async (projectId, teamId, id) => memberships.first((row) => isOf(projectId, teamId)(row) && row.id === id),
    async list(projectId, teamId, query) {
      const entries = memberships.entries(isOf(projectId, teamId));
      return listRows({ noun: 'Membership', entries, attributes: membershipReaders, insertion: ['$sequence'] }, query);
    },
    listOf: async (projectId, userId) => memberships.rows((row) => row.projectId === projectId && row.userId === userId),
    delete: async (projectId, teamId, id) => memberships.delete((row) => isOf(projectId, teamId)(row) && row.id === id).length > 0,
  };
}

function memorySettings(): IdentityStores['settings'] {
  const values = new Map<string, string>();
  const key = (projectId: string, name: string) => JSON.stringify([projectId, name]);
  return {
    get: async (projectId, name) => values.get(key(projectId, name)) ?? null,
    async put(projectId, name, value) {
      values.set(key(projectId, name), value);
    },
    async ensure(projectId, name, value) {
      const stored = values.get(key(projectId, name)) ?? value;
      values.set(key(projectId, name), stored);
      return stored;
    },
    async replace(projectId, name, { from, to }) {
      if (values.get(key(projectId, name)) !== from) return false;
      if (to === null) values.delete(key(projectId, name));
      else values.set(key(projectId, name), to);
      return true;
    },
    delete: async (projectId, name) => values.delete(key(projectId, name)),
  };
}
