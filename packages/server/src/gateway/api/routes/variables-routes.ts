/** Variables of functions and, as our addition, of the project: the same routes under two roots. */
import { createRoute, z, type OpenAPIHono } from '@hono/zod-openapi';
import { variableAttributes } from '../../../domain/list-attributes.ts';
import type { VariableOwner } from '../../../services/variables.ts';
import type { ApiContext, ApiEnv, ApiOptions } from '../api-context.ts';
import { openTo } from '../authorize.ts';
import { listParams, readList } from '../list-request.ts';
import { customId, pathId, strictBoolean, text } from '../params.ts';
import { variableSchema } from '../resources.ts';
import { answers, jsonBody, noContent } from '../route-answers.ts';
import { viewVariable } from '../views/variable-view.ts';

const createBody = z.object({
  variableId: customId().nullish().openapi({ description: 'Default: a fresh id' }),
  key: text(1, 255),
  value: text(0, 8192),
  secret: strictBoolean().nullish().openapi({ description: 'Default true: the value is sealed and never shown again' }),
});
const updateBody = z.object({ key: text(1, 255).nullish(), value: text(0, 8192).nullish(), secret: strictBoolean().nullish() });
const variableList = z.object({ total: z.int(), variables: z.array(variableSchema) });

interface Root {
  readonly path: '/v1/functions/{functionId}/variables' | '/v1/project/variables';
  readonly read: string;
  readonly write: string;
  readonly whose: string;
}

export function addVariableRoutes(app: OpenAPIHono<ApiEnv>, options: Pick<ApiOptions, 'variables'>): void {
  addRoot(app, options, {
    path: '/v1/functions/{functionId}/variables',
    read: 'functions.read',
    write: 'functions.write',
    whose: 'the function',
  });
  addRoot(app, options, { path: '/v1/project/variables', read: 'project.read', write: 'project.write', whose: 'the project' });
}

function addRoot(app: OpenAPIHono<ApiEnv>, { variables }: Pick<ApiOptions, 'variables'>, root: Root): void {
  const routes = describeRoutes(root);
  app.openapi(routes.create, async (c) => {
    const { variableId, key, value, secret } = c.req.valid('json');
    return c.json(
      viewVariable(await variables.create(ownerOf(c), variableId ?? 'unique()', { key, value, secret: secret ?? undefined })),
      201,
    );
  });
  app.openapi(routes.list, async (c) => {
    const page = await variables.list(ownerOf(c), readList(c, variableAttributes, c.req.valid('query').total).query);
    return c.json({ total: page.total, variables: page.rows.map(viewVariable) }, 200);
  });
  app.openapi(routes.get, async (c) => c.json(viewVariable(await variables.get(ownerOf(c), c.req.valid('param').variableId)), 200));
  app.openapi(routes.update, async (c) => {
    const { key, value, secret } = c.req.valid('json');
    const input = { key: key ?? undefined, value: value ?? undefined, secret: secret ?? undefined };
    return c.json(viewVariable(await variables.update(ownerOf(c), c.req.valid('param').variableId, input)), 200);
  });
  app.openapi(routes.remove, async (c) => {
    await variables.delete(ownerOf(c), c.req.valid('param').variableId);
    return c.body(null, 204);
  });
}

function describeRoutes({ path, read, write, whose }: Root) {
  const tags = ['variables'];
  const rootParams = path === '/v1/project/variables' ? z.object({}) : z.object({ functionId: pathId('Id of the function') });
  const params = rootParams.extend({ variableId: pathId('Id of the variable') });
  return {
    create: createRoute({
      method: 'post',
      path,
      tags,
      summary: `Create a variable of ${whose}`,
      ...openTo(write),
      request: { params: rootParams, body: jsonBody(createBody) },
      responses: answers(201, variableSchema, 'The variable'),
    }),
    list: createRoute({
      method: 'get',
      path,
      tags,
      summary: `List the variables of ${whose}`,
      ...openTo(read),
      request: { params: rootParams, query: z.object(listParams) },
      responses: answers(200, variableList, 'A page of variables'),
    }),
    get: createRoute({
      method: 'get',
      path: `${path}/{variableId}`,
      tags,
      summary: `Get a variable of ${whose}`,
      ...openTo(read),
      request: { params },
      responses: answers(200, variableSchema, 'The variable'),
    }),
    update: createRoute({
      method: 'put',
      path: `${path}/{variableId}`,
      tags,
      summary: `Change a variable of ${whose}`,
      ...openTo(write),
      request: { params, body: jsonBody(updateBody) },
      responses: answers(200, variableSchema, 'The variable'),
    }),
    remove: createRoute({
      method: 'delete',
      path: `${path}/{variableId}`,
      tags,
      summary: `Delete a variable of ${whose}`,
      ...openTo(write),
      request: { params },
      responses: noContent,
    }),
  };
}

function ownerOf(c: ApiContext): VariableOwner {
  return { projectId: c.var.projectId, functionId: c.req.param('functionId') ?? null };
}
