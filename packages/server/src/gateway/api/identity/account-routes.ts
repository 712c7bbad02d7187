/** /v1/account: what callers do with their own account. */
import { PlatformError } from '@martlet/protocol';
import { createRoute, z, type OpenAPIHono } from '@hono/zod-openapi';
import type { UserPrincipal } from '../../../domain/principal.ts';
import { addressBucket } from '../../../services/identity/rate-limiter.ts';
import type { ApiContext, ApiEnv, ApiOptions } from '../api-context.ts';
import { openTo } from '../authorize.ts';
import { answers, jsonBody } from '../route-answers.ts';
import { duration, email, password, personName, prefs, TOKEN_SECONDS, tokenSchema, userId, userSchema } from './identity-schemas.ts';
import { viewUser } from './identity-views.ts';
import { perHour, perMinute, spend } from './spend.ts';

const tags = ['account'];
const user = answers(200, userSchema, 'The user who asks');

const create = createRoute({
  method: 'post',
  path: '/v1/account',
  tags,
  summary: 'Create an account with e-mail and password',
  ...openTo('sessions.write'),
  request: { body: jsonBody(z.object({ userId: userId(), email: email(), password: password(), name: personName().nullish() })) },
  responses: answers(201, userSchema, 'The user'),
});
const get = createRoute({
  method: 'get',
  path: '/v1/account',
  tags,
  summary: 'Get the user who asks',
  ...openTo('account'),
  responses: user,
});
const rename = createRoute({
  method: 'patch',
  path: '/v1/account/name',
  tags,
  summary: 'Change the own name',
  ...openTo('account'),
  request: { body: jsonBody(z.object({ name: personName() })) },
  responses: user,
});
const setPassword = createRoute({
  method: 'patch',
  path: '/v1/account/password',
  tags,
  summary: 'Change the own password; every session ends',
  ...openTo('account'),
  request: { body: jsonBody(z.object({ password: password(), oldPassword: z.string().max(256).nullish() })) },
  responses: user,
});
const getPrefs = createRoute({
  method: 'get',
  path: '/v1/account/prefs',
  tags,
  summary: 'Get the own preferences',
  ...openTo('account'),
  responses: answers(200, z.record(z.string(), z.unknown()), 'The preferences'),
});
const setPrefs = createRoute({
  method: 'patch',
  path: '/v1/account/prefs',
  tags,
  summary: 'Replace the own preferences',
  ...openTo('account'),
  request: { body: jsonBody(z.object({ prefs: prefs() })) },
  responses: user,
});
const createToken = (path: '/v1/account/jwts' | '/v1/account/jwt') =>
  createRoute({
    method: 'post',
    path,
    tags,
    summary: 'Create a short token of the own session',
    ...openTo('account'),
    request: { body: jsonBody(z.object({ duration: duration() })) },
    responses: answers(201, tokenSchema, 'The token'),
  });

export function addAccountRoutes(app: OpenAPIHono<ApiEnv>, options: ApiOptions): void {
  const { users, sessions } = options.identity;
  const limits = options.limits;

  app.openapi(create, async (c) => {
    const { userId: id, email: address, password: secret, name } = c.req.valid('json');
    spend(c, options, { bucket: `account ${addressBucket(c.env.clientIp)}`, rate: perHour(limits.accountsPerHour) });
    // An id that a guest chooses could be that of a user whom the issuer has yet to send.
    if (
      id !== 'unique()' &&
      !GENERATED_ID.test(id) &&
      c.var.principal.kind !== 'key' &&
      (await options.identity.issuers.find(c.var.projectId)) !== null
    )
      throw new PlatformError(
        'general_argument_invalid',
        'Invalid `userId` param: Value must be "unique()" in a project that trusts an issuer',
      );
    const row = await users.create(c.var.projectId, { id, email: address, password: secret, name: name ?? undefined });
    return c.json(viewUser(row), 201);
  });

  app.openapi(get, async (c) => c.json(viewUser(await users.get(c.var.projectId, ownUser(c).userId)), 200));
  app.openapi(rename, async (c) =>
    c.json(viewUser(await users.update(c.var.projectId, ownUser(c).userId, { name: c.req.valid('json').name })), 200),
  );
  app.openapi(getPrefs, async (c) => c.json({ ...(await users.get(c.var.projectId, ownUser(c).userId)).prefs }, 200));
  app.openapi(setPrefs, async (c) =>
    c.json(viewUser(await users.update(c.var.projectId, ownUser(c).userId, { prefs: c.req.valid('json').prefs })), 200),
  );

  app.openapi(setPassword, async (c) => {
    const { password: fresh, oldPassword } = c.req.valid('json');
    const own = ownUser(c);
    const row = await users.get(c.var.projectId, own.userId);
    if (row.issuer !== null)
      throw new PlatformError('general_bad_request', 'Cannot set a password: the user signs in with the trusted issuer.');
    if (row.passwordHash !== null) {
      spend(c, options, { bucket: `password ${own.userId}`, rate: perHour(limits.signInsPerHour) });
      await sessions.signIn(c.var.projectId, row.email ?? '', oldPassword ?? '');
    }
    return c.json(viewUser(await users.update(c.var.projectId, own.userId, { password: fresh })), 200);
  });

  for (const path of ['/v1/account/jwts', '/v1/account/jwt'] as const)
    app.openapi(createToken(path), async (c) => {
      const own = ownUser(c);
      if (own.proof !== 'session')
        throw new PlatformError(
          'user_jwt_creation_denied',
          'A JWT cannot be created from a request authorized with a JWT. Authenticate with a session cookie or session header instead.',
        );
      spend(c, options, { bucket: `token ${own.userId}`, rate: perMinute(limits.tokensPerMinute) });
      const jwt = await sessions.token(own, own.sessionId, c.req.valid('json').duration ?? TOKEN_SECONDS);
      return c.json({ jwt }, 201);
    });
}

/** As the clients of the contract make them by themselves. */
const GENERATED_ID = /^[0-9a-f]{20}$/;

/** Only users hold the scope `account`. */
export function ownUser(c: ApiContext): UserPrincipal {
  const { principal } = c.var;
  if (principal.kind !== 'user') throw new PlatformError('general_unauthorized_scope', 'User (role: guests) missing scopes (["account"])');
  return principal;
}
