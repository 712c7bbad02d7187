/** /v1/keys: API keys of the project. */
import { PlatformError } from '@martlet/protocol';
import { createRoute, z, type OpenAPIHono } from '@hono/zod-openapi';
import { parseDate } from '../../../domain/contract/dates.ts';
import { keyAttributes } from '../../../domain/list-attributes.ts';
import type { Principal } from '../../../domain/principal.ts';
import type { ApiEnv, ApiOptions } from '../api-context.ts';
import { openTo } from '../authorize.ts';
import { listParams, readList } from '../list-request.ts';
import { customId, keyScopeList, pathId, text } from '../params.ts';
import { keySchema } from '../resources.ts';
import { answers, jsonBody, noContent } from '../route-answers.ts';
import { viewKey } from '../views/key-view.ts';

const tags = ['keys'];
const params = z.object({ keyId: pathId('Id of the key') });
const DATE = 'Value must be a valid date in ISO 8601 format';

const createBody = z.object({
  keyId: customId().nullish().openapi({ description: 'Default: a fresh id' }),
  name: text(1, 128),
  scopes: keyScopeList(),
  expire: z
    .string(DATE)
    .refine((date) => date === '' || parseDate(date) !== undefined, DATE)
    .nullish()
    .openapi({ description: 'Default: never' }),
});

const create = createRoute({
  method: 'post',
  path: '/v1/keys',
  tags,
  summary: 'Create a key',
  description: 'The answer is the only place that shows the secret.',
  ...openTo('keys.write'),
  request: { body: jsonBody(createBody) },
  responses: answers(201, keySchema, 'The key with its secret'),
});
const list = createRoute({
  method: 'get',
  path: '/v1/keys',
  tags,
  summary: 'List keys',
  ...openTo('keys.read'),
  request: { query: z.object(listParams) },
  responses: answers(200, z.object({ total: z.int(), keys: z.array(keySchema) }), 'A page of keys'),
});
const get = createRoute({
  method: 'get',
  path: '/v1/keys/{keyId}',
  tags,
  summary: 'Get a key',
  ...openTo('keys.read'),
  request: { params },
  responses: answers(200, keySchema, 'The key'),
});
const remove = createRoute({
  method: 'delete',
  path: '/v1/keys/{keyId}',
  tags,
  summary: 'Delete a key; it stops working at once',
  ...openTo('keys.write'),
  request: { params },
  responses: noContent,
});

export function addKeyRoutes(app: OpenAPIHono<ApiEnv>, { keys }: Pick<ApiOptions, 'keys'>): void {
  app.openapi(create, async (c) => {
    const { keyId, name, scopes, expire } = c.req.valid('json');
    assertGrantable(c.var.principal, scopes);
    const id = keyId === null || keyId === 'unique()' ? undefined : keyId;
    const expiresAt = expire === null || expire === undefined || expire === '' ? null : (parseDate(expire) ?? null);
    const { row, secret } = await keys.create(c.var.projectId, { id, name, scopes, expiresAt });
    return c.json(viewKey(row, secret), 201);
  });
  app.openapi(list, async (c) => {
    const page = await keys.list(c.var.projectId, readList(c, keyAttributes, c.req.valid('query').total).query);
    return c.json({ total: page.total, keys: page.rows.map((row) => viewKey(row)) }, 200);
  });
  app.openapi(get, async (c) => c.json(viewKey(await keys.get(c.var.projectId, c.req.valid('param').keyId)), 200));
  app.openapi(remove, async (c) => {
    await keys.delete(c.var.projectId, c.req.valid('param').keyId);
    return c.body(null, 204);
  });
}

/** A key may not make another one that can do more than itself. */
function assertGrantable(principal: Principal, scopes: readonly string[]): void {
  const own: ReadonlySet<string> = principal.kind === 'key' || principal.kind === 'execution' ? principal.scopes : new Set();
  const beyond = scopes.filter((scope) => !own.has(scope));
  if (beyond.length > 0)
    throw new PlatformError(
      'general_unauthorized_scope',
      `Cannot grant ${beyond.join(', ')}: the key that asks does not have ${beyond.length === 1 ? 'that scope' : 'those scopes'} itself.`,
    );
}
