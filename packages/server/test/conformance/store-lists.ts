/** Lists: part of the contract of the store. The store in memory says what a random query must answer. */
import * as fc from 'fast-check';
import { expect, it } from 'vitest';
import { createMemoryStore } from '../../src/drivers/memory-store/memory-store.ts';
import type { ExecutionRow, Filter, ListQuery, Store } from '../../src/ports/store.ts';
import { aDeployment, aFunction, anExecution, aQuery } from '../support/rows.ts';
import { executionRows, executionQueries, functionQueries, functionRows } from '../support/random-lists.ts';

const ROWS = 10_000;

export function testLists(store: () => Store): void {
  const idsOf = async (projectId: string, query: Partial<ListQuery>, functionId: string | null = null) => {
    const { rows } = await store().executions.list(projectId, functionId, aQuery({ withTotal: false, ...query }));
    return rows.map((row) => row.id);
  };

  async function write(rows: readonly ExecutionRow[]): Promise<void> {
    for (let at = 0; at < rows.length; at += 1000)
      await store().executions.write(rows.slice(at, at + 1000).map((row) => ({ row, lines: [] })));
  }

  it('walks 10,000 rows with equal times page by page, forwards and backwards, missing none and repeating none', async () => {
    // Ten rows share each time, and ids do not sort as they were inserted.
    const rows = Array.from({ length: ROWS }, (_, index) =>
      anExecution({
        id: `many-${(index * 7919) % ROWS}`,
        projectId: 'many',
        functionId: `f${index % 3}`,
        createdAt: 1000 + Math.floor(index / 10),
        requestMethod: index % 2 === 0 ? 'GET' : 'POST',
      }),
    );
    await write(rows);
    const inserted = rows.map((row) => row.id);
    const byMethod = [...rows]
      .sort((a, b) => (a.requestMethod < b.requestMethod ? 1 : a.requestMethod > b.requestMethod ? -1 : 0))
      .map((row) => row.id);
    const orders = [
      [[], inserted],
      [[{ attribute: '$sequence', direction: 'desc' }], inserted.toReversed()],
      [[{ attribute: '$createdAt', direction: 'asc' }], inserted],
      [[{ attribute: '$createdAt', direction: 'desc' }], inserted.toReversed()],
      [
        [
          { attribute: 'requestMethod', direction: 'desc' },
          { attribute: '$createdAt', direction: 'asc' },
        ],
        byMethod,
      ],
    ] as const;
    for (const [order, expected] of orders) {
      const forwards: string[] = [];
      for (
        let page = await idsOf('many', { order, limit: 997 });
        page.length > 0;
        page = await idsOf('many', { order, limit: 997, cursor: { id: page.at(-1) ?? '', side: 'after' } })
      ) {
        forwards.push(...page);
      }
      expect(forwards).toEqual(expected);
      const backwards: string[] = [];
      for (let first = expected.at(-1) ?? ''; ; first = backwards[0] ?? '') {
        const page = await idsOf('many', { order, limit: 997, cursor: { id: first, side: 'before' } });
        if (page.length === 0) break;
        backwards.unshift(...page);
      }
      expect([...backwards, expected.at(-1)]).toEqual(expected);
    }
    await expect(idsOf('many', { offset: 9998 })).resolves.toEqual(inserted.slice(9998));
    await expect(idsOf('many', { limit: 2 }, 'f1')).resolves.toEqual([inserted[1], inserted[4]]);
  });

  it('counts what matches, whatever the page is, and stops at 5,000', async () => {
    await write(
      Array.from({ length: 5100 }, (_, index) =>
        anExecution({ id: `count-${index}`, projectId: 'count', functionId: index < 40 ? 'few' : 'lots' }),
      ),
    );
    await expect(store().executions.list('count', 'few', aQuery({ limit: 3, offset: 7 }))).resolves.toMatchObject({ total: 40 });
    await expect(store().executions.list('count', 'few', aQuery({ cursor: { id: 'count-38', side: 'after' } }))).resolves.toMatchObject({
      rows: [{ id: 'count-39' }],
      total: 40,
    });
    await expect(store().executions.list('count', null, aQuery({ limit: 1 }))).resolves.toMatchObject({ total: 5000 });
    await expect(store().executions.list('count', 'few', aQuery({ withTotal: false }))).resolves.toMatchObject({ total: 0 });
  });

  it('does not find a cursor of another function or project', async () => {
    await write([
      anExecution({ id: 'cursor-a', projectId: 'cursor', functionId: 'a' }),
      anExecution({ id: 'cursor-b', projectId: 'cursor', functionId: 'b' }),
    ]);
    const cursor = { id: 'cursor-b', side: 'after' } as const;
    await expect(idsOf('cursor', { cursor })).resolves.toEqual([]);
    const missing = { code: 'general_cursor_not_found', message: "Execution 'cursor-b' for the 'cursor' value not found." };
    await expect(idsOf('cursor', { cursor }, 'a')).rejects.toMatchObject(missing);
    await expect(idsOf('elsewhere', { cursor })).rejects.toMatchObject(missing);
    await expect(store().functions.list('cursor', aQuery({ cursor }))).rejects.toMatchObject({
      message: "Function 'cursor-b' for the 'cursor' value not found.",
    });
  });

  it("shows a reader only executions that are the reader's", async () => {
    await write([
      anExecution({ id: 'mine', projectId: 'reader', userId: 'me' }),
      anExecution({ id: 'yours', projectId: 'reader', userId: 'you' }),
      anExecution({ id: 'none', projectId: 'reader' }),
    ]);
    const page = await store().executions.list('reader', null, aQuery(), 'me');
    expect([page.rows.map((row) => row.id), page.total]).toEqual([['mine'], 1]);
    await expect(store().executions.list('reader', null, aQuery({ cursor: { id: 'yours', side: 'after' } }), 'me')).rejects.toMatchObject({
      code: 'general_cursor_not_found',
    });
  });

  it('takes the characters of patterns, and case, as they are', async () => {
    const paths = ['/100%', '/100x', '/a_b', '/axb', '/back\\slash', '/Case', '/case'];
    await write(paths.map((requestPath, index) => anExecution({ id: `like-${index}`, projectId: 'like', requestPath })));
    const found = async (kind: 'startsWith' | 'endsWith' | 'contains', text: string) => {
      const { rows } = await store().executions.list('like', null, aQuery({ filters: [{ kind, attribute: 'requestPath', text }] }));
      return rows.map((row) => row.requestPath);
    };
    await expect(found('contains', '0%')).resolves.toEqual(['/100%']);
    await expect(found('endsWith', 'a_b')).resolves.toEqual(['/a_b']);
    await expect(found('startsWith', '/back\\s')).resolves.toEqual(['/back\\slash']);
    await expect(found('startsWith', '/C')).resolves.toEqual(['/Case']);
    await expect(found('contains', '')).resolves.toEqual(paths);
    await expect(found('contains', '/a\u0000')).resolves.toEqual([]);
  });

  it('filters by seconds, dates, flags, sums and what is absent', async () => {
    await store().functions.insert(aFunction({ id: 'f', projectId: 'kinds', enabled: false }));
    await store().functions.insert(aFunction({ id: 'g', projectId: 'kinds', activeDeploymentId: 'd' }));
    const functions = async (filter: Filter) =>
      (await store().functions.list('kinds', aQuery({ filters: [filter] }))).rows.map((row) => row.id);
    await expect(functions({ kind: 'equal', attribute: 'enabled', values: [false] })).resolves.toEqual(['f']);
    await expect(functions({ kind: 'isNull', attribute: 'deploymentId' })).resolves.toEqual(['f']);
    await expect(functions({ kind: 'notEqual', attribute: 'deploymentId', values: ['x'] })).resolves.toEqual(['g']);
    await expect(functions({ kind: 'equal', attribute: '$sequence', values: [-1] })).resolves.toEqual([]);
    await store().deployments.insert(
      aDeployment({ id: 'kinds-1', projectId: 'kinds', functionId: 'f', sourceBytes: 10, buildBytes: 5, buildMs: 1500 }),
    );
    const deployments = async (filter: Filter) => (await store().deployments.list('kinds', 'f', aQuery({ filters: [filter] }))).total;
    await expect(deployments({ kind: 'equal', attribute: 'totalSize', values: [15] })).resolves.toBe(1);
    await expect(deployments({ kind: 'between', attribute: 'buildDuration', from: 1.4, to: 1.5 })).resolves.toBe(1);
    await expect(deployments({ kind: 'greaterThan', attribute: 'buildDuration', value: 1.5 })).resolves.toBe(0);
    await expect(deployments({ kind: 'lessThan', attribute: '$createdAt', value: Date.UTC(2026, 1) })).resolves.toBe(1);
  });

  it('answers random queries of executions as the store in memory does', async () => {
    const memory = createMemoryStore();
    await memory.open();
    const rows = fc.sample(executionRows('random'), { numRuns: 250, seed: 1 });
    await write(rows);
    await memory.executions.write(rows.map((row) => ({ row, lines: [] })));
    await fc.assert(
      fc.asyncProperty(executionQueries(rows), async ({ query, functionId, readerUserId }) => {
        const expected = await memory.executions.list('random', functionId, query, readerUserId).catch((error: unknown) => error);
        const actual = await store()
          .executions.list('random', functionId, query, readerUserId)
          .catch((error: unknown) => error);
        expect(simple(actual)).toEqual(simple(expected));
      }),
      { numRuns: 400 },
    );
  });

  it('answers random queries of functions as the store in memory does', async () => {
    const memory = createMemoryStore();
    await memory.open();
    const rows = fc
      .sample(functionRows('random'), { numRuns: 60, seed: 2 })
      .map((row, index) => ({ ...row, id: `f${index}`, path: `p${index}/${row.path}` }));
    for (const row of rows) await Promise.all([store().functions.insert(row), memory.functions.insert(row)]);
    await fc.assert(
      fc.asyncProperty(functionQueries(rows), async ({ query, search }) => {
        const expected = await memory.functions.list('random', query, search);
        expect(simple(await store().functions.list('random', query, search))).toEqual(simple(expected));
      }),
      { numRuns: 200 },
    );
  });
}

/** Ids and the total of a page, or the code of an error: what a failing example is read by. */
function simple(answer: unknown): unknown {
  if (answer instanceof Error) return 'code' in answer ? answer.code : answer.message;
  const page = answer as { rows: readonly { id: string }[]; total: number };
  return { ids: page.rows.map((row) => row.id), total: page.total };
}
