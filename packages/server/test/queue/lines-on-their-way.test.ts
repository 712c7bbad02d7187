/** An attempt that ends while lines of it are on their way to a store that does not take them. */
import { expect, it } from 'vitest';
import { PlatformError, type LogLine } from '@martlet/protocol';
import { createMemoryStore } from '../../src/drivers/memory-store/memory-store.ts';
import type { JobStore } from '../../src/ports/store/job-store.ts';
import { createJobRunner } from '../../src/services/queue/run-job.ts';
import { createSettler } from '../../src/services/queue/settler.ts';
import { createDispatcher } from '../../src/triggers/queue/dispatcher.ts';
import { aJob, anExecution } from '../support/rows.ts';

const NOW = 1_769_817_600_000;
const quiet = { warn: () => undefined, error: () => undefined } as never;

it('loses none of them', async () => {
  const store = createMemoryStore();
  await store.open();
  await store.jobs.enqueue([aJob({ id: 'talks', projectId: 'l' })], []);
  const sent = Promise.withResolvers<void>();
  const refusal = Promise.withResolvers<void>();
  const jobs: JobStore = {
    ...store.jobs,
    async addLines() {
      sent.resolve();
      await refusal.promise;
      throw new PlatformError('store_unavailable');
    },
  };
  const lines: LogLine[] = [{ time: NOW, level: 'info', stream: 'logs', text: 'first' }];
  const invoke = {
    async invoke({ attempt }: { attempt: { record(running: object): { ended(): void } } }) {
      const recording = attempt.record({
        id: 'talks',
        beganAt: 0,
        lines: () => lines,
        row: () => anExecution({ id: 'talks', projectId: 'l', status: 'completed' }),
      });
      await sent.promise;
      lines.push({ time: NOW + 1, level: 'info', stream: 'logs', text: 'second' });
      recording.ended();
      setTimeout(refusal.resolve, 50);
      return { outcome: { kind: 'failed' } };
    },
    cancel: () => false,
  };
  const shared = {
    invoke: invoke as never,
    jobs,
    routes: { byId: async () => null } as never,
    clock: { now: () => NOW } as never,
    log: quiet,
  };
  const runner = createJobRunner({
    ...shared,
    settler: createSettler({ jobs, log: quiet }),
    userToken: async () => '',
    random: () => 0.5,
    closing: new AbortController().signal,
  });
  const dispatcher = createDispatcher({ ...shared, nodes: store.nodes, runner, capacity: 1, node: { name: 'test', newId: () => 'n1' } });
  try {
    await dispatcher.start();
    await expect.poll(() => store.jobs.get('l', 'talks'), { timeout: 8000 }).toMatchObject({ state: null });
    expect((await store.executions.lines('talks')).map(({ text }) => text)).toEqual(['first', 'second']);
  } finally {
    await dispatcher.close(0);
  }
});
