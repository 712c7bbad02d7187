/** Schedules of functions: /v1/schedules, and under their function where they are made. */
import type { ScheduleResource } from '@martlet/protocol';
import { createRoute, z, type OpenAPIHono } from '@hono/zod-openapi';
import { flattenHeaders, HEADERS_PROBLEM } from '../../../domain/contract/execution-headers.ts';
import { parseDate } from '../../../domain/contract/dates.ts';
import { scheduleAttributes } from '../../../domain/list-attributes.ts';
import type { ScheduleRow } from '../../../ports/store/schedule-store.ts';
import type { ScheduleInput } from '../../../services/schedules/manage-schedules.ts';
import type { ApiContext, ApiEnv, ApiOptions } from '../api-context.ts';
import { openTo } from '../authorize.ts';
import { listParams, readList } from '../list-request.ts';
import { customId, looseWhole, oneOf, pathId, strictBoolean, text, whole } from '../params.ts';
import { decisionSchema, executionSchema, scheduleSchema } from '../resources.ts';
import { answers, jsonBody, noContent } from '../route-answers.ts';
import { viewDecision } from '../views/decision-view.ts';
import { viewExecution } from '../views/execution-view.ts';
import { viewSchedule } from '../views/schedule-view.ts';

const tags = ['schedules'];
const params = z.object({ scheduleId: pathId('Id of the schedule; that of the settings of a function has the id of the function') });
const functionParams = z.object({ functionId: pathId('Id of the function') });
const METHODS = ['GET', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS', 'HEAD'] as const;
const JITTER_MAX_SECONDS = 3600;
const WINDOW_MAX_SECONDS = 31_536_000;
const BODY_MAX = 65_536;
const DATE = 'Value must be a valid date in the future';
const NEXT_MAX = 100;

const headers = z
  .record(z.string(), z.string())
  .transform((given, context) => {
    const flat = flattenHeaders(given);
    if (flat === undefined) context.addIssue({ code: 'custom', message: HEADERS_PROBLEM });
    return flat ?? [];
  })
  .openapi({ type: 'object' });

const input = z.object({
  name: text(1, 128).nullish(),
  expression: text(1, 256).nullish().openapi({ description: 'Cron expression with five fields, six with seconds, or @daily and the like' }),
  timezone: text(1, 64).nullish().openapi({ description: 'IANA name; default UTC' }),
  at: z
    .string(DATE)
    .refine((date) => parseDate(date) !== undefined, DATE)
    .nullish()
    .openapi({ description: 'Once, at this time, in place of an expression' }),
  enabled: strictBoolean().nullish().openapi({ description: 'False pauses it; ticks of a pause are not caught up' }),
  request: z
    .object({
      method: oneOf(METHODS).optional(),
      path: text(1, 2048)
        .refine((path) => /^\/[\x21-\x7e]*$/.test(path), 'Value must start with a slash and have visible ASCII characters only')
        .optional(),
      headers: headers.optional(),
      body: text(0, BODY_MAX).optional(),
    })
    .nullish()
    .openapi({ description: 'What the function is called with; default POST / without a body' }),
  jitter: whole(0, JITTER_MAX_SECONDS).nullish().openapi({ description: 'Seconds by which ticks are spread at most' }),
  catchUp: z
    .object({
      policy: oneOf(['latest', 'all', 'skip']).optional(),
      max: whole(1, 1000).optional(),
      window: whole(0, WINDOW_MAX_SECONDS).optional().openapi({ description: 'Seconds' }),
    })
    .nullish()
    .openapi({ description: 'What to do about ticks while no server looked: run the latest (default), all up to `max`, or none' }),
  overlap: oneOf(['allow', 'skip', 'queue']).nullish().openapi({ description: 'What a tick does while an earlier one runs' }),
});

const page = answers(200, z.object({ total: z.int(), schedules: z.array(scheduleSchema) }), 'A page of schedules');
const one = answers(200, scheduleSchema, 'The schedule');
const query = z.object({ ...listParams });

const create = createRoute({
  method: 'post',
  path: '/v1/functions/{functionId}/schedules',
  tags,
  summary: 'Create a schedule for a function',
  ...openTo('schedules.write'),
  request: { params: functionParams, body: jsonBody(input.extend({ scheduleId: customId().nullish() })) },
  responses: answers(201, scheduleSchema, 'The schedule'),
});
const list = createRoute({
  method: 'get',
  path: '/v1/functions/{functionId}/schedules',
  tags,
  summary: 'List the schedules of a function',
  ...openTo('schedules.read'),
  request: { params: functionParams, query },
  responses: page,
});
const listAll = createRoute({
  method: 'get',
  path: '/v1/schedules',
  tags,
  summary: 'List the schedules of all functions',
  ...openTo('schedules.read'),
  request: { query },
  responses: page,
});
const get = createRoute({
  method: 'get',
  path: '/v1/schedules/{scheduleId}',
  tags,
  summary: 'Get a schedule and when it runs next',
  ...openTo('schedules.read'),
  request: {
    params,
    query: z.object({ next: looseWhole(0, NEXT_MAX).optional().openapi({ description: 'How many of the next times; default 5' }) }),
  },
  responses: one,
});
const update = createRoute({
  method: 'patch',
  path: '/v1/schedules/{scheduleId}',
  tags,
  summary: 'Change, pause or resume a schedule',
  description: 'What is left out stays. Ticks of before a change of the times, and of a pause, are not caught up.',
  ...openTo('schedules.write'),
  request: { params, body: jsonBody(input) },
  responses: one,
});
const remove = createRoute({
  method: 'delete',
  path: '/v1/schedules/{scheduleId}',
  tags,
  summary: 'Delete a schedule',
  ...openTo('schedules.write'),
  request: { params },
  responses: noContent,
});
const run = createRoute({
  method: 'post',
  path: '/v1/schedules/{scheduleId}/executions',
  tags,
  summary: 'Run a schedule now, beside its ticks',
  ...openTo('schedules.write'),
  request: { params },
  responses: answers(202, executionSchema, 'The execution that was accepted'),
});
const decisions = createRoute({
  method: 'get',
  path: '/v1/schedules/{scheduleId}/decisions',
  tags,
  summary: 'What was decided about the ticks of a schedule, and why',
  ...openTo('schedules.read'),
  request: { params },
  responses: answers(200, z.object({ total: z.int(), decisions: z.array(decisionSchema) }), 'The newest decisions, in their order'),
});

export function addScheduleRoutes(app: OpenAPIHono<ApiEnv>, { schedules }: Pick<ApiOptions, 'schedules'>): void {
  const show = (row: ScheduleRow, count = 5): ScheduleResource => viewSchedule(row, schedules.next(row, count));
  const idOf = (c: ApiContext) => [c.var.projectId, c.req.param('scheduleId') ?? ''] as const;

  app.openapi(create, async (c) => {
    const { scheduleId, ...fields } = c.req.valid('json');
    const id = scheduleId === 'unique()' ? undefined : (scheduleId ?? undefined);
    return c.json(show(await schedules.create(c.var.projectId, c.req.valid('param').functionId, { ...readInput(fields), id })), 201);
  });
  app.openapi(list, async (c) => {
    const found = await schedules.list(
      c.var.projectId,
      c.req.valid('param').functionId,
      readList(c, scheduleAttributes, c.req.valid('query').total).query,
    );
    return c.json({ total: found.total, schedules: found.rows.map((row) => show(row, 1)) }, 200);
  });
  app.openapi(listAll, async (c) => {
    const found = await schedules.list(c.var.projectId, null, readList(c, scheduleAttributes, c.req.valid('query').total).query);
    return c.json({ total: found.total, schedules: found.rows.map((row) => show(row, 1)) }, 200);
  });
  app.openapi(get, async (c) => c.json(show(await schedules.get(...idOf(c)), c.req.valid('query').next), 200));
  app.openapi(update, async (c) => c.json(show(await schedules.update(...idOf(c), readInput(c.req.valid('json')))), 200));
  app.openapi(remove, async (c) => {
    await schedules.delete(...idOf(c));
    return c.body(null, 204);
  });
  app.openapi(run, async (c) => c.json(viewExecution(await schedules.run(...idOf(c))), 202));
  app.openapi(decisions, async (c) => {
    const found = await schedules.decisions(...idOf(c));
    return c.json({ total: found.length, decisions: found.map(viewDecision) }, 200);
  });
}

function readInput({ at, request, jitter, catchUp, ...fields }: z.output<typeof input>): ScheduleInput {
  return {
    name: fields.name ?? undefined,
    expression: fields.expression ?? undefined,
    timezone: fields.timezone ?? undefined,
    at: at === null || at === undefined ? undefined : parseDate(at),
    enabled: fields.enabled ?? undefined,
    request: request === null || request === undefined ? undefined : withoutUndefined(request),
    jitterMs: jitter === null || jitter === undefined ? undefined : jitter * 1000,
    catchUp:
      catchUp === null || catchUp === undefined
        ? undefined
        : withoutUndefined({
            policy: catchUp.policy,
            max: catchUp.max,
            windowMs: catchUp.window === undefined ? undefined : catchUp.window * 1000,
          }),
    overlap: fields.overlap ?? undefined,
  };
}

function withoutUndefined<Fields extends object>(fields: Fields): { [Name in keyof Fields]?: Exclude<Fields[Name], undefined> } {
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined)) as {
    [Name in keyof Fields]?: Exclude<Fields[Name], undefined>;
  };
}
