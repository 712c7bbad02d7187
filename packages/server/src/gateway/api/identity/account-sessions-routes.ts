/** /v1/account/sessions: signing in and out. */
import { PlatformError } from '@martlet/protocol';
import { createRoute, z, type OpenAPIHono } from '@hono/zod-openapi';
import { addressBucket } from '../../../services/identity/rate-limiter.ts';
import type { ApiContext, ApiEnv, ApiOptions } from '../api-context.ts';
import { openTo } from '../authorize.ts';
import { pathId } from '../params.ts';
import { answers, jsonBody, noContent } from '../route-answers.ts';
import { ownUser } from './account-routes.ts';
import { email, sessionList, sessionSchema } from './identity-schemas.ts';
import { viewSession } from './identity-views.ts';
import { answerSession, forgetSession } from './session-answer.ts';
import { perHour, spend } from './spend.ts';

const tags = ['account'];
const made = answers(201, sessionSchema, 'The session; its secret is in the cookies');
const params = z.object({ sessionId: pathId('Id of the session, or `current`') });
/** From all addresses together, so that many of them cannot try one account as often as they like. */
const SIGN_INS_FROM_ALL = 10;

const createAnonymous = createRoute({
  method: 'post',
  path: '/v1/account/sessions/anonymous',
  tags,
  summary: 'Sign in as a new user without a name',
  ...openTo('sessions.write'),
  responses: made,
});
const createByEmail = (path: '/v1/account/sessions/email' | '/v1/account/sessions') =>
  createRoute({
    method: 'post',
    path,
    tags,
    summary: 'Sign in with e-mail and password',
    ...openTo('sessions.write'),
    request: {
      body: jsonBody(
        z.object({ email: email(), password: z.string('Value must be a valid string').max(256, 'Value must be no longer than 256 chars') }),
      ),
    },
    responses: made,
  });
const list = createRoute({
  method: 'get',
  path: '/v1/account/sessions',
  tags,
  summary: 'List the own sessions',
  ...openTo('account'),
  responses: answers(200, sessionList, 'All sessions'),
});
const get = createRoute({
  method: 'get',
  path: '/v1/account/sessions/{sessionId}',
  tags,
  summary: 'Get an own session',
  ...openTo('account'),
  request: { params },
  responses: answers(200, sessionSchema, 'The session'),
});
const removeAll = createRoute({
  method: 'delete',
  path: '/v1/account/sessions',
  tags,
  summary: 'End all own sessions',
  ...openTo('account'),
  responses: noContent,
});
const remove = createRoute({
  method: 'delete',
  path: '/v1/account/sessions/{sessionId}',
  tags,
  summary: 'End an own session; `current` signs out',
  ...openTo('account'),
  request: { params },
  responses: noContent,
});

export function addAccountSessionsRoutes(app: OpenAPIHono<ApiEnv>, options: ApiOptions): void {
  const { users, sessions, rates } = options.identity;
  const { limits } = options;
  const facts = (c: ApiContext) => ({ projectId: c.var.projectId, ip: c.env.clientIp, userAgent: c.req.header('user-agent') ?? '' });

  app.openapi(createAnonymous, async (c) => {
    assertSignedOut(c);
    spend(c, options, { bucket: `anonymous ${addressBucket(c.env.clientIp)}`, rate: perHour(limits.anonymousSessionsPerHour) });
    const row = await users.create(c.var.projectId, { id: 'unique()' });
    return c.json(answerSession(c, await sessions.create({ ...facts(c), userId: row.id, provider: 'anonymous' })), 201);
  });

  for (const path of ['/v1/account/sessions/email', '/v1/account/sessions'] as const)
    app.openapi(createByEmail(path), async (c) => {
      assertSignedOut(c);
      const { email: address, password } = c.req.valid('json');
      const who = address.trim().toLowerCase();
      const bucket = `sign-in ${addressBucket(c.env.clientIp)} ${who}`;
      spend(c, options, { bucket: `sign-in ${who}`, rate: perHour(limits.signInsPerHour * SIGN_INS_FROM_ALL) });
      spend(c, options, { bucket, rate: perHour(limits.signInsPerHour) });
      const row = await sessions.signIn(c.var.projectId, address, password);
      rates.forget(`${c.var.projectId} ${bucket}`);
      return c.json(answerSession(c, await sessions.create({ ...facts(c), userId: row.id, provider: 'email' })), 201);
    });

  app.openapi(list, async (c) => {
    const own = ownUser(c);
    const all = (await sessions.list(own)).map((row) => viewSession(row, { current: row.id === own.sessionId }));
    return c.json({ total: all.length, sessions: all }, 200);
  });
  app.openapi(get, async (c) => {
    const own = ownUser(c);
    const row = await sessions.get(own, sessionIdOf(c));
    return c.json(viewSession(row, { current: row.id === own.sessionId }), 200);
  });
  app.openapi(remove, async (c) => {
    const own = ownUser(c);
    const id = sessionIdOf(c);
    await sessions.delete(own, id);
    if (id === own.sessionId) forgetSession(c, own.projectId);
    return c.body(null, 204);
  });
  app.openapi(removeAll, async (c) => {
    await sessions.deleteAll(ownUser(c));
    forgetSession(c, c.var.projectId);
    return c.body(null, 204);
  });
}

function assertSignedOut(c: ApiContext): void {
  if (c.var.principal.kind === 'user')
    throw new PlatformError('user_session_already_exists', 'Creation of a session is prohibited when a session is active.');
}

/** A token without a session has no current one. */
function sessionIdOf(c: ApiContext): string {
  const id = c.req.param('sessionId') ?? '';
  return id === 'current' ? (ownUser(c).sessionId ?? '') : id;
}
