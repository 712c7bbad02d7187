/** /v1/logs: log lines as they are written. */
import { createRoute, z, type OpenAPIHono } from '@hono/zod-openapi';
import type { FollowedLine } from '../../../services/invoke/invoke.ts';
import type { ApiEnv, ApiOptions } from '../api-context.ts';
import { openTo } from '../authorize.ts';
import { eventStream, type ServerEvent } from '../answers/event-stream.ts';
import { text } from '../params.ts';
import { binary } from '../route-answers.ts';
import { viewExecution } from '../views/execution-view.ts';

const follow = createRoute({
  method: 'get',
  path: '/v1/logs',
  tags: ['logs'],
  summary: 'Follow log lines',
  description:
    'Server-sent events: `line` with `{ executionId, functionId, time, level, stream, text }`, and `ended` with the execution. With `executionId` the lines that are there come first, and the stream ends with the execution.',
  ...openTo('log.read'),
  request: {
    query: z.object({
      functionId: text(1, 36).optional().openapi({ description: 'Only executions of this function' }),
      executionId: text(1, 36).optional().openapi({ description: 'Only this execution' }),
    }),
  },
  responses: binary('text/event-stream', 'Events until the reader goes away'),
});

export function addLogRoutes(app: OpenAPIHono<ApiEnv>, { executions }: Pick<ApiOptions, 'executions'>): void {
  app.openapi(follow, async (c) => {
    const { functionId, executionId } = c.req.valid('query');
    const stop = new AbortController();
    const signal = AbortSignal.any([c.req.raw.signal, stop.signal]);
    return eventStream(eventsOf(await executions.follow(c.var.projectId, { functionId, executionId, signal })), stop);
  });
}

async function* eventsOf(followed: AsyncIterable<FollowedLine>): AsyncGenerator<ServerEvent> {
  for await (const { executionId, functionId, line, ended } of followed) {
    if (line !== undefined) yield { event: 'line', data: { executionId, functionId, ...line } };
    if (ended !== undefined) yield { event: 'ended', data: viewExecution(ended) };
  }
}
