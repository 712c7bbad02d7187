/** What happens to one execution, as events while it happens: for whoever may read its record. */
import { createRoute, z, type OpenAPIHono } from '@hono/zod-openapi';
import { isTerminal } from '../../../domain/execution-state.ts';
import { actsForProject } from '../../../domain/principal-scopes.ts';
import type { Principal } from '../../../domain/principal.ts';
import type { Executions } from '../../../services/executions.ts';
import type { FollowedLine } from '../../../services/invoke/invoke.ts';
import { eventStream, type ServerEvent } from '../answers/event-stream.ts';
import type { ApiEnv, ApiOptions } from '../api-context.ts';
import { openTo } from '../authorize.ts';
import { pathId } from '../params.ts';
import { binary } from '../route-answers.ts';
import { viewExecution } from '../views/execution-view.ts';

/** How often a state is looked at that no line of log tells of, such as the step from waiting to processing. */
const LOOK_MS = 500;

const events = createRoute({
  method: 'get',
  path: '/v1/executions/{executionId}/events',
  tags: ['executions'],
  summary: 'Follow an execution',
  description:
    'Server-sent events: `status` with the execution, at once and whenever its status changes; `line` with `{ time, level, stream, text }` for callers that may see logs; `ended` with the execution, which is the last.',
  ...openTo(['executions.read', 'execution.read']),
  request: { params: z.object({ executionId: pathId('Id of the execution') }) },
  responses: binary('text/event-stream', 'Events until the execution has ended'),
});

export function addExecutionEventsRoute(app: OpenAPIHono<ApiEnv>, { executions }: Pick<ApiOptions, 'executions'>): void {
  app.openapi(events, async (c) => {
    const { executionId } = c.req.valid('param');
    const { projectId, principal } = c.var;
    // Refuses before the stream begins: who may not read the record learns nothing of it.
    await executions.get({ projectId, functionId: null, id: executionId }, principal);
    const stop = new AbortController();
    const signal = AbortSignal.any([c.req.raw.signal, stop.signal]);
    const followed = await executions.follow(projectId, { executionId, signal });
    return eventStream(tell(followed, { executions, projectId, executionId, principal }), stop);
  });
}

interface Subject {
  readonly executions: Pick<Executions, 'get'>;
  readonly projectId: string;
  readonly executionId: string;
  readonly principal: Principal;
}

async function* tell(followed: AsyncIterable<FollowedLine>, subject: Subject): AsyncGenerator<ServerEvent> {
  const { executions, projectId, executionId, principal } = subject;
  const withLines = actsForProject(principal);
  const news = followed[Symbol.asyncIterator]();
  let next = news.next();
  let status = '';
  try {
    for (;;) {
      const { row } = await executions.get({ projectId, functionId: null, id: executionId }, principal);
      // The end has an event of its own, and comes after the last line.
      if (row.status !== status && !isTerminal(row.status)) {
        status = row.status;
        yield { event: 'status', data: viewExecution(row) };
      }
      const came = await Promise.race([next, later(LOOK_MS)]);
      if (came === undefined) continue;
      if (came.done === true) return;
      next = news.next();
      const { line, ended } = came.value;
      if (line !== undefined && withLines) yield { event: 'line', data: line };
      if (ended === undefined) continue;
      yield { event: 'ended', data: viewExecution(ended) };
      return;
    }
  } finally {
    // What is asked for already is nobody's any more.
    next.catch(() => undefined);
    await news.return?.();
  }
}

function later(ms: number): Promise<undefined> {
  return new Promise((resolve) => {
    setTimeout(resolve, ms, undefined).unref();
  });
}
