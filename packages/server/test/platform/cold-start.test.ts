/** Workers: one start for many first requests, kept warm, replaced on change, bounded. */
import { existsSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { startPlatform, type TestPlatform } from './start-platform.ts';

let martlet: TestPlatform;
beforeAll(async () => {
  martlet = await startPlatform();
});
afterAll(() => martlet.close());

const counted = async (response: Response): Promise<{ count: number; worker: string }> =>
  (await response.json()) as { count: number; worker: string };

describe('a cold function', () => {
  test('answers a hundred concurrent first requests from one start', async () => {
    await martlet.deploy('counts');
    const before = martlet.platform.services.pool.readings().coldStarts;
    const answers = await Promise.all(Array.from({ length: 100 }, async () => counted(await martlet.call('counts'))));
    expect(new Set(answers.map(({ worker }) => worker)).size).toBe(1);
    expect(answers.map(({ count }) => count).sort((a, b) => a - b)).toEqual(Array.from({ length: 100 }, (_, index) => index + 1));
    expect(martlet.platform.services.pool.readings().coldStarts - before).toBe(1);
  });

  test('has its code cache on the next cold start, and V8 takes it', async () => {
    const functionId = await martlet.deploy('context');
    await (await martlet.call('context')).text();
    await new Promise((resolve) => setTimeout(resolve, 300));
    const rejected = martlet.platform.services.pool.readings().cacheRejections;
    martlet.platform.services.pool.retire(martlet.platform.project, functionId);
    await (await martlet.call('context')).text();
    expect(martlet.platform.services.pool.readings().cacheRejections).toBe(rejected);
  });
});

describe('a live worker', () => {
  test('is replaced when a variable changes, and the new one sees it', async () => {
    const functionId = await martlet.deploy('env');
    const before = await (await martlet.call('env')).text();
    await martlet.api('POST', `/v1/functions/${functionId}/variables`, {
      variableId: 'unique()',
      key: 'MARTLET_TEST_VARIABLE',
      value: 'set now',
    });
    const after = await (await martlet.call('env')).text();
    expect(before).not.toContain('set now');
    expect(after).toContain('MARTLET_TEST_VARIABLE');
  });

  test('serves on while a new deployment takes over: no request fails', async () => {
    const functionId = await martlet.deploy('sleeps');
    const fn = await martlet.platform.services.functions.row(martlet.platform.project, functionId);
    let failures = 0;
    let stop = false;
    const load = Array.from({ length: 8 }, async () => {
      while (!stop) {
        const response = await martlet.call('sleeps?ms=20');
        if (response.status !== 200) failures += 1;
        await response.text();
      }
    });
    const { folder } = await folderOf(fn.entrypoint);
    for (let round = 0; round < 5; round += 1)
      await martlet.platform.services.deployments.createFromFolder({ fn, folder, entrypoint: fn.entrypoint });
    stop = true;
    await Promise.all(load);
    expect(failures).toBe(0);
  });

  test('does not outlive the server', async () => {
    const other = await startPlatform();
    await other.deploy('counts');
    await (await other.call('counts')).text();
    const pids = [...other.platform.services.pool.pids()];
    expect(pids.length).toBeGreaterThan(0);
    await other.close();
    expect(pids.filter((pid) => existsSync(`/proc/${pid}`))).toEqual([]);
  });
});

describe('admission', () => {
  test('lets one at a time through where the function says so, in the order of arrival', async () => {
    await martlet.deploy('one-at-a-time');
    const answers = await Promise.all(
      Array.from({ length: 5 }, async () => (await (await martlet.call('one-at-a-time?ms=20')).json()) as { together: number }),
    );
    expect(answers.map(({ together }) => together)).toEqual([1, 1, 1, 1, 1]);
  });

  test('answers 429 with Retry-After when the queue is full, and recovers', async () => {
    const small = await startPlatform({ limits: { ...martlet.platform.limits, queueDepth: 1 } });
    try {
      await small.deploy('one-at-a-time');
      const responses = await Promise.all(Array.from({ length: 4 }, () => small.call('one-at-a-time?ms=200')));
      const statuses = responses.map(({ status }) => status).sort((a, b) => a - b);
      expect(statuses).toEqual([200, 200, 429, 429]);
      expect(responses.find(({ status }) => status === 429)?.headers.get('retry-after')).toBe('1');
      expect((await small.call('one-at-a-time?ms=1')).status).toBe(200);
    } finally {
      await small.close();
    }
  });

  test('ends a chain of functions that call each other', async () => {
    await martlet.deploy('calls-itself');
    const response = await martlet.call('calls-itself');
    expect(response.status).toBe(508);
    expect(await response.text()).toContain('EXECUTION_HOPS_EXCEEDED');
  });
});

async function folderOf(entrypoint: string): Promise<{ folder: string }> {
  const { fileURLToPath } = await import('node:url');
  expect(entrypoint).toMatch(/^functions\//);
  return { folder: fileURLToPath(new URL('../../../../fixtures', import.meta.url)) };
}
