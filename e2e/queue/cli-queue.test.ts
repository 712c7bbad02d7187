/** The queue, schedules and events by the command line, as processes, against a server that `martlet dev` started. */
import { spawn } from 'node:child_process';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { EventResource, ExecutionResource, ScheduleResource } from '@martlet/protocol';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { REPOSITORY } from '../start-martlet.ts';
import { startQueueProject, until, type QueueProject } from './queue-project.ts';

const MARTLET = join(REPOSITORY, 'packages/cli/bin/martlet.mjs');

// Each test starts several processes, or waits for executions, on a machine that may be busy.
vi.setConfig({ testTimeout: 180_000 });

let project: QueueProject;
beforeAll(async () => {
  project = await startQueueProject();
}, 240_000);
afterAll(() => project?.close());

interface Ran {
  readonly status: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** Not `spawnSync`: the output of the server is read meanwhile. */
async function martlet(...args: string[]): Promise<Ran> {
  const child = spawn(process.execPath, [MARTLET, ...args], {
    cwd: project.folder,
    env: { PATH: process.env['PATH'], HOME: project.folder },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let [stdout, stderr] = ['', ''];
  child.stdout.on('data', (chunk: Buffer) => (stdout += chunk.toString()));
  child.stderr.on('data', (chunk: Buffer) => (stderr += chunk.toString()));
  const status = await new Promise<number | null>((resolve) => child.once('close', resolve));
  return { status, stdout, stderr };
}

async function json<Value>(...args: string[]): Promise<Value> {
  const { status, stdout, stderr } = await martlet(...args, '--json');
  expect(status, stderr).toBe(0);
  return JSON.parse(stdout) as Value;
}

const get = (id: string): Promise<ExecutionResource> => json<ExecutionResource>('executions', 'get', id);
const ended = (id: string): Promise<ExecutionResource> =>
  until(
    () => get(id),
    ({ status }) => status === 'completed' || status === 'failed',
  );

describe('invoke --async', () => {
  test('gives the id alone on stdout, before the function has answered', async () => {
    const { status, stdout, stderr } = await martlet('invoke', 'process', '--async', '--data', '{"n":1}', '--path', 'a/b?c=1');
    expect(status, stderr).toBe(0);
    expect(stdout).toMatch(/^\w+\n$/);
    expect(stderr).toContain(`martlet why ${stdout.trim()}`);
    const row = await ended(stdout.trim());
    expect(row).toMatchObject({ status: 'completed', attempt: 1, requestMethod: 'POST', requestPath: '/a/b?c=1' });
    expect(row.logs).toBe('attempt 1 of {"n":1}');
  });

  test('--wait follows it to its end, over its attempts, and ends with 1 where it failed', async () => {
    const good = await martlet('invoke', 'process', '--wait', '--data', 'good');
    expect([good.status, good.stderr]).toEqual([0, expect.stringMatching(/✓ completed {2}200 {2}[\d.]+ m?s {2}execution \w+/)]);
    const bad = await martlet('invoke', 'process', '--wait', '--data', 'bad', '--json');
    expect(bad.status).toBe(1);
    expect(bad.stderr).toMatch(/✗ failed \(execution_threw\) {2}500 {2}attempt 2 [^]*Next: martlet executions get \w+, martlet why \w+/);
    expect(JSON.parse(bad.stdout)).toMatchObject({ status: 'failed', attempt: 2, errorCode: 'execution_threw' });
  });

  test('puts it off, and cancels it before it ran', async () => {
    const row = await json<ExecutionResource>('invoke', 'process', '--in', '2h', '--priority', '-5', '--expires', '1h');
    expect(row.status).toBe('scheduled');
    expect(Date.parse(row.scheduledAt ?? '') - Date.now()).toBeGreaterThan(7_000_000);
    expect((await martlet('why', row.$id)).stdout).toMatch(/waits_for_time +It waits until 20\d\d-/);
    expect((await martlet('executions', 'list', '--status', 'scheduled')).stdout).toContain('scheduled in 1 h');
    expect((await martlet('executions', 'cancel', row.$id)).stdout).toBe(`✓ ${row.$id}  canceled\n`);
    expect((await martlet('executions', 'cancel', row.$id)).stdout).toBe(`✓ ${row.$id}  had ended before: failed\n`);
    await expect(get(row.$id)).resolves.toMatchObject({ status: 'failed', errorCode: 'execution_canceled', attempt: 0 });
  });

  test('starts nothing again under the same idempotency key, and refuses another request under it', async () => {
    const call = ['invoke', 'process', '--idempotency-key', 'order-7', '--concurrency-key', 'c', '--data'] as const;
    const first = await json<ExecutionResource>(...call, '7');
    await ended(first.$id);
    const again = await martlet(...call, '7');
    expect([again.stdout, again.stderr]).toEqual([`${first.$id}\n`, expect.stringContaining('accepted before: it is completed')]);
    const other = await martlet(...call, '8');
    expect([other.status, other.stdout, other.stderr]).toEqual([1, '', expect.stringContaining('execution_idempotency_conflict')]);
  });

  test('sends bytes that are no text as they are', async () => {
    await writeFile(join(project.folder, 'bytes'), new Uint8Array([0, 255, 7]));
    const { $id } = await json<ExecutionResource>('invoke', 'process', '--async', '--data', '@bytes', '--priority', '3');
    await expect(ended($id)).resolves.toMatchObject({ status: 'completed', requestSize: 3 });
  });

  test('calls as nobody unless it is told otherwise, as a call that waits does', async () => {
    const refused = await martlet('invoke', 'closed', '--async');
    expect([refused.status, refused.stdout, refused.stderr]).toEqual([1, '', expect.stringMatching(/user_unauthorized[^]*--as service/)]);
    expect((await martlet('invoke', 'closed', '--wait', '--as', 'service')).status).toBe(0);
  });

  test.each([
    [['invoke', 'process', '--in', 'soon']],
    [['invoke', 'process', '--at', '2027-02-30']],
    [['invoke', 'process', '--in', '1h', '--at', '2030-01-01']],
    [['invoke', 'process', '--priority', '101']],
    [['invoke', 'process', '--async', '--idempotency-key', 'a b']],
    [['executions', 'list', '--status', 'done']],
    [['executions', 'dead', '--replay', '--purge']],
    [['schedules', 'create', 'process']],
    [['schedules', 'create', 'process', '* * * * *', '--overlap', 'never']],
    [['events', 'send', 'a.b', '--data', 'x', '--content-type', 'application/json']],
    [['why']],
  ])('2 for wrong usage: %j', async (args) => {
    const { status, stdout, stderr } = await martlet(...args);
    expect([status, stdout]).toEqual([2, '']);
    expect(stderr).not.toBe('');
  });
});

describe('what failed for good', () => {
  test('tells its story, runs again as it was or changed, and is let go', async () => {
    await martlet('executions', 'dead', '--purge');
    const { $id } = JSON.parse((await martlet('invoke', 'process', '--wait', '--data', 'bad 1', '--json')).stdout) as ExecutionResource;
    const story = (await martlet('why', $id)).stdout;
    expect(story).toMatch(/^process {2}failed \(execution_threw\)/);
    expect(story).toMatch(/accepted[^]*Attempt 1 was taken[^]*execution_threw[^]*retry +Attempt 2 follows[^]*exhausted[^]*dead /);
    await expect(json('why', $id)).resolves.toMatchObject({ executionId: $id, attempts: [{ number: 1 }, { number: 2 }] });

    expect((await martlet('executions', 'dead', '--function', 'process')).stdout).toContain($id);
    const again = await martlet('executions', 'replay', $id, '--data', 'good now', '--wait', '--json');
    expect(again.status, again.stderr).toBe(0);
    const replayed = JSON.parse(again.stdout) as ExecutionResource;
    expect(replayed).toMatchObject({ status: 'completed', attempt: 1 });
    expect((await get(replayed.$id)).logs).toBe('attempt 1 of good now');
    expect((await martlet('why', replayed.$id)).stdout).toContain(`as a replay of ${$id}`);
    expect((await martlet('why', $id)).stdout).toContain(`It was run again as ${replayed.$id}`);

    const never = await martlet('executions', 'replay', replayed.$id);
    expect([never.status, never.stderr]).toEqual([1, expect.stringContaining('execution_not_replayable')]);
  });

  test('goes in bulk', async () => {
    await martlet('executions', 'dead', '--purge');
    for (const body of ['bad 2', 'bad 3']) await martlet('invoke', 'process', '--wait', '--data', body);
    const { executions } = await json<{ executions: ExecutionResource[] }>('executions', 'dead', '--replay');
    expect(executions).toHaveLength(2);
    for (const { $id } of executions) await expect(ended($id)).resolves.toMatchObject({ status: 'failed', attempt: 2 });
    await expect(json('executions', 'dead', executions[0]?.$id ?? '', '--purge')).resolves.toEqual({ purged: 1 });
    await expect(json('executions', 'dead')).resolves.toMatchObject({ total: 1, executions: [{ $id: executions[1]?.$id }] });
    expect((await martlet('executions', 'dead', '--purge')).stderr).toContain('1 execution let go');
    expect((await martlet('executions', 'dead')).stderr).toContain('No dead executions.');
  });
});

describe('schedules', () => {
  test('of the settings of a function are found by its name, counted, paused and resumed', async () => {
    const { schedules } = await until(
      () => json<{ schedules: ScheduleResource[] }>('schedules', 'list', '--function', 'ticks'),
      (list) => (list.schedules[0]?.counters.ran ?? 0) >= 2,
    );
    expect(schedules).toMatchObject([{ source: 'settings', expression: '* * * * * *', timezone: 'Europe/Berlin' }]);
    const row = await ended(schedules[0]?.lastExecutionId ?? '');
    expect(row).toMatchObject({
      trigger: 'schedule',
      status: 'completed',
      logs: `tick ${Date.parse(schedules[0]?.lastTick ?? '') / 1000}`,
    });
    expect((await martlet('schedules', 'pause', 'ticks')).stdout).toBe('✓ ticks  paused\n');
    expect((await martlet('schedules', 'get', 'ticks')).stdout).toMatch(/state +paused\nstands in +the settings of the function/);
    expect((await martlet('why', 'schedule:ticks')).stdout).toMatch(/paused[^]*ran +The tick of 20\d\d-\S+ is execution \w+/);
    const refused = await martlet('schedules', 'delete', 'ticks');
    expect([refused.status, refused.stderr]).toEqual([1, expect.stringContaining('schedule_of_settings')]);
    expect((await martlet('schedules', 'resume', 'ticks')).stdout).toMatch(
      /^✓ ticks {2}resumed, next in 1 s|^✓ ticks {2}resumed, next now/,
    );
  });

  test('are made with a request of their own, show their next times in their zone, and run by hand', async () => {
    const times = ['30 2 * * *', '--timezone', 'America/New_York', '--jitter', '5s', '--catch-up', 'all', '--catch-up-max', '3'];
    const request = ['--data', '{"all":true}', '--path', 'night'];
    const made = await martlet('schedules', 'create', 'process', ...times, ...request, '--id', 'nightly', '--overlap', 'queue');
    expect([made.status, made.stdout], made.stderr).toEqual([0, 'nightly\n']);
    const { next } = await json<{ next: string[] }>('schedules', 'next', 'nightly', '--count', '3');
    expect(next).toHaveLength(3);
    expect((await martlet('schedules', 'next', 'nightly', '-n', '1')).stdout).toMatch(/^\w{3} 20\d\d-\d\d-\d\d 02:30:0\d GMT-[45]\n$/);
    const run = JSON.parse((await martlet('schedules', 'run', 'nightly', '--wait', '--json')).stdout) as ExecutionResource;
    expect(run).toMatchObject({ trigger: 'manual', status: 'completed', requestPath: '/night' });
    expect((await get(run.$id)).logs).toBe('attempt 1 of {"all":true}');
    expect((await martlet('schedules', 'delete', 'nightly')).status).toBe(0);
    expect((await martlet('schedules', 'get', 'nightly')).stderr).toContain('schedule_not_found');
  });

  test('run once, and are over then', async () => {
    await json('schedules', 'create', 'process', '--in', '1s', '--id', 'once', '--data', 'once');
    const schedule = await until(
      () => json<ScheduleResource>('schedules', 'get', 'once'),
      ({ lastExecutionId }) => lastExecutionId !== '',
    );
    expect(schedule).toMatchObject({ next: [], counters: { ran: 1 } });
    await expect(ended(schedule.lastExecutionId)).resolves.toMatchObject({ status: 'completed', trigger: 'schedule' });
  });

  test.each([
    ['99 * * * *', 'in the field minute, 99 is out of range'],
    ['0 0 30 2 *', 'it can never run'],
  ])('with the times %j are refused with the reason', async (expression, reason) => {
    const { status, stdout, stderr } = await martlet('schedules', 'create', 'process', expression);
    expect([status, stdout, stderr]).toEqual([1, '', expect.stringContaining(reason)]);
  });
});

describe('events', () => {
  test('start those who listen, once, and say whom', async () => {
    const sent = await martlet('events', 'send', 'orders.created', '--id', 'e1', '--data', '{"total":12}', '--wait', '--json');
    expect(sent.status, sent.stderr).toBe(0);
    const story = JSON.parse(sent.stdout) as { event: EventResource; data: string; lines: { code: string; text: string }[] };
    expect(story).toMatchObject({ event: { started: 1, source: '/martlet-cli' }, data: '{"total":12}', lines: [{ code: 'started' }] });
    const id = /execution (\w+)/.exec(story.lines[0]?.text ?? '')?.[1] ?? '';
    await expect(ended(id)).resolves.toMatchObject({ trigger: 'event', status: 'completed', logs: 'orders.created {"total":12}' });
    expect((await martlet('why', id)).stdout).toContain('by the event e1');

    const again = await martlet('events', 'send', 'orders.created', '--id', 'e1', '--data', '{"total":12}');
    expect([again.status, again.stderr]).toEqual([0, expect.stringContaining('nothing was started again')]);
    for (const way of [
      ['events', 'why', 'e1'],
      ['why', 'e1'],
      ['why', '--source', '/martlet-cli', '--id', 'e1'],
    ])
      expect((await martlet(...way)).stdout).toMatch(/^orders\.created {2}event e1 from \/martlet-cli[^]*"listens" listens to orders\.\*/);
  });

  test('that nobody listens to say so, and are listed', async () => {
    const { stderr, stdout } = await martlet('events', 'send', 'nobody.listens', '--subject', 's', '--source', '/shop', '--wait');
    expect(stderr).toContain('listens to nobody.listens.');
    const list = await json<{ events: EventResource[] }>('events', 'list', '--type', 'nobody.listens', '--source', '/shop');
    expect(list.events).toMatchObject([{ $id: stdout.trim(), subject: 's', dataSize: 0, started: 0 }]);
    expect((await martlet('events', 'list', '--by', 'api')).stdout).toMatch(/nobody\.listens +\/shop .* nothing /);
  });

  test('are refused under a name of the platform, and not found under an id that nobody sent', async () => {
    const refused = await martlet('events', 'send', 'users.u1.create');
    expect([refused.status, refused.stderr]).toEqual([1, expect.stringContaining('event_name_invalid')]);
    const unknown = await martlet('why', 'nothing-has-this-id');
    expect([unknown.status, unknown.stderr]).toEqual([1, expect.stringContaining('no execution, schedule or event has the id')]);
  });
});

test('martlet dev tells of ticks, events, async executions and what follows a failure', async () => {
  const output = project.martlet.output();
  expect(output).toMatch(/RUNS BY ITSELF/);
  expect(output).toMatch(/ticks .*\* \* \* \* \* \* \(Europe\/Berlin\)/);
  expect(output).toMatch(/schedule → ticks 204 [\d.]+ m?s/);
  expect(output).toMatch(/async → process\/a\/b\?c=1 200 /);
  expect(output).toMatch(/async → process 500 .*execution_threw\n[^]*↻ process {2}Attempt 2 follows in [\d.]+ s\./);
  expect(output).toMatch(/✗ process {2}Attempt 2 was the last one/);
  expect(output).toMatch(/event orders\.created from \/martlet-cli\n +→ "listens" listens to orders\.\*: execution \w+/);
  expect(output).toMatch(/event → listens 204 /);
  expect(output).toContain('listens to nobody.listens.');
});
