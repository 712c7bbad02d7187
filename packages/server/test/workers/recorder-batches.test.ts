/** How many rows share a commit, and how long a row waits for the others. On a clock of the test's own. */
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import type { ExecutionStore } from '../../src/ports/store.ts';
import { createRecorder, type Recordable, type Recorder } from '../../src/services/invoke/recorder.ts';
import { silentLog } from './fake-process.ts';

const VISIBLE_MS = 10;
const COMMIT_MS = 1;

interface Commit {
  readonly at: number;
  readonly ids: readonly string[];
}

beforeEach(() => {
  vi.useFakeTimers({
    toFake: ['setTimeout', 'clearTimeout', 'setInterval', 'clearInterval', 'setImmediate', 'clearImmediate', 'performance'],
  });
});
afterEach(() => vi.useRealTimers());

function createBed(commitMs = COMMIT_MS): { recorder: Recorder; commits: Commit[] } {
  const commits: Commit[] = [];
  const write: ExecutionStore['write'] = async (batch) => {
    await new Promise((resolve) => {
      setTimeout(resolve, commitMs);
    });
    commits.push({ at: performance.now(), ids: batch.map(({ row }) => row.id) });
  };
  return { recorder: createRecorder({ executions: { write } as ExecutionStore, log: silentLog, serverId: 'server' }), commits };
}

function execution(id: string): Recordable {
  return { id, beganAt: performance.now(), row: () => ({ id }) as ReturnType<Recordable['row']>, lines: () => [] };
}

describe('rows of executions', () => {
  test('wait for company behind a quick commit as well, and never for too long', async () => {
    const { recorder, commits } = createBed();
    const endedAt = new Map<string, number>();
    for (let ms = 0; ms < 1000; ms += 1) {
      endedAt.set(`e${ms}`, performance.now());
      recorder.began(execution(`e${ms}`)).ended(performance.now());
      await vi.advanceTimersByTimeAsync(1);
    }
    await vi.advanceTimersByTimeAsync(VISIBLE_MS);
    expect(commits.flatMap(({ ids }) => ids)).toEqual([...endedAt.keys()]);
    const waits = commits.flatMap(({ at, ids }) => ids.map((id) => at - (endedAt.get(id) ?? 0)));
    expect(Math.max(...waits)).toBeLessThanOrEqual(VISIBLE_MS);
    expect(commits.length).toBeLessThan(1000 / 5);
  });

  test('wait for nothing when the commit before them took long enough', async () => {
    const { recorder, commits } = createBed(50);
    recorder.began(execution('first')).ended(performance.now());
    await vi.advanceTimersByTimeAsync(20);
    recorder.began(execution('second')).ended(performance.now());
    await vi.waitFor(() => expect(commits).toHaveLength(2));
    expect((commits[1]?.at ?? 0) - (commits[0]?.at ?? 0)).toBe(50);
  });

  test('are written at once when somebody waits for them, with what has ended in the same turn', async () => {
    const { recorder, commits } = createBed();
    const began = performance.now();
    const strict = recorder.began(execution('strict'));
    strict.ended(performance.now());
    const recorded = strict.whenRecorded();
    recorder.began(execution('other')).ended(performance.now());
    await vi.advanceTimersByTimeAsync(COMMIT_MS + 1);
    expect(commits.map(({ ids }) => ids)).toEqual([['strict', 'other']]);
    expect((commits[0]?.at ?? Infinity) - began).toBeLessThanOrEqual(COMMIT_MS + 1);
    await recorded;
  });

  test('are written at once when somebody began to wait while they ran, or while another commit is under way', async () => {
    const { recorder, commits } = createBed(5);
    recorder.began(execution('first')).ended(performance.now());
    await vi.advanceTimersToNextTimerAsync();
    const early = recorder.began(execution('early'));
    const recorded = early.whenRecorded();
    expect(recorder.backlog).toBe(0);
    early.ended(performance.now());
    await vi.advanceTimersByTimeAsync(1000);
    await recorded;
    expect(commits.map(({ ids }) => ids)).toEqual([['first'], ['early']]);
    expect((commits[1]?.at ?? Infinity) - (commits[0]?.at ?? 0)).toBe(5);
  });
});
