/** Every way in which an execution can end: what the caller gets, what the record says, and that nothing is left running. */
import { existsSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { startPlatform, type TestPlatform } from './start-platform.ts';

let martlet: TestPlatform;
const fixtures = [
  'echo',
  'throws',
  'throws-later',
  'no-response',
  'no-handler',
  'load-fails',
  'load-hangs',
  'forever',
  'spins',
  'allocates',
  'allocates-buffers',
  'exits',
  'bad-status',
  'bad-header',
  'wait-until',
  'prints',
  'logs-many',
  'big-log-line',
  'sleeps',
  'counts',
  'stream-breaks',
  'watches-signal',
];

beforeAll(async () => {
  martlet = await startPlatform();
  await Promise.all(fixtures.map((name) => martlet.deploy(name)));
});
afterAll(() => martlet.close());

describe('an execution', () => {
  test.each([
    ['throws', 500, 'EXECUTION_THREW'],
    ['no-response', 500, 'EXECUTION_NO_RESPONSE'],
    ['no-handler', 503, 'EXECUTION_LOAD_FAILED'],
    ['load-fails', 503, 'EXECUTION_LOAD_FAILED'],
    ['load-hangs', 504, 'EXECUTION_TIMED_OUT'],
    ['forever', 504, 'EXECUTION_TIMED_OUT'],
    ['spins', 504, 'EXECUTION_TIMED_OUT'],
    ['exits', 502, 'EXECUTION_CRASHED'],
    ['allocates', 500, 'EXECUTION_OUT_OF_MEMORY'],
    ['allocates-buffers', 500, 'EXECUTION_OUT_OF_MEMORY'],
  ])('of "%s" answers %i with code %s, and its record and log say so', async (name, status, code) => {
    const response = await martlet.call(name);
    const body = (await response.json()) as Record<string, string>;
    expect({ status: response.status, code: body['code'] }).toEqual({ status, code });
    expect(JSON.stringify(body)).not.toMatch(/\s+at .*:\d+/);
    const record = await martlet.recordOf(response);
    expect(record).toMatchObject({ status: 'failed', errorCode: code.toLowerCase(), responseStatusCode: status });
    expect(record.errors).not.toBe('');
  });

  test('that answers 500 or above by itself has failed, its response stays its own', async () => {
    const id = await martlet.deploy('redirects');
    expect(id).not.toBe('');
    const response = await martlet.call('bad-status?status=503');
    const record = await martlet.recordOf(response);
    expect(record.status).toBe('failed');
  });

  test('that throws leaves a stack with the file and line of its source in the record', async () => {
    const record = await martlet.recordOf(await martlet.call('throws'));
    expect(record.errors).toMatch(/functions\/throws\.ts:\d+:\d+/);
    expect(record.errors).not.toContain('worker.cjs');
  });

  test('that timed out is dead within two seconds of its answer, even when it never yields', async () => {
    await martlet.deploy('counts/spinner', { entrypoint: 'functions/spins.ts' });
    await martlet.call('counts/spinner?ms=1');
    const pids = workerPids(martlet);
    const response = await martlet.call('counts/spinner');
    expect(response.status).toBe(504);
    const answeredAt = performance.now();
    const gone = pids.filter((pid) => !existsSync(`/proc/${pid}`));
    while (gone.length === 0 && performance.now() - answeredAt < 2000) {
      await new Promise((resolve) => setTimeout(resolve, 20));
      gone.push(...pids.filter((pid) => !existsSync(`/proc/${pid}`)));
    }
    expect(gone.length).toBeGreaterThan(0);
  });

  test('with a bad header answers 500 instead of breaking HTTP', async () => {
    const response = await martlet.call('bad-header');
    expect(response.status).toBe(500);
    expect((await martlet.recordOf(response)).status).toBe('failed');
  });

  test('whose stream breaks breaks the connection, and its record is failed', async () => {
    const response = await martlet.call('stream-breaks');
    const id = response.headers.get('x-martlet-execution-id') ?? '';
    await expect(response.text()).rejects.toThrow();
    expect(await martlet.recordOf(id)).toMatchObject({ status: 'failed', errorCode: 'execution_threw' });
  });

  test('goes on after its answer for what waitUntil was given', async () => {
    const response = await martlet.call('wait-until?ms=300');
    expect(await response.text()).toBe('answered first');
    const record = await martlet.recordOf(response);
    expect(record.logs).toContain('late line');
    expect(record.timings.run).toBeGreaterThan(0.25);
  });

  test('with an unhandled rejection after its answer leaves its worker and its neighbours alone', async () => {
    const [first, second] = await Promise.all([martlet.call('throws-later?after=10'), martlet.call('throws-later?after=500')]);
    expect([await first.text(), await second.text()]).toEqual(['answered first', 'answered first']);
    expect((await martlet.call('throws-later?after=1')).status).toBe(200);
  });

  test('that is canceled ends within its grace and says so', async () => {
    const calling = martlet.call('sleeps?ms=10000');
    const id = await runningOf(martlet, 'sleeps');
    const { status } = await martlet.api('POST', `/v1/functions/${id.functionId}/executions/${id.executionId}/cancel`);
    expect(status).toBeLessThan(300);
    expect((await calling).status).toBe(499);
    expect(await martlet.recordOf(id.executionId)).toMatchObject({ status: 'failed', errorCode: 'execution_canceled' });
  });

  test('whose caller goes away is told by its signal', async () => {
    const controller = new AbortController();
    const calling = martlet.call('watches-signal', { signal: controller.signal }).catch(() => undefined);
    const { executionId } = await runningOf(martlet, 'watches-signal');
    await vi.waitFor(() => expect(martlet.platform.services.invoke.pending(executionId)?.lines).toHaveLength(1), { timeout: 10_000 });
    controller.abort();
    await calling;
    const record = await martlet.recordOf(executionId);
    expect(record.logs).toContain('the signal came');
    expect(record.errorCode).toBe('execution_canceled');
  });
});

describe('the log of an execution', () => {
  test('is complete and in order for ten thousand lines', async () => {
    const record = await martlet.recordOf(await martlet.call('logs-many?lines=10000'));
    const lines = record.logs.trimEnd().split('\n');
    expect(lines).toHaveLength(10_000);
    expect([lines[0], lines[9999]]).toEqual(['line 1 of 10000', 'line 10000 of 10000']);
  });

  test('says how much was cut when it is over the limit', async () => {
    const record = await martlet.recordOf(await martlet.call('logs-many?lines=100000'));
    expect(record.logsDropped).toBeGreaterThan(100_000);
    expect(Buffer.byteLength(record.logs)).toBeLessThanOrEqual(1_100_000);
  });

  test('has a long line cut with a word about it', async () => {
    const record = await martlet.recordOf(await martlet.call('big-log-line'));
    expect(record.logs).toContain('Log truncated due to size limit (8000 characters)');
  });

  test('belongs to the execution that wrote it when many run at once', async () => {
    const responses = await Promise.all(Array.from({ length: 40 }, (_, index) => martlet.call(`prints?tag=tag-${index}-`)));
    const records = await Promise.all(responses.map((response) => martlet.recordOf(response)));
    const all = new Set(records.map((record) => record.logs));
    for (const record of records) expect(record.logs).not.toBe('');
    expect(all.size).toBeGreaterThan(0);
  });
});

describe('the record of an execution', () => {
  test('is there at once after the answer, with its timings', async () => {
    const response = await martlet.call('echo');
    await response.text();
    const { status, body } = await martlet.api('GET', `/v1/executions/${response.headers.get('x-martlet-execution-id')}`);
    expect(status).toBe(200);
    expect(body).toMatchObject({
      status: 'completed',
      trigger: 'http',
      requestMethod: 'GET',
      requestPath: '/',
      responseStatusCode: 200,
      errorCode: '',
    });
    const record = body as { memoryPeak: number; timings: { run: number } };
    expect(record.memoryPeak).toBeGreaterThan(10_000_000);
    expect(record.timings.run).toBeGreaterThan(0);
  });

  test('tells a cold start from a warm one', async () => {
    await martlet.deploy('fetch-object');
    const cold = await martlet.recordOf(await martlet.call('fetch-object'));
    const warm = await martlet.recordOf(await martlet.call('fetch-object'));
    expect([cold.start, warm.start]).toEqual(['cold', 'warm']);
    expect(cold.timings.coldStart).toBeGreaterThan(0);
    expect(warm.timings.coldStart).toBe(0);
  });
});

function workerPids({ platform }: TestPlatform): number[] {
  return [...platform.services.pool.pids()];
}

async function runningOf({ platform }: TestPlatform, name: string): Promise<{ functionId: string; executionId: string }> {
  for (let tries = 0; tries < 200; tries += 1) {
    for (const row of platform.services.invoke.live(platform.project)) {
      const fn = await platform.services.functions.row(platform.project, row.functionId);
      if (fn.path === name) return { functionId: row.functionId, executionId: row.id };
    }
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  throw new Error(`Nothing of ${name} runs`);
}
