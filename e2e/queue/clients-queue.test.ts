/** Queue, schedules and events by `@martlet/sdk`, and by Appwrite's own client as it is published. */
import { createClient, Query } from '@martlet/sdk';
import { createAdmin, type Admin } from '@martlet/sdk/admin';
import { Client, ExecutionMethod, Functions, Query as AppwriteQuery, Runtime, type Models } from 'node-appwrite';
import { InputFile } from 'node-appwrite/file';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { packFolder } from '../../packages/cli/src/project/pack.ts';
import { startQueueProject, until, type QueueProject } from './queue-project.ts';

// Each test starts several processes, or waits for executions, on a machine that may be busy.
vi.setConfig({ testTimeout: 180_000 });

let project: QueueProject;
let processId = '';
let admin: Admin;
let client: ReturnType<typeof createClient>;
beforeAll(async () => {
  project = await startQueueProject();
  const { url, apiKey } = project.martlet.ready;
  client = createClient({ url, apiKey });
  admin = createAdmin({ url, apiKey });
  processId = (await admin.functions.find('process'))?.$id ?? '';
}, 240_000);
afterAll(() => project?.close());

const isOver = ({ status }: { status: string }): boolean => status === 'completed' || status === 'failed';

describe('@martlet/sdk', () => {
  test('executes without waiting, once for an idempotency key, and waits for the end when it wants to', async () => {
    const order = {
      functionId: processId,
      body: 'one',
      async: true,
      idempotencyKey: 'sdk-1',
      priority: 5,
      concurrencyKey: 'k',
      expiresIn: 60,
    };
    const accepted = await client.functions.createExecution(order);
    expect(accepted).toMatchObject({ status: 'waiting', attempt: 0 });
    await expect(client.executions.wait(accepted.$id)).resolves.toMatchObject({ status: 'completed', attempt: 1, responseStatusCode: 200 });
    await expect(client.functions.createExecution(order)).resolves.toMatchObject({ $id: accepted.$id, status: 'completed' });
    await expect(client.functions.createExecution({ ...order, body: 'other' })).rejects.toMatchObject({
      code: 'execution_idempotency_conflict',
      status: 409,
    });
  });

  test('puts off, and cancels', async () => {
    const scheduledAt = new Date(Date.now() + 3_600_000).toISOString();
    const later = await client.functions.createExecution({ functionId: processId, async: true, scheduledAt });
    expect([later.status, Date.parse(later.scheduledAt ?? '')]).toEqual(['scheduled', Date.parse(scheduledAt)]);
    await expect(client.executions.cancel(later.$id)).resolves.toMatchObject({ status: 'failed', errorCode: 'execution_canceled' });
  });

  test('tells why, replays, and lets go what failed for good', async () => {
    const { $id } = await client.functions.createExecution({ functionId: processId, body: 'bad', async: true });
    await expect(client.executions.wait($id)).resolves.toMatchObject({ status: 'failed', attempt: 2 });
    const story = await admin.executions.why($id);
    expect(story.attempts.map(({ number, errorCode }) => [number, errorCode])).toEqual([
      [1, 'execution_threw'],
      [2, 'execution_threw'],
    ]);
    expect(story.lines.map(({ code }) => code)).toEqual(expect.arrayContaining(['accepted', 'retry', 'exhausted', 'dead']));
    expect((await admin.executions.listDead({ functionId: processId })).executions.map((one) => one.$id)).toEqual([$id]);

    const good = await admin.executions.replay($id, { body: 'good' });
    await expect(client.executions.wait(good.$id)).resolves.toMatchObject({ status: 'completed' });
    await expect(admin.executions.listDead()).resolves.toMatchObject({ total: 0 });

    const bad = await client.functions.createExecution({ functionId: processId, body: 'bad again', async: true });
    await client.executions.wait(bad.$id);
    const { executions } = await admin.executions.replayDead({ executionIds: [bad.$id] });
    expect(executions).toHaveLength(1);
    await client.executions.wait(executions[0]?.$id ?? '');
    await expect(admin.executions.purgeDead({ functionId: processId })).resolves.toBe(1);
  });

  test('makes, changes, runs, explains and deletes schedules', async () => {
    const made = await admin.schedules.create({
      functionId: processId,
      scheduleId: 'by-sdk',
      expression: '30 2 * * *',
      timezone: 'Europe/Berlin',
      overlap: 'skip',
      catchUp: { policy: 'all', max: 7 },
      request: { path: '/night', body: 'night' },
    });
    expect(made).toMatchObject({ $id: 'by-sdk', source: 'api', overlap: 'skip', catchUp: { policy: 'all', max: 7 } });
    expect(made.next).toHaveLength(5);
    expect((await admin.schedules.get('by-sdk', { next: 12 })).next).toHaveLength(12);
    const run = await admin.schedules.run('by-sdk');
    await expect(client.executions.wait(run.$id)).resolves.toMatchObject({ trigger: 'manual', requestPath: '/night', status: 'completed' });
    await expect(admin.schedules.update('by-sdk', { enabled: false })).resolves.toMatchObject({ enabled: false, next: [] });
    await expect(admin.schedules.why('by-sdk')).resolves.toEqual([]);
    await admin.schedules.delete('by-sdk');
    await expect(admin.schedules.get('by-sdk')).rejects.toMatchObject({ code: 'schedule_not_found' });

    const { schedules } = await admin.schedules.list();
    const ticks = schedules.find((one) => one.source === 'settings');
    const decisions = await until(
      () => admin.schedules.why(ticks?.$id ?? ''),
      (all) => all.length > 0,
    );
    expect(decisions[0]).toMatchObject({ code: 'ran', text: expect.stringMatching(/^The tick of .* is execution \w+\.$/) });
  });

  test('sends events, one and many, and tells whom they started', async () => {
    const one = await admin.events.send({ type: 'orders.created', source: '/shop', id: 'sdk-1', data: { total: 3 } });
    expect(one).toMatchObject({ id: 'sdk-1', isNew: true });
    await expect(admin.events.send({ type: 'orders.created', source: '/shop', id: 'sdk-1', data: { total: 3 } })).resolves.toMatchObject({
      isNew: false,
    });
    const many = await admin.events.send([
      { type: 'orders.paid', source: '/shop' },
      { type: 'other.thing', source: '/shop' },
    ]);
    expect(many.map(({ isNew }) => isNew)).toEqual([true, true]);
    const why = (event: { source: string; id: string }) =>
      until(
        () => admin.events.why(event),
        ({ event: { dispatchedAt } }) => dispatchedAt !== '',
      );
    await expect(why(one)).resolves.toMatchObject({ data: '{"total":3}', event: { started: 1 }, lines: [{ code: 'started' }] });
    await expect(why(many[1] ?? one)).resolves.toMatchObject({ event: { started: 0 }, lines: [{ code: 'no_subscription' }] });
    const { events } = await admin.events.list({ queries: [Query.equal('source', '/shop'), Query.orderAsc('$createdAt')] });
    expect(events.map(({ type }) => type).toSorted()).toEqual(['orders.created', 'orders.paid', 'other.thing']);
  });
});

