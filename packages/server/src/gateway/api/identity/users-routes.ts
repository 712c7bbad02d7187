/** /v1/users: the users of the project, for keys. */
import { createRoute, z, type OpenAPIHono } from '@hono/zod-openapi';
import { userAttributes } from '../../../domain/list-attributes.ts';
import type { UserEdit } from '../../../services/identity/users.ts';
import type { ApiContext, ApiEnv, ApiOptions } from '../api-context.ts';
import { openTo } from '../authorize.ts';
import { listParams, readList } from '../list-request.ts';
import { strictBoolean, text } from '../params.ts';
import { answers, jsonBody, noContent } from '../route-answers.ts';
import { email, labels, password, personName, prefs, userId, userParams as params, userSchema } from './identity-schemas.ts';
import { viewUser } from './identity-views.ts';

const tags = ['users'];
const one = answers(200, userSchema, 'The user');

const create = createRoute({
  method: 'post',
  path: '/v1/users',
  tags,
  summary: 'Create a user',
  ...openTo('users.write'),
  request: {
    body: jsonBody(z.object({ userId: userId(), email: email().nullish(), password: password().nullish(), name: personName().nullish() })),
  },
  responses: answers(201, userSchema, 'The user'),
});
const list = createRoute({
  method: 'get',
  path: '/v1/users',
  tags,
  summary: 'List users',
  ...openTo('users.read'),
  request: { query: z.object({ ...listParams, search: text(0, 256).optional() }) },
  responses: answers(200, z.object({ total: z.int(), users: z.array(userSchema) }), 'A page of users'),
});
const get = createRoute({
  method: 'get',
  path: '/v1/users/{userId}',
  tags,
  summary: 'Get a user',
  ...openTo('users.read'),
  request: { params },
  responses: one,
});
const getPrefs = createRoute({
  method: 'get',
  path: '/v1/users/{userId}/prefs',
  tags,
  summary: 'Get the preferences of a user',
  ...openTo('users.read'),
  request: { params },
  responses: answers(200, z.record(z.string(), z.unknown()), 'The preferences'),
});
const remove = createRoute({
  method: 'delete',
  path: '/v1/users/{userId}',
  tags,
  summary: 'Delete a user with sessions and memberships; records of executions no longer name the user',
  ...openTo('users.write'),
  request: { params },
  responses: noContent,
});

export function addUsersRoutes(app: OpenAPIHono<ApiEnv>, options: ApiOptions): void {
  const { users } = options.identity;
  app.openapi(create, async (c) => {
    const input = c.req.valid('json');
    const row = await users.create(c.var.projectId, {
      id: input.userId,
      email: input.email ?? undefined,
      password: input.password ?? undefined,
      name: input.name ?? undefined,
    });
    return c.json(viewUser(row), 201);
  });
  app.openapi(list, async (c) => {
    const { search, total } = c.req.valid('query');
    const page = await users.list(c.var.projectId, readList(c, userAttributes, total).query, search);
    return c.json({ total: page.total, users: page.rows.map(viewUser) }, 200);
  });
  app.openapi(get, async (c) => c.json(viewUser(await users.get(c.var.projectId, c.req.valid('param').userId)), 200));
  app.openapi(getPrefs, async (c) => c.json({ ...(await users.get(c.var.projectId, c.req.valid('param').userId)).prefs }, 200));
  app.openapi(remove, async (c) => {
    await users.delete(c.var.projectId, c.req.valid('param').userId);
    return c.body(null, 204);
  });
  addEdits(app, options);
}

/** The contract has a route for each fact. */
function addEdits(app: OpenAPIHono<ApiEnv>, { identity }: ApiOptions): void {
  const edit = async (c: ApiContext, change: UserEdit) =>
    c.json(viewUser(await identity.users.update(c.var.projectId, c.req.param('userId') ?? '', change)), 200);

  app.openapi(editRoute('patch', 'name', { summary: 'Rename a user', shape: { name: personName() } }), async (c) =>
    edit(c, { name: c.req.valid('json').name }),
  );
  app.openapi(editRoute('patch', 'email', { summary: 'Change the e-mail address of a user', shape: { email: email() } }), async (c) =>
    edit(c, { email: c.req.valid('json').email }),
  );
  app.openapi(
    editRoute('patch', 'password', { summary: 'Set the password of a user; every session ends', shape: { password: password() } }),
    async (c) => edit(c, { password: c.req.valid('json').password }),
  );
  app.openapi(
    editRoute('patch', 'status', { summary: 'Block a user, which ends every session, or unblock', shape: { status: strictBoolean() } }),
    async (c) => edit(c, { blocked: !c.req.valid('json').status }),
  );
  app.openapi(
    editRoute('patch', 'verification', {
      summary: 'Say whether the e-mail address is verified',
      shape: { emailVerification: strictBoolean() },
    }),
    async (c) => edit(c, { emailVerified: c.req.valid('json').emailVerification }),
  );
  app.openapi(editRoute('patch', 'prefs', { summary: 'Replace the preferences of a user', shape: { prefs: prefs() } }), async (c) =>
    edit(c, { prefs: c.req.valid('json').prefs }),
  );
  app.openapi(editRoute('put', 'labels', { summary: 'Replace the labels of a user', shape: { labels: labels() } }), async (c) =>
    edit(c, { labels: [...new Set(c.req.valid('json').labels)] }),
  );
}

function editRoute<const Fact extends string, Shape extends z.ZodRawShape>(
  method: 'patch' | 'put',
  fact: Fact,
  { summary, shape }: { summary: string; shape: Shape },
) {
  return createRoute({
    method,
    path: `/v1/users/{userId}/${fact}`,
    tags,
    summary,
    ...openTo('users.write'),
    request: { params, body: jsonBody(z.object(shape)) },
    responses: one,
  });
}
