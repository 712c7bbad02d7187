/** /v1/hooks: signed requests of other services, which come in as events. No key is asked for; the signature is the credential. */
import { createRoute, z, type OpenAPIHono } from '@hono/zod-openapi';
import { createMiddleware } from 'hono/factory';
import { MARTLET_SIGNATURE_HEADER } from '../../../domain/webhooks/signatures.ts';
import type { ApiContext, ApiEnv, ApiOptions } from '../api-context.ts';
import { boundBody } from '../authorize.ts';
import { pathId } from '../params.ts';
import { answers } from '../route-answers.ts';

const webhookId = pathId('Id of the webhook');
const taken = z.object({ id: z.string(), new: z.boolean().openapi({ description: 'False: it had come in before' }) });
const description = {
  tags: ['webhooks'],
  method: 'post' as const,
  security: [],
  description: `The body is signed as the webhook says, with \`${MARTLET_SIGNATURE_HEADER}\`, Stripe's or GitHub's header, or an HMAC in a header of your choice. It becomes the event \`webhooks.<name>.<type>\`; the answer comes once that is on disk.`,
  responses: answers(202, taken, 'The event'),
};
const ofProject = createRoute({
  ...description,
  path: '/v1/hooks/{projectId}/{webhookId}',
  summary: 'Take a webhook in as an event',
  request: { params: z.object({ projectId: pathId('Id of the project'), webhookId }) },
});
const ofDefault = createRoute({
  ...description,
  path: '/v1/hooks/{webhookId}',
  summary: 'Take a webhook of the default project in as an event',
  request: { params: z.object({ webhookId }) },
});

export function addHookRoutes(
  app: OpenAPIHono<ApiEnv>,
  { hooks, limits, defaultProject }: Pick<ApiOptions, 'hooks' | 'limits' | 'defaultProject'>,
): void {
  const admit = createMiddleware<ApiEnv>(async (c, next) => {
    hooks.admit(c.env.clientIp);
    await next();
  });
  app.use('/v1/hooks/*', admit, boundBody({ bytes: limits.hookBytes, beyond: 'event_too_large' }));
  const take = async (c: ApiContext, projectId: string, id: string) => {
    const body = new Uint8Array(await c.req.arrayBuffer());
    const sent = await hooks.take(projectId, id, { header: (name) => c.req.header(name), body });
    return { id: sent.id, new: sent.isNew };
  };
  app.openapi(ofProject, async (c) => {
    const { projectId, webhookId: id } = c.req.valid('param');
    return c.json(await take(c, projectId, id), 202);
  });
  app.openapi(ofDefault, async (c) => c.json(await take(c, defaultProject, c.req.valid('param').webhookId), 202));
}
