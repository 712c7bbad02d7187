/** The recorder when an execution ends while it is being written, and when the store is away. */
import { PlatformError } from '@martlet/protocol';
import { describe, expect, test, vi } from 'vitest';
import type { ExecutionStore, ExecutionWrite } from '../../src/ports/store.ts';
import { createRecorder, type Recordable } from '../../src/services/invoke/recorder.ts';
import { silentLog } from './fake-process.ts';

type Write = ExecutionStore['write'];

const createRecorderOver = (write: Write) =>
  createRecorder({ executions: { write } as ExecutionStore, log: silentLog, serverId: 'server' });

function createExecution(): Recordable & { status: string } {
  return {
    id: 'a',
    beganAt: performance.now(),
    status: 'processing',
    row() {
      return { id: this.id, status: this.status } as ReturnType<Recordable['row']>;
    },
    lines: () => [{ time: 0, level: 'info', stream: 'logs', text: 'a line' }],
  };
}

describe('the record of an execution', () => {
  test('is not durable while only its row as processing is', async () => {
    const writes: { statuses: string[]; servers: (string | undefined)[]; commit: () => void }[] = [];
    const recorder = createRecorderOver(
      (batch) =>
        new Promise((commit) =>
          writes.push({ statuses: batch.map(({ row }) => row.status), servers: batch.map(({ serverId }) => serverId), commit }),
        ),
    );
    const execution = createExecution();
    const recording = recorder.began(execution);
    await vi.waitFor(() => expect(writes).toHaveLength(1), { timeout: 5000 });
    execution.status = 'completed';
    recording.ended(performance.now());
    let durable = false;
    const recorded = recording.whenRecorded().then(() => (durable = true));
    writes[0]?.commit();
    await vi.waitFor(() => expect(writes).toHaveLength(2), { timeout: 5000 });
    expect(writes.map(({ statuses }) => statuses)).toEqual([['processing'], ['completed']]);
    // One that has ended is nobody's any more.
    expect(writes.map(({ servers }) => servers)).toEqual([['server'], [undefined]]);
    expect(durable).toBe(false);
    expect(recorder.pending('a')?.row.status).toBe('completed');
    writes[1]?.commit();
    await recorded;
    expect(recorder.pending('a')).toBeUndefined();
    await recorder.close();
  });

  test('waits once while the store is away, and is written with its lines when it is back', async () => {
    let away = true;
    let refused = 0;
    const written: ExecutionWrite[] = [];
    const recorder = createRecorderOver((batch) => {
      if (away) {
        refused += 1;
        return Promise.reject(new PlatformError('store_unavailable'));
      }
      written.push(...batch);
      return Promise.resolve();
    });
    const recording = recorder.began(createExecution());
    let backlogMax = 0;
    await vi.waitFor(
      () => {
        backlogMax = Math.max(backlogMax, recorder.backlog);
        expect(refused).toBeGreaterThanOrEqual(3);
      },
      { timeout: 10_000, interval: 20 },
    );
    expect(backlogMax).toBe(1);
    away = false;
    recording.ended(performance.now());
    await recording.whenRecorded();
    await recorder.close();
    expect(recorder.backlog).toBe(0);
    expect(written.flatMap(({ lines }) => lines).map(({ text }) => text)).toEqual(['a line']);
  });
});
