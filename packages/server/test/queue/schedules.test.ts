/** Schedules, from the settings or the API to the executions that they make. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { DecisionResource, ExecutionResource, ScheduleResource } from '@martlet/protocol';
import { startPlatform, type TestPlatform } from '../platform/start-platform.ts';

let test: TestPlatform;
beforeAll(async () => {
  test = await startPlatform();
});
afterAll(() => test.close());

const schedule = async (id: string) => (await test.api('GET', `/v1/schedules/${id}`)).body as ScheduleResource;
const executionsOf = async (functionId: string) =>
  ((await test.api('GET', `/v1/functions/${functionId}/executions`)).body as { executions: ExecutionResource[] }).executions;
const decisionsOf = async (id: string) =>
  ((await test.api('GET', `/v1/schedules/${id}/decisions`)).body as { decisions: DecisionResource[] }).decisions;

async function until(holds: () => Promise<boolean>): Promise<void> {
  for (let tries = 0; tries < 400; tries += 1) {
    if (await holds()) return;
    await new Promise((resolve) => setTimeout(resolve, 25));
  }
  throw new Error('It did not come about');
}

describe('schedules', () => {
  it('start the function of the settings at each tick, one execution per tick', async () => {
    const id = await test.deployCode(
      'ticks',
      `export const config = { schedule: '* * * * * *' };
      export default async (request, ctx) => { ctx.log(ctx.execution.trigger, request.method, request.headers.get('x-martlet-scheduled-at')); return new Response(); };`,
    );
    await expect(schedule(id)).resolves.toMatchObject({ source: 'settings', functionId: id, expression: '* * * * * *', enabled: true });
    await until(async () => (await executionsOf(id)).filter((one) => one.status === 'completed').length >= 3);
    await test.api('PATCH', `/v1/schedules/${id}`, { enabled: false });
    const executions = await executionsOf(id);
    const records = await Promise.all(executions.map((one) => test.recordOf(one.$id)));
    const ticks = records.map((record) => Date.parse(record.logs.split(' ')[2] ?? ''));
    expect(records[0]).toMatchObject({ trigger: 'schedule', status: 'completed' });
    expect(records[0]?.logs).toMatch(/^schedule POST /);
    expect(new Set(ticks).size).toBe(ticks.length);
    const sorted = ticks.toSorted((a, b) => a - b);
    for (const [index, tick] of sorted.entries()) if (index > 0) expect(tick - (sorted[index - 1] ?? 0)).toBe(1000);
    await expect(schedule(id)).resolves.toMatchObject({ enabled: false, next: [], counters: { ran: executions.length } });
    expect((await decisionsOf(id)).map(({ code }) => code)).toEqual(executions.map(() => 'ran'));
    await expect(test.api('DELETE', `/v1/schedules/${id}`)).resolves.toMatchObject({ status: 400, body: { type: 'schedule_of_settings' } });
  });

  it('skip or queue ticks that would overlap, and say so', async () => {
    const id = await test.deployCode(
      'slow',
      'export default async () => { await new Promise((go) => setTimeout(go, 1500)); return new Response(); };',
    );
    const create = async (overlap: string) =>
      (await test.api('POST', `/v1/functions/${id}/schedules`, { expression: '* * * * * *', overlap })).body as ScheduleResource;
    const skips = await create('skip');
    const queues = await create('queue');
    await until(async () => (await schedule(skips.$id)).counters.skipped >= 2 && (await schedule(queues.$id)).counters.skipped >= 1);
    for (const { $id } of [skips, queues]) await test.api('PATCH', `/v1/schedules/${$id}`, { enabled: false });
    expect((await decisionsOf(skips.$id)).map(({ code }) => code)).toEqual(expect.arrayContaining(['ran', 'overlap']));
    expect((await decisionsOf(queues.$id)).map(({ code }) => code)).toEqual(expect.arrayContaining(['ran', 'queue_full']));
  });

  it('run once at a time, or now, with the request that they are given', async () => {
    const id = await test.deployCode(
      'oneoff',
      'export default async (request, ctx) => { ctx.log(request.method, new URL(request.url).pathname, request.headers.get("x-own"), await request.text()); return new Response(); };',
    );
    const at = new Date(Date.now() + 400).toISOString();
    const request = { method: 'PUT', path: '/deep/path', headers: { 'x-own': 'yes' }, body: 'hello' };
    const { body, status } = await test.api('POST', `/v1/functions/${id}/schedules`, { scheduleId: 'once', at, request, name: 'Once' });
    expect(status).toBe(201);
    expect(body).toMatchObject({ $id: 'once', expression: '', next: [expect.any(String)] });
    await until(async () => (await executionsOf(id)).some((one) => one.status === 'completed'));
    const [first] = await executionsOf(id);
    expect((await test.recordOf(first?.$id ?? '')).logs).toBe('PUT /deep/path yes hello');
    await expect(schedule('once')).resolves.toMatchObject({ next: [], lastExecutionId: first?.$id, counters: { ran: 1 } });
    const now = (await test.api('POST', '/v1/schedules/once/executions')).body as ExecutionResource;
    await expect(test.recordOf(now.$id)).resolves.toMatchObject({ status: 'completed', trigger: 'manual' });
    await expect(test.api('DELETE', '/v1/schedules/once')).resolves.toMatchObject({ status: 204 });
    await expect(test.api('GET', '/v1/schedules/once')).resolves.toMatchObject({ status: 404 });
  });

  it('are refused with the field and what is allowed', async () => {
    const id = await test.deployCode('picky', 'export default () => new Response();');
    const cases: [object, string][] = [
      [{}, 'neither an `expression` nor a time `at`'],
      [{ expression: '61 * * * *' }, 'in the field minute, 61 is out of range'],
      [{ expression: '0 0 31 2 *' }, 'it can never run'],
      [{ expression: '* * * * *', timezone: 'Mars/Base' }, 'write an IANA name'],
      [{ expression: '* * * * *', at: '2999-01-01T00:00:00Z' }, 'give one of them'],
      [{ at: '2001-01-01T00:00:00Z' }, 'in the past'],
      [{ expression: '* * * * *', overlap: 'maybe' }, 'overlap'],
      [{ expression: '* * * * *', catchUp: { policy: 'some' } }, 'catchUp'],
      [{ expression: '* * * * *', jitter: -1 }, 'jitter'],
      [{ expression: '* * * * *', request: { headers: { 'x-appwrite-key': 'x' } } }, 'request'],
    ];
    for (const [input, message] of cases) {
      const answer = await test.api('POST', `/v1/functions/${id}/schedules`, input);
      expect([answer.status, JSON.stringify(answer.body)]).toEqual([400, expect.stringContaining(message)]);
    }
    await expect(test.api('POST', '/v1/functions/missing/schedules', { expression: '* * * * *' })).resolves.toMatchObject({ status: 404 });
  });
});
