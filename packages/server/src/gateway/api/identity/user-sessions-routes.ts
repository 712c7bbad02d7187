/** Sessions, tokens and memberships of a user, for keys. */
import { createRoute, z, type OpenAPIHono } from '@hono/zod-openapi';
import { encodeSession } from '../../../domain/identity/session-secret.ts';
import type { ApiContext, ApiEnv, ApiOptions } from '../api-context.ts';
import { openTo } from '../authorize.ts';
import { idInBody, pathId } from '../params.ts';
import { answers, jsonBody, noContent } from '../route-answers.ts';
import {
  duration,
  membershipList,
  sessionList,
  sessionSchema,
  TOKEN_SECONDS,
  tokenSchema,
  userParams as params,
} from './identity-schemas.ts';
import { viewMembership, viewSession } from './identity-views.ts';

const tags = ['users'];

const list = createRoute({
  method: 'get',
  path: '/v1/users/{userId}/sessions',
  tags,
  summary: 'List the sessions of a user',
  ...openTo('users.read'),
  request: { params },
  responses: answers(200, sessionList, 'All sessions'),
});
const create = createRoute({
  method: 'post',
  path: '/v1/users/{userId}/sessions',
  tags,
  summary: 'Create a session of a user',
  description: 'The answer is the only place that shows the secret.',
  ...openTo('users.write'),
  request: { params },
  responses: answers(201, sessionSchema, 'The session with its secret'),
});
const removeAll = createRoute({
  method: 'delete',
  path: '/v1/users/{userId}/sessions',
  tags,
  summary: 'End all sessions of a user',
  ...openTo('users.write'),
  request: { params },
  responses: noContent,
});
const remove = createRoute({
  method: 'delete',
  path: '/v1/users/{userId}/sessions/{sessionId}',
  tags,
  summary: 'End a session of a user',
  ...openTo('users.write'),
  request: { params: params.extend({ sessionId: pathId('Id of the session') }) },
  responses: noContent,
});
const createToken = createRoute({
  method: 'post',
  path: '/v1/users/{userId}/jwts',
  tags,
  summary: 'Create a short token of a user',
  description: 'Without a session the token is good until it expires, or until the user is blocked or deleted.',
  ...openTo('users.write'),
  request: { params, body: jsonBody(z.object({ sessionId: idInBody().nullish(), duration: duration() })) },
  responses: answers(201, tokenSchema, 'The token'),
});
const memberships = createRoute({
  method: 'get',
  path: '/v1/users/{userId}/memberships',
  tags,
  summary: 'List the memberships of a user',
  ...openTo('users.read'),
  request: { params },
  responses: answers(200, membershipList, 'All memberships'),
});

export function addUserSessionsRoutes(app: OpenAPIHono<ApiEnv>, { identity }: ApiOptions): void {
  const { users, sessions, teams } = identity;
  /** @throws {PlatformError} `user_not_found` */
  const ownerOf = async (c: ApiContext) => {
    const row = await users.get(c.var.projectId, c.req.param('userId') ?? '');
    return { projectId: row.projectId, userId: row.id };
  };

  app.openapi(list, async (c) => {
    const all = (await sessions.list(await ownerOf(c))).map((row) => viewSession(row, { current: false }));
    return c.json({ total: all.length, sessions: all }, 200);
  });
  app.openapi(create, async (c) => {
    const owner = await ownerOf(c);
    const facts = { ip: c.env.clientIp, userAgent: c.req.header('user-agent') ?? '' };
    const { row, secret } = await sessions.create({ ...owner, ...facts, provider: 'server' });
    c.header('Cache-Control', 'no-store');
    return c.json(viewSession(row, { current: false, secret: encodeSession(row.userId, secret) }), 201);
  });
  app.openapi(removeAll, async (c) => {
    await sessions.deleteAll(await ownerOf(c));
    return c.body(null, 204);
  });
  app.openapi(remove, async (c) => {
    await sessions.delete(await ownerOf(c), c.req.valid('param').sessionId);
    return c.body(null, 204);
  });
  app.openapi(createToken, async (c) => {
    const owner = await ownerOf(c);
    const { sessionId, duration: seconds } = c.req.valid('json');
    const session = sessionId === null || sessionId === undefined ? null : await sessions.get(owner, sessionId);
    c.header('Cache-Control', 'no-store');
    return c.json({ jwt: await sessions.token(owner, session?.id ?? null, seconds ?? TOKEN_SECONDS) }, 201);
  });
  app.openapi(memberships, async (c) => {
    const user = await users.get(c.var.projectId, c.req.valid('param').userId);
    const rows = await teams.membershipsOf(c.var.projectId, user.id);
    const views = await Promise.all(
      rows.map(async (row) => viewMembership(row, (await teams.get(row.projectId, row.teamId)).row.name, user)),
    );
    return c.json({ total: views.length, memberships: views }, 200);
  });
}
