/** Statements about teams and who is in them. */
import { sql, type Insertable } from 'kysely';
import type { membershipAttributes, teamAttributes } from '../../../domain/list-attributes.ts';
import type { ListQuery, Page } from '../../../ports/store.ts';
import type { MembershipRow, TeamRow } from '../../../ports/store/user-store.ts';
import { listPage, type AttributeColumns } from '../list-page.ts';
import { createRowCodec, json, plain } from '../row-codec.ts';
import type { Database } from '../schema.ts';
import { StoreFault, violationMeans } from '../store-fault.ts';
import type { MembershipTable, TeamTable } from './identity-tables.ts';
import type { UserOf } from './sessions.ts';

const base = { id: plain('id'), createdAt: plain('created_at'), updatedAt: plain('updated_at'), projectId: plain('project_id') };
const teamCodec = createRowCodec<TeamRow, Insertable<TeamTable>>({ ...base, name: plain('name') });
const memberCodec = createRowCodec<MembershipRow, Insertable<MembershipTable>>({
  ...base,
  teamId: plain('team_id'),
  userId: plain('user_id'),
  roles: json('roles'),
});

const baseAttributes = {
  $id: { value: sql.ref('id') },
  $createdAt: { value: sql.ref('created_at') },
  $updatedAt: { value: sql.ref('updated_at') },
  $sequence: { value: sql.ref('seq') },
};
const ofTeams: AttributeColumns<typeof teamAttributes> = { ...baseAttributes, name: { value: sql.ref('name') } };
const ofMembers: AttributeColumns<typeof membershipAttributes> = {
  ...baseAttributes,
  userId: { value: sql.ref('user_id') },
  teamId: { value: sql.ref('team_id') },
};

export async function insertTeam(db: Database, row: TeamRow): Promise<void> {
  await db
    .insertInto('teams')
    .values(teamCodec.encode(row))
    .execute()
    .catch(violationMeans({ unique: new StoreFault('team_already_exists', `A team with the id "${row.id}" exists already.`) }));
}

export async function getTeam(db: Database, at: { projectId: string; id: string }): Promise<TeamRow | null> {
  const raw = await db.selectFrom('teams').selectAll().where('project_id', '=', at.projectId).where('id', '=', at.id).executeTakeFirst();
  return raw === undefined ? null : teamCodec.decode(raw);
}

export function listTeams(db: Database, at: { projectId: string; query: ListQuery }): Promise<Page<TeamRow>> {
  const scope = [sql`project_id = ${at.projectId}`];
  return listPage(db, { noun: 'Team', table: 'teams', scope, attributes: ofTeams, insertion: ['seq'], decode: teamCodec.decode }, at.query);
}

export async function deleteTeam(db: Database, at: { projectId: string; id: string }): Promise<boolean> {
  const result = await db.deleteFrom('teams').where('project_id', '=', at.projectId).where('id', '=', at.id).executeTakeFirst();
  return result.numDeletedRows > 0n;
}

export async function insertMembership(db: Database, row: MembershipRow): Promise<void> {
  const unique = new StoreFault(
    'membership_already_exists',
    `The user "${row.userId}" is a member of the team already, or the id is taken.`,
  );
  const foreign = new StoreFault('team_not_found', `Cannot add a member: the team "${row.teamId}" or the user "${row.userId}" is gone.`);
  await db.insertInto('memberships').values(memberCodec.encode(row)).execute().catch(violationMeans({ unique, foreign }));
}

export interface TeamOf {
  readonly projectId: string;
  readonly teamId: string;
}

export async function getMembership(db: Database, at: TeamOf & { id: string }): Promise<MembershipRow | null> {
  const raw = await db
    .selectFrom('memberships')
    .selectAll()
    .where('id', '=', at.id)
    .where('project_id', '=', at.projectId)
    .where('team_id', '=', at.teamId)
    .executeTakeFirst();
  return raw === undefined ? null : memberCodec.decode(raw);
}

export function listMemberships(db: Database, at: TeamOf & { query: ListQuery }): Promise<Page<MembershipRow>> {
  const scope = [sql`project_id = ${at.projectId}`, sql`team_id = ${at.teamId}`];
  return listPage(
    db,
    { noun: 'Membership', table: 'memberships', scope, attributes: ofMembers, insertion: ['seq'], decode: memberCodec.decode },
    at.query,
  );
}

export async function listMembershipsOf(db: Database, at: UserOf): Promise<readonly MembershipRow[]> {
  const raws = await db
    .selectFrom('memberships')
    .selectAll()
    .where('project_id', '=', at.projectId)
    .where('user_id', '=', at.userId)
    .orderBy('seq')
    .execute();
  return raws.map(memberCodec.decode);
}

export async function deleteMembership(db: Database, at: TeamOf & { id: string }): Promise<boolean> {
  const result = await db
    .deleteFrom('memberships')
    .where('id', '=', at.id)
    .where('project_id', '=', at.projectId)
    .where('team_id', '=', at.teamId)
    .executeTakeFirst();
  return result.numDeletedRows > 0n;
}
