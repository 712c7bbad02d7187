/** /v1/webhooks: where events are sent to, which signed requests come in, and what became of each delivery. */
import { PlatformError } from '@martlet/protocol';
import { createRoute, z, type OpenAPIHono } from '@hono/zod-openapi';
import { deliveryAttributes, webhookAttributes } from '../../../domain/list-attributes.ts';
import { webhookVerificationSchema, type WebhookVerification } from '../../../domain/webhooks/inbound-event.ts';
import type { ApiContext, ApiEnv, ApiOptions } from '../api-context.ts';
import { openTo } from '../authorize.ts';
import { listParams, readList } from '../list-request.ts';
import { customId, pathId, strictBoolean, text, textList } from '../params.ts';
import { decisionSchema, deliverySchema, webhookSchema } from '../resources.ts';
import { answers, jsonBody, noContent } from '../route-answers.ts';
import { viewDecision } from '../views/decision-view.ts';
import { viewDelivery, viewWebhook } from '../views/webhook-view.ts';

const tags = ['webhooks'];
const params = z.object({ webhookId: pathId('Id of the webhook') });
const deliveryParams = params.extend({ deliveryId: pathId('Id of the delivery') });

const input = z.object({
  name: text(1, 128).nullish(),
  enabled: strictBoolean().nullish(),
  url: text(1, 2048).nullish().openapi({ description: 'Where events are sent: https, and a public address' }),
  events: textList(100, 255)
    .nullish()
    .openapi({ description: 'Patterns of the events that are sent, such as `users.*.create` or `order.**`' }),
  verify: z.record(z.string(), z.unknown()).nullish().openapi({
    description:
      'Makes it one that comes in. `scheme` is `{"kind":"martlet"}`, `{"kind":"stripe"}`, `{"kind":"github"}` or `{"kind":"hmac","header":…}`; for the last, `type` and `id` say where those stand: `{"header":…}`, `{"pointer":"/…"}`',
  }),
});
const secretText = text(8, 256).nullish().openapi({ description: 'What the sender has given out; default: a fresh one' });

const create = createRoute({
  method: 'post',
  path: '/v1/webhooks',
  tags,
  summary: 'Create a webhook',
  description: 'With `verify` one that comes in, else one that events are sent to. The answer is the only place that shows the secret.',
  ...openTo('webhooks.write'),
  request: { body: jsonBody(input.extend({ webhookId: customId().nullish(), name: text(1, 128), secret: secretText })) },
  responses: answers(201, webhookSchema, 'The webhook with its secret'),
});
const list = createRoute({
  method: 'get',
  path: '/v1/webhooks',
  tags,
  summary: 'List webhooks',
  ...openTo('webhooks.read'),
  request: { query: z.object(listParams) },
  responses: answers(200, z.object({ total: z.int(), webhooks: z.array(webhookSchema) }), 'A page of webhooks'),
});
const get = createRoute({
  method: 'get',
  path: '/v1/webhooks/{webhookId}',
  tags,
  summary: 'Get a webhook',
  ...openTo('webhooks.read'),
  request: { params },
  responses: answers(200, webhookSchema, 'The webhook'),
});
const update = createRoute({
  method: 'patch',
  path: '/v1/webhooks/{webhookId}',
  tags,
  summary: 'Change, disable or enable a webhook',
  description: 'What is left out stays.',
  ...openTo('webhooks.write'),
  request: { params, body: jsonBody(input) },
  responses: answers(200, webhookSchema, 'The webhook'),
});
const remove = createRoute({
  method: 'delete',
  path: '/v1/webhooks/{webhookId}',
  tags,
  summary: 'Delete a webhook with its deliveries',
  ...openTo('webhooks.write'),
  request: { params },
  responses: noContent,
});
const changeSecret = createRoute({
  method: 'post',
  path: '/v1/webhooks/{webhookId}/secret',
  tags,
  summary: 'Give a webhook a new secret',
  description: 'With `keepOld` the one before stays valid beside it, until the next change.',
  ...openTo('webhooks.write'),
  request: { params, body: jsonBody(z.object({ secret: secretText, keepOld: strictBoolean().nullish() })) },
  responses: answers(200, webhookSchema, 'The webhook with its secret'),
});
const deliveries = createRoute({
  method: 'get',
  path: '/v1/webhooks/{webhookId}/deliveries',
  tags,
  summary: 'List deliveries, with the status and the error of their last attempt',
  ...openTo('webhooks.read'),
  request: { params, query: z.object(listParams) },
  responses: answers(200, z.object({ total: z.int(), deliveries: z.array(deliverySchema) }), 'A page of deliveries'),
});
const decisions = createRoute({
  method: 'get',
  path: '/v1/webhooks/{webhookId}/decisions',
  tags,
  summary: 'What was decided about a webhook, such as that it was disabled because it failed for days',
  ...openTo('webhooks.read'),
  request: { params },
  responses: answers(200, z.object({ total: z.int(), decisions: z.array(decisionSchema) }), 'The newest decisions, in their order'),
});
const getDelivery = createRoute({
  method: 'get',
  path: '/v1/webhooks/{webhookId}/deliveries/{deliveryId}',
  tags,
  summary: 'Get a delivery',
  ...openTo('webhooks.read'),
  request: { params: deliveryParams },
  responses: answers(200, deliverySchema, 'The delivery'),
});
const redeliver = createRoute({
  method: 'post',
  path: '/v1/webhooks/{webhookId}/deliveries/{deliveryId}/redeliver',
  tags,
  summary: 'Send a delivery again, now and with all its attempts',
  ...openTo('webhooks.write'),
  request: { params: deliveryParams },
  responses: answers(202, deliverySchema, 'The delivery'),
});

