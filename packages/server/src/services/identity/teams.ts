/** Teams of users, as far as `execute` roles need them. */
import { PlatformError, isCustomId } from '@martlet/protocol';
import type { Clock } from '../../ports/system/clock.ts';
import type { Ids } from '../../ports/system/ids.ts';
import type { ListQuery, Page, Store } from '../../ports/store.ts';
import type { MembershipRow, TeamRow } from '../../ports/store/user-store.ts';
import type { Changes } from '../changes.ts';
import type { PlatformNews } from '../events/platform-news.ts';
import { userNotFound } from './users.ts';

/** A team with the number of its members. */
export interface Team {
  readonly row: TeamRow;
  readonly members: number;
}

export interface Teams {
  /** @throws {PlatformError} `team_already_exists`, `general_argument_invalid` */
  create(projectId: string, id: string, name: string): Promise<Team>;
  /** @throws {PlatformError} `team_not_found` */
  get(projectId: string, id: string): Promise<Team>;
  list(projectId: string, query: ListQuery): Promise<Page<Team>>;
  /** @throws {PlatformError} `team_not_found` */
  delete(projectId: string, id: string): Promise<void>;
  /** @throws {PlatformError} `team_not_found`, `user_not_found`, `membership_already_exists` */
  addMember(projectId: string, teamId: string, member: { userId: string; roles: readonly string[] }): Promise<MembershipRow>;
  /** @throws {PlatformError} `team_not_found`, `membership_not_found` */
  getMember(projectId: string, teamId: string, id: string): Promise<MembershipRow>;
  /** @throws {PlatformError} `team_not_found` */
  listMembers(projectId: string, teamId: string, query: ListQuery): Promise<Page<MembershipRow>>;
  /** Of one user, in all teams. @throws {PlatformError} `user_not_found` */
  membershipsOf(projectId: string, userId: string): Promise<readonly MembershipRow[]>;
  /** @throws {PlatformError} `team_not_found`, `membership_not_found` */
  removeMember(projectId: string, teamId: string, id: string): Promise<void>;
}

export interface TeamsOptions {
  readonly store: Pick<Store, 'users' | 'teams' | 'memberships'>;
  readonly clock: Clock;
  readonly ids: Ids;
  readonly changes: Changes;
  readonly news: PlatformNews;
}

const ONLY_TOTAL: ListQuery = { filters: [], order: [], limit: 1, offset: 0, withTotal: true };

export function createTeams({ store, clock, ids, changes, news }: TeamsOptions): Teams {
  const counted = async (row: TeamRow): Promise<Team> => ({
    row,
    members: (await store.memberships.list(row.projectId, row.id, ONLY_TOTAL)).total,
  });
  const requireTeam = async (projectId: string, id: string): Promise<TeamRow> => {
    const row = await store.teams.get(projectId, id);
    if (row === null) throw new PlatformError('team_not_found', `Team with the requested ID could not be found: "${id.slice(0, 40)}".`);
    return row;
  };
  const requireMember = async (projectId: string, teamId: string, id: string): Promise<MembershipRow> => {
    await requireTeam(projectId, teamId);
    const row = await store.memberships.get(projectId, teamId, id);
    if (row === null)
      throw new PlatformError('membership_not_found', `Membership with the requested ID could not be found: "${id.slice(0, 40)}".`);
    return row;
  };

  return {
    async create(projectId, id, name) {
      if (id !== 'unique()' && !isCustomId(id)) throw new PlatformError('general_argument_invalid', CUSTOM_ID);
      const now = clock.now();
      const row: TeamRow = { id: id === 'unique()' ? ids.next() : id, createdAt: now, updatedAt: now, projectId, name };
      const team = { row, members: 0 };
      await news.tell([news.team(team, 'create')], ({ teams }) => teams.insert(row));
      return team;
    },
    get: async (projectId, id) => counted(await requireTeam(projectId, id)),
    async list(projectId, query) {
      const { rows, total } = await store.teams.list(projectId, query);
      return { rows: await Promise.all(rows.map(counted)), total };
    },
    async delete(projectId, id) {
      const team = await counted(await requireTeam(projectId, id));
      if (!(await news.tell([news.team(team, 'delete')], ({ teams }) => teams.delete(projectId, id)))) await requireTeam(projectId, id);
      changes.announce({ kind: 'user', projectId });
    },
    async addMember(projectId, teamId, { userId, roles }) {
      const { name: team } = await requireTeam(projectId, teamId);
      const user = await store.users.get(projectId, userId);
      if (user === null) throw userNotFound(userId);
      const now = clock.now();
      const row: MembershipRow = { id: ids.next(), createdAt: now, updatedAt: now, projectId, teamId, userId, roles: [...new Set(roles)] };
      await news.tell([news.membership({ row, team, user }, 'create')], ({ memberships }) => memberships.insert(row));
      changes.announce({ kind: 'user', projectId, userId });
      return row;
    },
    getMember: requireMember,
    async listMembers(projectId, teamId, query) {
      await requireTeam(projectId, teamId);
      return store.memberships.list(projectId, teamId, query);
    },
    async membershipsOf(projectId, userId) {
      if ((await store.users.get(projectId, userId)) === null) throw userNotFound(userId);
      return store.memberships.listOf(projectId, userId);
    },
    async removeMember(projectId, teamId, id) {
      const { name: team } = await requireTeam(projectId, teamId);
      const row = await requireMember(projectId, teamId, id);
      const { userId } = row;
      const told = news.membership({ row, team, user: await store.users.get(projectId, userId) }, 'delete');
      await news.tell([told], ({ memberships }) => memberships.delete(projectId, teamId, id));
      changes.announce({ kind: 'user', projectId, userId });
    },
  };
}

const CUSTOM_ID =
  "Invalid `teamId` param: Parameter must contain at most 36 chars. Valid chars are a-z, A-Z, 0-9, period, hyphen, and underscore. Can't start with a special char";
