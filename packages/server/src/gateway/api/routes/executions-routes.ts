/** Executions: of one function as in the contract, and of the whole project as our addition. */
import type { ExecutionResource } from '@martlet/protocol';
import { createRoute, z, type OpenAPIHono } from '@hono/zod-openapi';
import { executionAttributes } from '../../../domain/list-attributes.ts';
import { actsForProject } from '../../../domain/principal-scopes.ts';
import type { NewExecution, WaitedExecution } from '../../../services/executions.ts';
import type { PendingExecution } from '../../../services/invoke/invoke.ts';
import type { ApiContext, ApiEnv, ApiOptions } from '../api-context.ts';
import { openTo } from '../authorize.ts';
import { acceptsForm, bodyAsText, formAnswer } from '../answers/execution-answer.ts';
import { listParams, readList } from '../list-request.ts';
import { looseBoolean, pathId } from '../params.ts';
import { executionSchema } from '../resources.ts';
import { answers, failure, noContent } from '../route-answers.ts';
import { viewExecution } from '../views/execution-view.ts';
import { executionBody, readExecutionRequest } from './execution-request.ts';

const tags = ['executions'];
const READ = ['executions.read', 'execution.read'] as const;
const WRITE = ['executions.write', 'execution.write'] as const;
const functionId = pathId('Id of the function');
const executionId = pathId('Id of the execution');
const executionList = z.object({ total: z.int(), executions: z.array(executionSchema) });
const one = answers(200, executionSchema, 'The execution');
const page = answers(200, executionList, 'A page of executions, without their logs');

const list = createRoute({
  method: 'get',
  path: '/v1/functions/{functionId}/executions',
  tags,
  summary: 'List the executions of a function',
  ...openTo(READ),
  request: { params: z.object({ functionId }), query: z.object(listParams) },
  responses: page,
});
const get = createRoute({
  method: 'get',
  path: '/v1/functions/{functionId}/executions/{executionId}',
  tags,
  summary: 'Get an execution of a function',
  ...openTo(READ),
  request: { params: z.object({ functionId, executionId }) },
  responses: one,
});
const remove = createRoute({
  method: 'delete',
  path: '/v1/functions/{functionId}/executions/{executionId}',
  tags,
  summary: 'Delete the record of an execution that has ended',
  ...openTo(WRITE),
  request: { params: z.object({ functionId, executionId }) },
  responses: noContent,
});
const cancel = createRoute({
  method: 'post',
  path: '/v1/functions/{functionId}/executions/{executionId}/cancel',
  tags,
  summary: 'Cancel an execution',
  ...openTo(WRITE),
  description: 'An execution that has ended already stays as it is.',
  request: { params: z.object({ functionId, executionId }) },
  responses: one,
});
const listAll = createRoute({
  method: 'get',
  path: '/v1/executions',
  tags,
  summary: 'List the executions of all functions',
  ...openTo(READ),
  request: {
    query: z.object({
      ...listParams,
      live: looseBoolean().optional().openapi({ description: 'All that run now, and nothing else; queries are not applied' }),
    }),
  },
  responses: page,
});
const find = createRoute({
  method: 'get',
  path: '/v1/executions/{executionId}',
  tags,
  summary: 'Get an execution',
  ...openTo(READ),
  request: { params: z.object({ executionId }) },
  responses: one,
});
const cancelAny = createRoute({
  method: 'post',
  path: '/v1/executions/{executionId}/cancel',
  tags,
  summary: 'Cancel an execution',
  ...openTo(WRITE),
  description: 'An execution that has ended already stays as it is.',
  request: { params: z.object({ executionId }) },
  responses: one,
});