export function addWebhookRoutes(app: OpenAPIHono<ApiEnv>, { webhooks }: Pick<ApiOptions, 'webhooks'>): void {
  const idOf = (c: ApiContext) => [c.var.projectId, c.req.param('webhookId') ?? ''] as const;

  app.openapi(create, async (c) => {
    const { webhookId, secret, name, ...fields } = c.req.valid('json');
    const id = webhookId === 'unique()' ? undefined : (webhookId ?? undefined);
    const made = await webhooks.create(c.var.projectId, { ...readInput(fields), name, id, secret: secret ?? undefined });
    return c.json(viewWebhook(made.row, made.secret), 201);
  });
  app.openapi(list, async (c) => {
    const page = await webhooks.list(c.var.projectId, readList(c, webhookAttributes, c.req.valid('query').total).query);
    return c.json({ total: page.total, webhooks: page.rows.map((row) => viewWebhook(row)) }, 200);
  });
  app.openapi(get, async (c) => c.json(viewWebhook(await webhooks.get(...idOf(c))), 200));
  app.openapi(update, async (c) => c.json(viewWebhook(await webhooks.update(...idOf(c), readInput(c.req.valid('json')))), 200));
  app.openapi(remove, async (c) => {
    await webhooks.delete(...idOf(c));
    return c.body(null, 204);
  });
  app.openapi(changeSecret, async (c) => {
    const { secret, keepOld } = c.req.valid('json');
    const made = await webhooks.changeSecret(...idOf(c), { secret: secret ?? undefined, keepOld: keepOld ?? false });
    return c.json(viewWebhook(made.row, made.secret), 200);
  });
  app.openapi(deliveries, async (c) => {
    const page = await webhooks.deliveries(...idOf(c), readList(c, deliveryAttributes, c.req.valid('query').total).query);
    return c.json({ total: page.total, deliveries: page.rows.map(viewDelivery) }, 200);
  });
  app.openapi(decisions, async (c) => {
    const found = await webhooks.decisions(...idOf(c));
    return c.json({ total: found.length, decisions: found.map(viewDecision) }, 200);
  });
  app.openapi(getDelivery, async (c) => c.json(viewDelivery(await webhooks.delivery(...idOf(c), c.req.valid('param').deliveryId)), 200));
  app.openapi(redeliver, async (c) => c.json(viewDelivery(await webhooks.redeliver(...idOf(c), c.req.valid('param').deliveryId)), 202));
}

type Fields = { readonly [Name in keyof z.output<typeof input>]?: z.output<typeof input>[Name] };

function readInput({ name, enabled, url, events, verify }: Fields) {
  return {
    name: name ?? undefined,
    enabled: enabled ?? undefined,
    url: url ?? undefined,
    events: events ?? undefined,
    verify: verify === null || verify === undefined ? undefined : readVerification(verify),
  };
}

/** @throws {PlatformError} `webhook_invalid`, naming the field */
function readVerification(given: unknown): WebhookVerification {
  const { data, error } = webhookVerificationSchema.safeParse(given);
  if (data !== undefined) return data;
  const problems = error.issues.map(({ path, message }) => `\`${['verify', ...path].join('.')}\` ${message}`);
  throw new PlatformError('webhook_invalid', `Cannot use the webhook: ${problems.join('; ')}.`);
}