describe("Appwrite's own client", () => {
  let functions: Functions;
  beforeAll(() => {
    const { url, apiKey, project: id } = project.martlet.ready;
    functions = new Functions(new Client().setEndpoint(`${url}/v1`).setProject(id).setKey(apiKey));
  });
  const ended = (functionId: string, executionId: string): Promise<Models.Execution> =>
    until(() => functions.getExecution({ functionId, executionId }), isOver);

  test('executes asynchronously, reads the execution, and lists with queries', async () => {
    const accepted = await functions.createExecution({
      functionId: processId,
      body: 'from appwrite',
      async: true,
      xpath: '/path?x=1',
      method: ExecutionMethod.PUT,
      headers: { 'x-own': 'yes' },
    });
    expect(accepted).toMatchObject({ status: 'waiting', trigger: 'http', requestMethod: 'PUT', requestPath: '/path?x=1' });
    await expect(ended(processId, accepted.$id)).resolves.toMatchObject({
      status: 'completed',
      responseStatusCode: 200,
      logs: 'attempt 1 of from appwrite',
    });
    const bad = await functions.createExecution({ functionId: processId, body: 'bad', async: true });
    await expect(ended(processId, bad.$id)).resolves.toMatchObject({ status: 'failed', responseStatusCode: 500 });

    const list = async (...queries: string[]): Promise<string[]> =>
      (await functions.listExecutions({ functionId: processId, queries })).executions.map((one) => one.$id);
    const { equal, orderDesc, limit, greaterThan, cursorAfter } = AppwriteQuery;
    await expect(list(equal('status', ['failed']), orderDesc('$createdAt'), limit(1))).resolves.toEqual([bad.$id]);
    await expect(list(equal('requestMethod', ['PUT']), greaterThan('responseStatusCode', 199))).resolves.toEqual([accepted.$id]);
    await expect(list(orderDesc('$createdAt'), cursorAfter(bad.$id), limit(1))).resolves.toEqual([accepted.$id]);
  });

  test('schedules an execution, and is told what a date must be', async () => {
    const scheduledAt = new Date(Date.now() + 1200).toISOString();
    const later = await functions.createExecution({ functionId: processId, body: 'later', async: true, scheduledAt });
    expect(later).toMatchObject({ status: 'scheduled' });
    const row = await ended(processId, later.$id);
    expect(row).toMatchObject({ status: 'completed', logs: 'attempt 1 of later' });
    expect(Date.parse(row.$updatedAt)).toBeGreaterThanOrEqual(Date.parse(scheduledAt));
    const past = { functionId: processId, async: true, scheduledAt: '2020-01-01T00:00:00.000Z' };
    await expect(functions.createExecution(past)).rejects.toMatchObject({ code: 400, type: 'general_argument_invalid' });
  });

  test('creates a function with a schedule and events, deploys it, and both start it', async () => {
    const entrypoint = 'functions/plain.ts';
    const made = await functions.create({
      functionId: 'by-appwrite',
      name: 'By Appwrite',
      runtime: Runtime.Node22,
      events: ['orders.*'],
      schedule: '* * * * * *',
      entrypoint,
    });
    expect(made).toMatchObject({ events: ['orders.*'], schedule: '* * * * * *', execute: [] });
    const never = { functionId: 'never', name: 'never', runtime: Runtime.Node22, schedule: '61 * * * *' };
    await expect(functions.create(never)).rejects.toMatchObject({ code: 400 });
    const { bytes } = await packFolder(project.folder, { ignore: [], limits: undefined });
    const deployment = await functions.createDeployment({
      functionId: 'by-appwrite',
      code: InputFile.fromBuffer(new Blob([new Uint8Array(bytes)]), 'code.tar.gz'),
      activate: true,
      entrypoint,
    });
    await until(
      () => functions.getDeployment({ functionId: 'by-appwrite', deploymentId: deployment.$id }),
      ({ status }) => status === 'ready',
    );
    await admin.events.send({ type: 'orders.shipped', source: '/appwrite' });
    const logOf = async (trigger: string): Promise<string> => {
      const queries = [AppwriteQuery.equal('trigger', [trigger]), AppwriteQuery.equal('status', ['completed'])];
      const { executions } = await until(
        () => functions.listExecutions({ functionId: 'by-appwrite', queries }),
        ({ total }) => total > 0,
      );
      return (await functions.getExecution({ functionId: 'by-appwrite', executionId: executions[0]?.$id ?? '' })).logs;
    };
    await expect(logOf('event')).resolves.toBe('event orders.shipped');
    await expect(logOf('schedule')).resolves.toBe('schedule no event');
    await functions.delete({ functionId: 'by-appwrite' });
  });
});
