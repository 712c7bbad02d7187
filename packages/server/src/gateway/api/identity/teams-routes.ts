/** /v1/teams: teams and their members, for keys. */
import { createRoute, z, type OpenAPIHono } from '@hono/zod-openapi';
import { rolesProblem } from '../../../domain/contract/execute-roles.ts';
import { membershipAttributes, teamAttributes } from '../../../domain/list-attributes.ts';
import type { MembershipRow } from '../../../ports/store/user-store.ts';
import type { ApiEnv, ApiOptions } from '../api-context.ts';
import { openTo } from '../authorize.ts';
import { listParams, readList } from '../list-request.ts';
import { checkedList, customId, idInBody, pathId, text } from '../params.ts';
import { answers, jsonBody, noContent } from '../route-answers.ts';
import { membershipList, membershipSchema, teamSchema } from './identity-schemas.ts';
import { viewMembership, viewTeam } from './identity-views.ts';

const tags = ['teams'];
const params = z.object({ teamId: pathId('Id of the team') });
const memberParams = params.extend({ membershipId: pathId('Id of the membership') });

const create = createRoute({
  method: 'post',
  path: '/v1/teams',
  tags,
  summary: 'Create a team',
  ...openTo('teams.write'),
  request: { body: jsonBody(z.object({ teamId: customId(), name: text(1, 128) })) },
  responses: answers(201, teamSchema, 'The team'),
});
const list = createRoute({
  method: 'get',
  path: '/v1/teams',
  tags,
  summary: 'List teams',
  ...openTo('teams.read'),
  request: { query: z.object(listParams) },
  responses: answers(200, z.object({ total: z.int(), teams: z.array(teamSchema) }), 'A page of teams'),
});
const get = createRoute({
  method: 'get',
  path: '/v1/teams/{teamId}',
  tags,
  summary: 'Get a team',
  ...openTo('teams.read'),
  request: { params },
  responses: answers(200, teamSchema, 'The team'),
});
const remove = createRoute({
  method: 'delete',
  path: '/v1/teams/{teamId}',
  tags,
  summary: 'Delete a team with its memberships',
  ...openTo('teams.write'),
  request: { params },
  responses: noContent,
});

const ROLES = 'Value must a valid array no longer than 100 items and each role must be one that `team:<id>/<role>` can name';
const memberRoles = () =>
  checkedList(
    (roles) =>
      rolesProblem(roles.map((role) => `team:t/${role}`)) === undefined && roles.every((role) => !role.includes('/')) ? undefined : ROLES,
    ROLES,
  );
const addMember = createRoute({
  method: 'post',
  path: '/v1/teams/{teamId}/memberships',
  tags,
  summary: 'Make a user a member of a team',
  ...openTo('teams.write'),
  request: { params, body: jsonBody(z.object({ userId: idInBody(), roles: memberRoles() })) },
  responses: answers(201, membershipSchema, 'The membership'),
});
const listMembers = createRoute({
  method: 'get',
  path: '/v1/teams/{teamId}/memberships',
  tags,
  summary: 'List the members of a team',
  ...openTo('teams.read'),
  request: { params, query: z.object(listParams) },
  responses: answers(200, membershipList, 'A page of memberships'),
});
const getMember = createRoute({
  method: 'get',
  path: '/v1/teams/{teamId}/memberships/{membershipId}',
  tags,
  summary: 'Get a membership',
  ...openTo('teams.read'),
  request: { params: memberParams },
  responses: answers(200, membershipSchema, 'The membership'),
});
const removeMember = createRoute({
  method: 'delete',
  path: '/v1/teams/{teamId}/memberships/{membershipId}',
  tags,
  summary: 'Take a user out of a team',
  ...openTo('teams.write'),
  request: { params: memberParams },
  responses: noContent,
});

export function addTeamsRoutes(app: OpenAPIHono<ApiEnv>, { identity }: ApiOptions): void {
  const { teams, users } = identity;
  app.openapi(create, async (c) => {
    const { teamId, name } = c.req.valid('json');
    return c.json(viewTeam(await teams.create(c.var.projectId, teamId, name)), 201);
  });
  app.openapi(list, async (c) => {
    const page = await teams.list(c.var.projectId, readList(c, teamAttributes, c.req.valid('query').total).query);
    return c.json({ total: page.total, teams: page.rows.map(viewTeam) }, 200);
  });
  app.openapi(get, async (c) => c.json(viewTeam(await teams.get(c.var.projectId, c.req.valid('param').teamId)), 200));
  app.openapi(remove, async (c) => {
    await teams.delete(c.var.projectId, c.req.valid('param').teamId);
    return c.body(null, 204);
  });

  const show = async (row: MembershipRow, team: string) =>
    viewMembership(row, team, (await users.list(row.projectId, byId(row.userId))).rows[0] ?? null);
  app.openapi(addMember, async (c) => {
    const { teamId } = c.req.valid('param');
    const row = await teams.addMember(c.var.projectId, teamId, c.req.valid('json'));
    return c.json(await show(row, (await teams.get(c.var.projectId, teamId)).row.name), 201);
  });
  app.openapi(listMembers, async (c) => {
    const team = await teams.get(c.var.projectId, c.req.valid('param').teamId);
    const page = await teams.listMembers(c.var.projectId, team.row.id, readList(c, membershipAttributes, c.req.valid('query').total).query);
    return c.json({ total: page.total, memberships: await Promise.all(page.rows.map((row) => show(row, team.row.name))) }, 200);
  });
  app.openapi(getMember, async (c) => {
    const { teamId, membershipId } = c.req.valid('param');
    const row = await teams.getMember(c.var.projectId, teamId, membershipId);
    return c.json(await show(row, (await teams.get(c.var.projectId, teamId)).row.name), 200);
  });
  app.openapi(removeMember, async (c) => {
    const { teamId, membershipId } = c.req.valid('param');
    await teams.removeMember(c.var.projectId, teamId, membershipId);
    return c.body(null, 204);
  });
}

/** A member may be gone by the time that it is shown. */
const byId = (id: string) => ({
  filters: [{ kind: 'equal' as const, attribute: '$id', values: [id] }],
  order: [],
  limit: 1,
  offset: 0,
  withTotal: false,
});
