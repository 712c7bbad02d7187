/** /v1/events: what happened, sent as CloudEvents 1.0, and what came of it. */
import { createRoute, z, type OpenAPIHono } from '@hono/zod-openapi';
import { BATCH_EVENTS_MAX, EVENT_BYTES_MAX, readCloudEvents } from '../../../domain/events/cloud-event-http.ts';
import { eventAttributes } from '../../../domain/list-attributes.ts';
import type { ApiEnv, ApiOptions } from '../api-context.ts';
import { openTo } from '../authorize.ts';
import { listParams, readList } from '../list-request.ts';
import { text } from '../params.ts';
import { decisionSchema, eventSchema } from '../resources.ts';
import { answers } from '../route-answers.ts';
import { viewDecision } from '../views/decision-view.ts';
import { viewEvent } from '../views/event-view.ts';

const tags = ['events'];
const BODY_MAX = 20 * 1_048_576;
const sent = z.object({ id: z.string(), source: z.string(), new: z.boolean().openapi({ description: 'False: it was sent before' }) });

const send = createRoute({
  method: 'post',
  path: '/v1/events',
  tags,
  summary: 'Send events',
  description: `CloudEvents 1.0: one as \`application/cloudevents+json\`, up to ${BATCH_EVENTS_MAX} as \`application/cloudevents-batch+json\`, or one with \`ce-\` headers and any body. At most ${EVENT_BYTES_MAX} bytes each. The same source and id again is the same event. The answer comes once they are on disk; every function that listens is started once.`,
  ...openTo('events.write', { bytes: BODY_MAX, beyond: 'event_too_large' }),
  responses: answers(202, z.object({ total: z.int(), events: z.array(sent) }), 'The events, in their order'),
});
const list = createRoute({
  method: 'get',
  path: '/v1/events',
  tags,
  summary: 'List events',
  ...openTo('events.read'),
  request: { query: z.object(listParams) },
  responses: answers(200, z.object({ total: z.int(), events: z.array(eventSchema) }), 'A page of events, without their data'),
});
const why = createRoute({
  method: 'get',
  path: '/v1/events/why',
  tags,
  summary: 'Which functions an event started, and why not others',
  description: 'Sources are URIs, so that source and id are parameters here and no part of the path.',
  ...openTo('events.read'),
  request: { query: z.object({ source: text(1, 2048), id: text(1, 256) }) },
  responses: answers(
    200,
    z.object({ event: eventSchema, data: z.string(), lines: z.array(decisionSchema) }),
    'The event and what was decided',
  ),
});

export function addEventRoutes(app: OpenAPIHono<ApiEnv>, { events }: Pick<ApiOptions, 'events'>): void {
  app.openapi(send, async (c) => {
    const given = readCloudEvents({ headers: c.req.raw.headers, body: new Uint8Array(await c.req.arrayBuffer()) });
    const accepted = await events.send(c.var.projectId, given, c.var.principal);
    return c.json({ total: accepted.length, events: accepted.map(({ id, source, isNew }) => ({ id, source, new: isNew })) }, 202);
  });
  app.openapi(list, async (c) => {
    const page = await events.list(c.var.projectId, readList(c, eventAttributes, c.req.valid('query').total).query);
    return c.json({ total: page.total, events: page.rows.map(viewEvent) }, 200);
  });
  app.openapi(why, async (c) => {
    const { source, id } = c.req.valid('query');
    const { row, decisions } = await events.get(c.var.projectId, source, id);
    return c.json(
      {
        event: viewEvent({ ...row, dataBytes: row.data.length }),
        data: Buffer.from(row.data).toString(),
        lines: decisions.map(viewDecision),
      },
      200,
    );
  });
}
