/** The log of a build: as text, or as events while it runs. */
import { createRoute, z, type OpenAPIHono } from '@hono/zod-openapi';
import type { ApiEnv, ApiOptions } from '../api-context.ts';
import { openTo } from '../authorize.ts';
import { eventStream, type ServerEvent } from '../answers/event-stream.ts';
import { looseBoolean, pathId } from '../params.ts';
import { failure } from '../route-answers.ts';

const buildLog = createRoute({
  method: 'get',
  path: '/v1/functions/{functionId}/deployments/{deploymentId}/logs',
  tags: ['deployments'],
  summary: 'Read the log of a build',
  description:
    'With `follow` as server-sent events from its beginning until the build ends: `log` with `{ text }`, then `ended` with `{ status, error }`.',
  ...openTo('functions.read'),
  request: {
    params: z.object({ functionId: pathId('Id of the function'), deploymentId: pathId('Id of the deployment') }),
    query: z.object({ follow: looseBoolean().optional() }),
  },
  responses: {
    default: failure,
    200: {
      description: 'The log',
      content: { 'text/plain': { schema: z.string() }, 'text/event-stream': { schema: { type: 'string' as const } } },
    },
  },
});

export function addBuildLogRoute(
  app: OpenAPIHono<ApiEnv>,
  { functions, deployments }: Pick<ApiOptions, 'functions' | 'deployments'>,
): void {
  app.openapi(buildLog, async (c) => {
    const { functionId, deploymentId } = c.req.valid('param');
    const fn = await functions.row(c.var.projectId, functionId);
    if (c.req.valid('query').follow !== true) return c.text(await deployments.buildLog(fn, deploymentId), 200);
    const log = await deployments.followBuildLog(fn, deploymentId);

    async function* events(): AsyncGenerator<ServerEvent> {
      for await (const text of log) yield { event: 'log', data: { text } };
      const { status, error } = await deployments.wait(fn, deploymentId);
      yield { event: 'ended', data: { status, error: error ?? '' } };
    }
    return eventStream(events(), new AbortController());
  });
}
