/** What became of executions that nobody waits for: their attempts, their story, and the dead ones. */
import { createRoute, z, type OpenAPIHono } from '@hono/zod-openapi';
import { PlatformError } from '@martlet/protocol';
import { parseDate, formatDate } from '../../../domain/contract/dates.ts';
import { flattenHeaders, HEADERS_PROBLEM } from '../../../domain/contract/execution-headers.ts';
import type { AttemptRow, DeadQuery } from '../../../ports/store/job-store.ts';
import type { ReplayEdits } from '../../../services/queue/dead-letters.ts';
import type { ApiContext, ApiEnv, ApiOptions } from '../api-context.ts';
import { openTo } from '../authorize.ts';
import { looseWhole, oneOf, pathId, text, textList } from '../params.ts';
import { attemptSchema, decisionSchema, executionSchema } from '../resources.ts';
import { answers, jsonBody } from '../route-answers.ts';
import { viewDecision } from '../views/decision-view.ts';
import { viewExecution } from '../views/execution-view.ts';

const tags = ['executions'];
const READ = ['executions.read', 'execution.read'] as const;
const params = z.object({ executionId: pathId('Id of the execution') });
const METHODS = ['GET', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS', 'HEAD'] as const;
const DEAD_MAX = 1000;
const BODY_MAX = 10_485_760;
const DATE = 'Value must be a valid date in ISO 8601 format';

const which = {
  functionId: text(1, 36).nullish().openapi({ description: 'Of this function only' }),
  before: z
    .string(DATE)
    .refine((date) => parseDate(date) !== undefined, DATE)
    .nullish()
    .openapi({ description: 'Only those that ended before' }),
};
const executionList = answers(200, z.object({ total: z.int(), executions: z.array(executionSchema) }), 'Executions, oldest first');

const why = createRoute({
  method: 'get',
  path: '/v1/executions/{executionId}/why',
  tags,
  summary: 'Why an execution did, or did not, run',
  ...openTo(READ),
  request: { params },
  responses: answers(
    200,
    z.object({ executionId: z.string(), status: z.string(), lines: z.array(decisionSchema), attempts: z.array(attemptSchema) }),
    'Its story, in the order of time',
  ),
});
const replay = createRoute({
  method: 'post',
  path: '/v1/executions/{executionId}/replay',
  tags,
  summary: 'Run a failed asynchronous execution again, as it was or changed',
  ...openTo('queue.write', { bytes: BODY_MAX + 1_048_576, beyond: 'request_too_large' }),
  request: {
    params,
    body: jsonBody(
      z.object({
        method: oneOf(METHODS).nullish(),
        path: text(1, 2048).nullish(),
        headers: z.record(z.string(), z.string()).nullish(),
        body: text(0, BODY_MAX).nullish(),
      }),
    ),
  },
  responses: answers(202, executionSchema, 'The new execution'),
});
const listDead = createRoute({
  method: 'get',
  path: '/v1/dead-executions',
  tags,
  summary: 'List executions that failed for good',
  ...openTo('queue.read'),
  request: { query: z.object({ ...which, limit: looseWhole(1, DEAD_MAX).optional() }) },
  responses: executionList,
});
const chosen = z.object({ ...which, executionIds: textList(DEAD_MAX, 36).nullish() });
const replayDead = createRoute({
  method: 'post',
  path: '/v1/dead-executions/replay',
  tags,
  summary: 'Run dead executions again, at most a thousand at once',
  ...openTo('queue.write'),
  request: { body: jsonBody(chosen) },
  responses: answers(202, z.object({ total: z.int(), executions: z.array(executionSchema) }), 'The new executions'),
});
const purgeDead = createRoute({
  method: 'post',
  path: '/v1/dead-executions/purge',
  tags,
  summary: 'Let dead executions go; their records stay',
  ...openTo('queue.write'),
  request: { body: jsonBody(chosen) },
  responses: answers(200, z.object({ purged: z.int() }), 'How many'),
});

export function addQueueRoutes(
  app: OpenAPIHono<ApiEnv>,
  { deadLetters, executions }: Pick<ApiOptions, 'deadLetters' | 'executions'>,
): void {
  app.openapi(why, async (c) => {
    const { row, lines, attempts } = await executions.why(
      { projectId: c.var.projectId, functionId: null, id: c.req.valid('param').executionId },
      c.var.principal,
    );
    return c.json({ executionId: row.id, status: row.status, lines: lines.map(viewDecision), attempts: attempts.map(viewAttempt) }, 200);
  });
  app.openapi(replay, async (c) => {
    const edits = readEdits(c.req.valid('json'));
    return c.json(viewExecution(await deadLetters.replay(c.var.projectId, c.req.valid('param').executionId, edits)), 202);
  });
  app.openapi(listDead, async (c) => {
    const { limit = 100, ...query } = c.req.valid('query');
    const rows = await deadLetters.list({ ...queryOf(c, query), limit });
    return c.json({ total: rows.length, executions: rows.map((row) => viewExecution(row)) }, 200);
  });
  app.openapi(replayDead, async (c) => {
    const rows = await deadLetters.replayAll(queryOf(c, c.req.valid('json')));
    return c.json({ total: rows.length, executions: rows.map((row) => viewExecution(row)) }, 202);
  });
  app.openapi(purgeDead, async (c) => {
    return c.json({ purged: await deadLetters.purge(queryOf(c, c.req.valid('json'))) }, 200);
  });
}

function queryOf(
  c: ApiContext,
  {
    functionId,
    before,
    executionIds,
  }: { functionId?: string | null | undefined; before?: string | null | undefined; executionIds?: string[] | null | undefined },
): DeadQuery {
  const time = before === null || before === undefined ? undefined : parseDate(before);
  return {
    projectId: c.var.projectId,
    functionId: functionId ?? null,
    ...(executionIds === null || executionIds === undefined ? {} : { executionIds }),
    ...(time === undefined ? {} : { before: time }),
  };
}

function readEdits({
  method,
  path,
  headers,
  body,
}: {
  method?: string | null | undefined;
  path?: string | null | undefined;
  headers?: Record<string, string> | null | undefined;
  body?: string | null | undefined;
}): ReplayEdits {
  const flat = headers === null || headers === undefined ? undefined : flattenHeaders(headers);
  if (headers !== null && headers !== undefined && flat === undefined)
    throw new PlatformError('general_argument_invalid', `Invalid headers: ${HEADERS_PROBLEM}`);
  if (path !== null && path !== undefined && !/^\/[\x21-\x7e]*$/.test(path))
    throw new PlatformError(
      'general_argument_invalid',
      'Invalid `path` param: Value must start with a slash and have visible ASCII characters only',
    );
  return {
    method: method ?? undefined,
    path: path ?? undefined,
    headers: flat,
    body: body === null || body === undefined ? undefined : Buffer.from(body),
  };
}

function viewAttempt({ number, nodeId, startedAt, endedAt, errorCode }: AttemptRow) {
  return { number, node: nodeId, startedAt: formatDate(startedAt), endedAt: formatDate(endedAt), errorCode: errorCode ?? '' };
}
