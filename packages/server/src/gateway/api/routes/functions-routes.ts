/** /v1/functions: the functions themselves, and what they may be made of. */
import { createRoute, z, type OpenAPIHono } from '@hono/zod-openapi';
import { functionAttributes } from '../../../domain/list-attributes.ts';
import { runtimes, specifications } from '../../../domain/contract/runtimes.ts';
import type { ApiEnv, ApiOptions } from '../api-context.ts';
import { openTo } from '../authorize.ts';
import { listParams, readList } from '../list-request.ts';
import { oneOf, pathId, text } from '../params.ts';
import { functionSchema } from '../resources.ts';
import { answers, jsonBody, noContent } from '../route-answers.ts';
import { viewFunction } from '../views/function-view.ts';
import { createFunctionBody, updateFunctionBody } from './function-bodies.ts';

const tags = ['functions'];
const params = z.object({ functionId: pathId('Id of the function') });
const functionList = z.object({ total: z.int(), functions: z.array(functionSchema) });

const create = createRoute({
  method: 'post',
  path: '/v1/functions',
  tags,
  summary: 'Create a function',
  ...openTo('functions.write'),
  request: { body: jsonBody(createFunctionBody) },
  responses: answers(201, functionSchema, 'The function'),
});
const list = createRoute({
  method: 'get',
  path: '/v1/functions',
  tags,
  summary: 'List functions',
  ...openTo('functions.read'),
  request: {
    query: z.object({
      ...listParams,
      search: text(0, 256).optional(),
      path: text(1, 128).optional().openapi({ description: 'Only the function with exactly this path' }),
    }),
  },
  responses: answers(200, functionList, 'A page of functions'),
});
const get = createRoute({
  method: 'get',
  path: '/v1/functions/{functionId}',
  tags,
  summary: 'Get a function',
  ...openTo('functions.read'),
  request: { params },
  responses: answers(200, functionSchema, 'The function'),
});
const update = createRoute({
  method: 'put',
  path: '/v1/functions/{functionId}',
  tags,
  summary: 'Replace the settings of a function',
  description:
    'Settings that are left out go back to their defaults; runtime, entrypoint, specifications and the settings beyond the Appwrite contract keep their values.',
  ...openTo('functions.write'),
  request: { params, body: jsonBody(updateFunctionBody) },
  responses: answers(200, functionSchema, 'The function'),
});
const remove = createRoute({
  method: 'delete',
  path: '/v1/functions/{functionId}',
  tags,
  summary: 'Delete a function with its deployments, variables and executions',
  ...openTo('functions.write'),
  request: { params },
  responses: noContent,
});

const runtimeResource = z.object({
  $id: z.string(),
  key: z.string(),
  name: z.string(),
  version: z.string(),
  base: z.string(),
  image: z.string(),
  logo: z.string(),
  supports: z.array(z.string()),
});
const listRuntimes = createRoute({
  method: 'get',
  path: '/v1/functions/runtimes',
  tags,
  summary: 'List the runtimes',
  security: [],
  responses: answers(200, z.object({ total: z.int(), runtimes: z.array(runtimeResource) }), 'All runtimes'),
});
const specificationResource = z.object({ memory: z.int(), cpus: z.number(), enabled: z.boolean(), slug: z.string() });
const listSpecifications = createRoute({
  method: 'get',
  path: '/v1/functions/specifications',
  tags,
  summary: 'List the specifications',
  ...openTo('functions.read'),
  request: { query: z.object({ type: oneOf(['runtimes', 'builds']).optional() }) },
  responses: answers(200, z.object({ total: z.int(), specifications: z.array(specificationResource) }), 'All specifications'),
});

export function addFunctionRoutes(app: OpenAPIHono<ApiEnv>, { functions }: Pick<ApiOptions, 'functions'>): void {
  // Fixed paths go first: they look like ids.
  app.openapi(listRuntimes, (c) =>
    c.json({ total: runtimes.length, runtimes: runtimes.map((runtime) => ({ ...runtime, supports: [...runtime.supports] })) }, 200),
  );
  app.openapi(listSpecifications, (c) =>
    c.json({ total: specifications.length, specifications: specifications.map((each) => ({ ...each, enabled: true })) }, 200),
  );

  app.openapi(create, async (c) => {
    const { functionId, ...input } = c.req.valid('json');
    return c.json(viewFunction(await functions.create(c.var.projectId, functionId, input)), 201);
  });
  app.openapi(list, async (c) => {
    const { search, path, total } = c.req.valid('query');
    if (path !== undefined) {
      const found = await functions.findByPath(c.var.projectId, path);
      return c.json({ total: found === null ? 0 : 1, functions: found === null ? [] : [viewFunction(found)] }, 200);
    }
    const page = await functions.list(c.var.projectId, readList(c, functionAttributes, total).query, search === '' ? undefined : search);
    return c.json({ total: page.total, functions: page.rows.map(viewFunction) }, 200);
  });
  app.openapi(get, async (c) => c.json(viewFunction(await functions.get(c.var.projectId, c.req.valid('param').functionId)), 200));
  app.openapi(update, async (c) =>
    c.json(viewFunction(await functions.update(c.var.projectId, c.req.valid('param').functionId, c.req.valid('json'))), 200),
  );
  app.openapi(remove, async (c) => {
    await functions.delete(c.var.projectId, c.req.valid('param').functionId);
    return c.body(null, 204);
  });
}