export function addExecutionRoutes(app: OpenAPIHono<ApiEnv>, options: Pick<ApiOptions, 'executions' | 'limits'>): void {
  const { executions } = options;
  addCreate(app, options);

  app.openapi(list, async (c) => {
    const { rows, total } = await executions.list(
      keyOf(c),
      readList(c, executionAttributes, c.req.valid('query').total).query,
      c.var.principal,
    );
    return c.json({ total, executions: rows.map((row) => viewExecution(row)) }, 200);
  });
  app.openapi(listAll, async (c) => {
    const { live, total: withTotal } = c.req.valid('query');
    if (live === true && actsForProject(c.var.principal)) {
      const running = executions.live(c.var.projectId);
      return c.json({ total: running.length, executions: running.map((row) => viewExecution(row)) }, 200);
    }
    const { rows, total } = await executions.list(
      { projectId: c.var.projectId, functionId: null },
      readList(c, executionAttributes, withTotal).query,
      c.var.principal,
    );
    return c.json({ total, executions: rows.map((row) => viewExecution(row)) }, 200);
  });

  app.openapi(get, async (c) => c.json(show(c, await executions.get(keyOf(c), c.var.principal)), 200));
  app.openapi(find, async (c) => c.json(show(c, await executions.get(keyOf(c), c.var.principal)), 200));
  app.openapi(cancel, async (c) => c.json(show(c, await executions.cancel(keyOf(c), c.var.principal)), 200));
  app.openapi(cancelAny, async (c) => c.json(show(c, await executions.cancel(keyOf(c), c.var.principal)), 200));
  app.openapi(remove, async (c) => {
    const param = c.req.valid('param');
    await executions.delete({ projectId: c.var.projectId, functionId: param.functionId, id: param.executionId }, c.var.principal);
    return c.body(null, 204);
  });
}

/** Bodies are checked by hand: a form may hold bytes that the form validator would damage. */
function addCreate(app: OpenAPIHono<ApiEnv>, { executions, limits }: Pick<ApiOptions, 'executions' | 'limits'>): void {
  app.openAPIRegistry.register('NewExecution', executionBody);
  // A reference instead of the schema keeps the framework from checking the body itself.
  const schema = { $ref: '#/components/schemas/NewExecution' };
  const create = createRoute({
    method: 'post',
    path: '/v1/functions/{functionId}/executions',
    tags,
    summary: 'Execute a function, and wait for its response unless `async` is set',
    ...openTo(WRITE, { bytes: limits.requestBodyBytes, beyond: 'request_too_large' }),
    request: { params: z.object({ functionId }), body: { content: { 'application/json': { schema }, 'multipart/form-data': { schema } } } },
    responses: {
      default: failure,
      202: {
        description: 'The execution was accepted and is on disk; it runs once, or again as the retries of the function say',
        content: { 'application/json': { schema: executionSchema } },
      },
      201: {
        description: 'The execution with the body of the response; also where the function failed',
        content: { 'application/json': { schema: executionSchema }, 'multipart/form-data': { schema: executionSchema } },
      },
    },
  });
  app.openapi(create, async (c) => {
    const { later, ...request } = await readExecutionRequest(c);
    const at = [c.var.projectId, c.req.valid('param').functionId] as const;
    if (later !== undefined) {
      const row = await executions.createLater(...at, { ...request, ...later, ...callerOf(c) });
      return c.json(viewExecution(row), 202);
    }
    const waited = await executions.create(...at, {
      ...request,
      ...callerOf(c),
      signal: c.req.raw.signal,
    });
    const shown = showWaited(c, waited);
    if (acceptsForm(c.req.header('accept') ?? '')) return formAnswer(shown, waited.responseBody, 201);
    return c.json({ ...shown, responseBody: bodyAsText(waited.responseBody) }, 201);
  });
}

function callerOf(c: ApiContext): Pick<NewExecution, 'principal' | 'clientIp' | 'origin'> {
  return { principal: c.var.principal, clientIp: c.env.clientIp, origin: new URL(c.req.url).origin };
}

function keyOf(c: ApiContext): { projectId: string; functionId: string | null; id: string } {
  return { projectId: c.var.projectId, functionId: c.req.param('functionId') ?? null, id: c.req.param('executionId') ?? '' };
}

/** Logs are for those who act for the project only. */
function show(c: ApiContext, { row, lines }: PendingExecution): ExecutionResource {
  return actsForProject(c.var.principal) ? viewExecution(row, { lines, withLines: true }) : viewExecution(row);
}

/** A platform failure has no response of the function; the contract shows it as status 500. */
function showWaited(c: ApiContext, { row, lines, responseHeaders }: WaitedExecution): ExecutionResource {
  const visible = actsForProject(c.var.principal) ? { lines, withLines: true } : {};
  const execution = viewExecution(row, { ...visible, responseHeaders: [...responseHeaders, 'x-appwrite-execution-id', row.id] });
  return row.status === 'failed' && row.responseStatus === 0 ? { ...execution, responseStatusCode: 500 } : execution;
}
