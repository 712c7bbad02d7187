/** Executions and their lines: part of the contract of the store. */
import { expect, it } from 'vitest';
import type { ExecutionStatus } from '@martlet/protocol';
import type { ExecutionRow, Store } from '../../src/ports/store.ts';
import { hostileTexts } from '../support/hostile-texts.ts';
import { aFunction, anEvent, anExecution, aQuery, aWrite } from '../support/rows.ts';

export function testExecutions(store: () => Store): void {
  const get = (row: ExecutionRow) => store().executions.get(row.projectId, row.functionId, row.id);

  it('keeps an execution with every fact, and finds it only where it belongs', async () => {
    const row = anExecution({
      id: 'facts',
      projectId: 'facts',
      trigger: 'event',
      status: 'failed',
      errorCode: 'execution_threw',
      userId: 'u1',
      cold: true,
      queueMs: 0.1,
      coldMs: 12.345678,
      runMs: 1 / 3,
      cpuMicros: 0.5,
      createdAt: 1_769_817_600_000.25,
      endedAt: 1_769_817_600_001.75,
      requestHeaders: ['a', 'b"\u0000\\', 'ü', '😀'],
    });
    await store().executions.write([{ row, lines: [] }]);
    await expect(get(row)).resolves.toEqual(row);
    await expect(store().executions.find('facts', 'facts')).resolves.toEqual(row);
    await expect(store().executions.find('default', 'facts')).resolves.toBeNull();
    await expect(store().executions.get('facts', 'other', 'facts')).resolves.toBeNull();
    await expect(store().executions.lines('facts')).resolves.toEqual([]);
  });

  it('keeps absent facts absent', async () => {
    const row = anExecution({ id: 'absent', projectId: 'absent', status: 'waiting', cold: null, endedAt: null, requestHeaders: [] });
    await store().executions.write([{ row, lines: [] }]);
    await expect(get(row)).resolves.toEqual(row);
    await store().executions.failInterrupted(1);
  });

  it('takes an empty batch', async () => {
    await expect(store().executions.write([])).resolves.toBeUndefined();
  });

  it('replaces a known execution, and appends its lines in the order of writing', async () => {
    const waiting = anExecution({ id: 'grows', projectId: 'grows', status: 'waiting', endedAt: null, runMs: 0 });
    const completed = anExecution({ id: 'grows', projectId: 'grows', status: 'completed', deploymentId: 'later', updatedAt: 9 });
    await store().executions.write([{ row: waiting, lines: [] }]);
    await store().executions.write([aWrite({ ...waiting, status: 'processing' }, 'one', 'two')]);
    await store().executions.write([aWrite({ ...waiting, status: 'processing' }, 'three'), aWrite(completed, 'four')]);
    await expect(get(completed)).resolves.toEqual(completed);
    const lines = await store().executions.lines('grows');
    expect(lines.map((line) => line.text)).toEqual(['one', 'two', 'three', 'four']);
    expect(lines[0]).toEqual({ time: 1_769_817_600_000.5, level: 'info', stream: 'logs', text: 'one' });
    await expect(store().executions.list('grows', null, aQuery())).resolves.toMatchObject({ total: 1 });
  });

  it('never reopens an execution that has ended', async () => {
    const ends: readonly ExecutionStatus[] = ['completed', 'failed'];
    const opens: readonly ExecutionStatus[] = ['scheduled', 'waiting', 'processing'];
    for (const end of ends) {
      for (const open of opens) {
        const ended = anExecution({ id: `${end}-${open}`, projectId: 'ended', status: end });
        await store().executions.write([{ row: ended, lines: [] }]);
        await store().executions.write([aWrite({ ...ended, status: open, responseStatus: 0, endedAt: null }, 'late')]);
        await expect(get(ended)).resolves.toEqual(ended);
        await expect(store().executions.lines(ended.id)).resolves.toEqual([]);
      }
    }
  });

  it('keeps the first end of an execution, and of a second one neither lines nor events', async () => {
    const facts = { id: 'ends-twice', projectId: 'ends-twice' } as const;
    const interrupted = anExecution({ ...facts, status: 'failed', errorCode: 'execution_interrupted' });
    const late = aWrite({ ...facts, status: 'completed' }, 'late');
    const told = anEvent({ id: 'late-end', projectId: 'ends-twice' });
    await store().executions.write([{ ...aWrite(interrupted, 'first') }]);
    await store().executions.write([late]);
    await store().executions.write([late, aWrite({ id: 'ends-beside', projectId: 'ends-twice' }, 'beside')]);
    await store().executions.write([{ ...late, told: [told] }]);
    await expect(get(interrupted)).resolves.toEqual(interrupted);
    const texts = async (id: string) => (await store().executions.lines(id)).map(({ text }) => text);
    await expect(texts('ends-twice')).resolves.toEqual(['first']);
    await expect(texts('ends-beside')).resolves.toEqual(['beside']);
    await expect(store().events.get('ends-twice', told.source, 'late-end')).resolves.toBeNull();
  });

  it('keeps the first of two ends in one batch', async () => {
    const facts = { id: 'two-ends', projectId: 'two-ends' } as const;
    const begun = aWrite({ ...facts, status: 'processing', endedAt: null }, 'one');
    const first = aWrite({ ...facts, status: 'completed' }, 'two');
    await store().executions.write([begun, first, aWrite({ ...facts, status: 'failed', errorCode: 'execution_crashed' }, 'three')]);
    await expect(get(first.row)).resolves.toEqual(first.row);
    expect((await store().executions.lines('two-ends')).map(({ text }) => text)).toEqual(['one', 'two']);
  });

  it('leaves the truth to whoever ended first, however writes are interleaved', async () => {
    const row = anExecution({ id: 'interleaved', projectId: 'interleaved' });
    const statuses: readonly ExecutionStatus[] = ['waiting', 'processing', 'completed', 'processing', 'waiting'];
    await Promise.all(statuses.map((status) => store().executions.write([{ row: { ...row, status }, lines: [] }])));
    await expect(get(row)).resolves.toMatchObject({ status: 'completed' });
  });

  it('refuses a batch with a bad row as a whole, and no batch beside it', async () => {
    const bad = { ...anExecution({ id: 'bad', projectId: 'bad' }), runMs: Number.NaN };
    const results = await Promise.allSettled([
      store().executions.write([aWrite({ id: 'before', projectId: 'bad' })]),
      store().executions.write([aWrite({ id: 'beside', projectId: 'bad' }, 'line'), { row: bad, lines: [] }]),
      store().executions.write([aWrite({ id: 'after', projectId: 'bad' })]),
    ]);
    expect(results.map((result) => result.status)).toEqual(['fulfilled', 'rejected', 'fulfilled']);
    const { rows } = await store().executions.list('bad', null, aQuery());
    expect(rows.map((row) => row.id)).toEqual(['before', 'after']);
    await expect(store().executions.lines('beside')).resolves.toEqual([]);
  });

  it('shows a write to every read that comes after it resolved, and to reads by key that were asked for after it', async () => {
    for (let round = 0; round < 30; round += 1) {
      const row = anExecution({ id: `own-${round}`, projectId: 'own' });
      const written = store().executions.write([{ row, lines: [] }]);
      await expect(get(row)).resolves.toEqual(row);
      await written;
      await expect(store().executions.list('own', null, aQuery())).resolves.toMatchObject({ total: round + 1 });
    }
  });

  it('keeps texts of any kind as they are', async () => {
    const writes = hostileTexts.map((text, index) =>
      aWrite({ id: `hostile-${index}`, projectId: 'hostile', requestPath: text, requestHeaders: [text, text] }, text),
    );
    await store().executions.write(writes);
    for (const [index, text] of hostileTexts.entries()) {
      await expect(store().executions.find('hostile', `hostile-${index}`)).resolves.toMatchObject({
        requestPath: text,
        requestHeaders: [text, text],
      });
      await expect(store().executions.lines(`hostile-${index}`)).resolves.toMatchObject([{ text }]);
    }
    await expect(store().executions.list('hostile', null, aQuery())).resolves.toMatchObject({ total: hostileTexts.length });
  });

  it('deletes one execution with its lines', async () => {
    await store().executions.write([aWrite({ id: 'gone', projectId: 'gone' }, 'line'), aWrite({ id: 'stays', projectId: 'gone' }, 'line')]);
    await expect(store().executions.delete('gone', 'other', 'gone')).resolves.toBe(false);
    await expect(store().executions.delete('gone', 'hello', 'gone')).resolves.toBe(true);
    await expect(store().executions.delete('gone', 'hello', 'gone')).resolves.toBe(false);
    await expect(store().executions.lines('gone')).resolves.toEqual([]);
    await expect(store().executions.lines('stays')).resolves.toHaveLength(1);
  });

  it('fails what a crash interrupted, and nothing else', async () => {
    await store().executions.failInterrupted(1);
    const statuses: readonly ExecutionStatus[] = ['scheduled', 'waiting', 'processing', 'completed', 'failed'];
    await store().executions.write(
      statuses.map((status) =>
        aWrite({ id: `crash-${status}`, projectId: 'crash', status, endedAt: status === 'completed' || status === 'failed' ? 5 : null }),
      ),
    );
    await expect(store().executions.failInterrupted(77)).resolves.toBe(2);
    await expect(store().executions.failInterrupted(78)).resolves.toBe(0);
    const { rows } = await store().executions.list('crash', null, aQuery());
    expect(rows.map((row) => [row.status, row.errorCode, row.endedAt])).toEqual([
      ['scheduled', null, null],
      ['failed', 'execution_interrupted', 77],
      ['failed', 'execution_interrupted', 77],
      ['completed', null, 5],
      ['failed', null, 5],
    ]);
  });

  it('fails beside others only what is older than its function may wait and run', async () => {
    await store().executions.failInterrupted(1);
    await store().functions.insert(aFunction({ id: 'slow', path: 'slow', projectId: 'crash', timeoutSeconds: 100 }));
    await store().executions.write(
      ['slow', 'gone'].map((functionId) =>
        aWrite({ id: `late-${functionId}`, projectId: 'crash', functionId, status: 'processing', endedAt: null, createdAt: 1_000_000 }),
      ),
    );
    await expect(store().executions.failInterrupted(1_000_500, 1000)).resolves.toBe(0);
    await expect(store().executions.failInterrupted(1_001_001, 1000)).resolves.toBe(1);
    await expect(store().executions.failInterrupted(1_201_000, 1000)).resolves.toBe(0);
    await expect(store().executions.failInterrupted(1_201_001, 1000)).resolves.toBe(1);
    const ends = await Promise.all(['late-gone', 'late-slow'].map(async (id) => (await store().executions.find('crash', id))?.endedAt));
    expect(ends).toEqual([1_001_001, 1_201_001]);
  });

  it('deletes the oldest that ended before a time, so many at once, and no open one', async () => {
    await store().executions.deleteEndedBefore(1000, 1_000_000);
    const old = { projectId: 'old', createdAt: 0 };
    await store().executions.write(
      Array.from({ length: 10 }, (_, index) => aWrite({ ...old, id: `old-${index}`, createdAt: 90 - index, endedAt: 100 - index }, 'line')),
    );
    await store().executions.write([aWrite({ ...old, id: 'old-open', status: 'scheduled', endedAt: null })]);
    await expect(store().executions.deleteEndedBefore(100, 4)).resolves.toBe(4);
    await expect(store().executions.lines('old-9')).resolves.toEqual([]);
    await expect(store().executions.lines('old-5')).resolves.toHaveLength(1);
    await expect(store().executions.deleteEndedBefore(100, 100)).resolves.toBe(5);
    await expect(store().executions.deleteEndedBefore(100, 100)).resolves.toBe(0);
    const { rows } = await store().executions.list('old', null, aQuery());
    expect(rows.map((row) => row.id).toSorted()).toEqual(['old-0', 'old-open']);
  });

  it('deletes what has ended in every project, and counts to the limit over all of them', async () => {
    await store().executions.deleteEndedBefore(1000, 1_000_000);
    const ended = { createdAt: 10, endedAt: 20 };
    await store().executions.write(
      Array.from({ length: 30 }, (_, index) => aWrite({ ...ended, id: `each-${index}`, projectId: `each-${index % 10}` })),
    );
    await store().executions.write([
      aWrite({ id: 'each-long', projectId: 'each-4', createdAt: 10, endedAt: 500 }),
      aWrite({ id: 'each-running', projectId: 'each-only-running', createdAt: 10, endedAt: null, status: 'processing' }),
    ]);
    const counts: number[] = [];
    for (let turn = 0; turn < 5; turn += 1) counts.push(await store().executions.deleteEndedBefore(100, 8));
    expect(counts).toEqual([8, 8, 8, 6, 0]);
    await expect(store().executions.find('each-4', 'each-long')).resolves.not.toBeNull();
    await expect(store().executions.find('each-only-running', 'each-running')).resolves.not.toBeNull();
  });
}
