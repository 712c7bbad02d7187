import { describe, expect, test } from 'vitest';
import { PlatformError } from '@martlet/protocol';
import { createRecorder, type Recordable } from '../../src/services/invoke/recorder.ts';
import type { ExecutionStore, ExecutionWrite } from '../../src/ports/store.ts';

const sleep = (ms: number) => new Promise((r) => setTimeout(r, ms));
const log = { info() {}, warn() {}, error() {}, debug() {} } as never;

test('an execution is not said to be durable while only its row as running is', async () => {
  const writes: { write: readonly ExecutionWrite[]; done: () => void }[] = [];
  const executions = {
    write: (write: readonly ExecutionWrite[]) => new Promise<void>((done) => writes.push({ write, done })),
  } as unknown as ExecutionStore;
  const recorder = createRecorder({ executions, log });
  let status = 'processing';
  const execution: Recordable = { id: 'a', beganAt: performance.now(), row: () => ({ status }) as never, lines: () => [] };
  const recording = recorder.began(execution);
  while (writes.length === 0) await sleep(10);
  status = 'completed';
  let durable = false;
  recording.ended();
  void recording.whenRecorded().then(() => (durable = true));
  writes[0]?.done();
  await sleep(2);
  const early = {
    durable,
    final: writes.some(({ write }) => write.some(({ row }) => row.status === 'completed')),
    pending: recorder.pending('a') !== undefined,
  };
  console.log(early);
  expect(early.durable).toBe(false);
  expect(early.pending).toBe(true);
  await sleep(20);
  for (const w of writes) w.done();
});

test('while the store is away, an execution waits once', async () => {
  const executions = { write: () => Promise.reject(new PlatformError('store_unavailable')) } as unknown as ExecutionStore;
  const recorder = createRecorder({ executions, log });
  recorder.began({ id: 'a', beganAt: performance.now(), row: () => ({}) as never, lines: () => [] });
  await sleep(2500);
  console.log('backlog', recorder.backlog);
  expect(recorder.backlog).toBeLessThanOrEqual(1);
});
void describe;
