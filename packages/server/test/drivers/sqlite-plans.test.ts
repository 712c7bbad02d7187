/** How lists are answered: from an index, in its order. So a page costs the same at a million rows as at ten thousand. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Kysely } from 'kysely';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { openWriter, type Connection } from '../../src/drivers/sqlite-store/connection.ts';
import { createBatchWriter, encodeBatch } from '../../src/drivers/sqlite-store/execution-batch.ts';
import { deleteEndedBefore, deleteExecutionsOf, failInterrupted, listExecutions } from '../../src/drivers/sql/executions.ts';
import type { Schema } from '../../src/drivers/sql/schema.ts';
import type { ListQuery } from '../../src/ports/store.ts';
import { explaining } from '../support/explaining.ts';
import { aQuery, aWrite } from '../support/rows.ts';

const folder = mkdtempSync(join(tmpdir(), 'martlet-plans-'));
let connection: Connection;
beforeAll(() => {
  connection = openWriter(join(folder, 'martlet.db'));
  createBatchWriter(connection.raw)(
    encodeBatch(Array.from({ length: 100 }, (_, index) => aWrite({ id: `e${index}`, functionId: `f${index % 3}` }))),
  );
});
afterAll(() => {
  connection.close();
  rmSync(folder, { recursive: true, force: true });
});

async function plansOf(run: (db: Kysely<Schema>) => Promise<unknown>): Promise<string[]> {
  const plans: string[] = [];
  await run(explaining(connection.raw, plans));
  expect(plans.length).toBeGreaterThan(0);
  return plans;
}

const plansOfList = (query: Partial<ListQuery>, functionId: string | null = 'f1', readerUserId?: string) =>
  plansOf((db) => listExecutions(db, { projectId: 'default', functionId, readerUserId, query: aQuery(query) }));

const newestFirst = [{ attribute: '$createdAt', direction: 'desc' }] as const;
const failed = [{ kind: 'equal', attribute: 'status', values: ['failed'] }] as const;
const after = { id: 'e4', side: 'after' } as const;
const before = { id: 'e4', side: 'before' } as const;

describe('plans of lists of executions', () => {
  const cases: readonly [string, Partial<ListQuery>, string | null, RegExp][] = [
    ['the default order of a function', {}, 'f1', /executions_by_function \(function_key=\?\)/],
    ['the newest of a function', { order: newestFirst }, 'f1', /executions_by_function \(function_key=\?\)/],
    ['by sequence', { order: [{ attribute: '$sequence', direction: 'desc' }] }, 'f1', /executions_by_function/],
    ['after a cursor', { cursor: after }, 'f1', /executions_by_function \(function_key=\? AND created_at>\?\)/],
    [
      'before a cursor, newest first',
      { order: newestFirst, cursor: before },
      'f1',
      /executions_by_function \(function_key=\? AND created_at>\?\)/,
    ],
    ['the failed ones of a function', { filters: failed, order: newestFirst, cursor: after }, 'f1', /executions_failed \(function_key=\?/],
    [
      'of a time on',
      { filters: [{ kind: 'greaterThan', attribute: '$createdAt', value: 1 }] },
      'f1',
      /executions_by_function \(function_key=\? AND created_at>\?\)/,
    ],
    ['all functions', { order: newestFirst }, null, /executions_by_project \(project_key=\?\)/],
    ['all functions after a cursor', { cursor: after }, null, /executions_by_project \(project_key=\? AND created_at>\?\)/],
  ];
  for (const [name, query, functionId, index] of cases) {
    it(`seek in an index and do not sort: ${name}`, async () => {
      const plans = await plansOfList(query, functionId);
      expect(plans.join('\n')).toMatch(index);
      expect(plans.join('\n')).not.toMatch(/SCAN executions|TEMP B-TREE/);
    });
  }

  it("seek among a reader's own executions", async () => {
    await expect(plansOfList({ order: newestFirst }, null, 'u1')).resolves.toContainEqual(
      expect.stringMatching(/executions_by_user \(project_key=\? AND user_id=\?\)/),
    );
    await expect(plansOfList({ order: newestFirst }, 'f1', 'u1')).resolves.not.toContainEqual(expect.stringContaining('SCAN executions'));
  });
});

describe('plans of housekeeping', () => {
  it('finds what was interrupted in the index of what is unfinished', async () => {
    await expect(plansOf((db) => failInterrupted(db, { endedAt: 1 }))).resolves.toEqual([expect.stringContaining('executions_unfinished')]);
  });

  it('finds what is past retention, and what belongs to a function, without a scan', async () => {
    const retention = await plansOf((db) => deleteEndedBefore(db, { time: 1, limit: 10 }));
    const deletion = await plansOf((db) => deleteExecutionsOf(db, { projectId: 'default', id: 'f1', limit: 10 }));
    expect(deletion.join('\n')).toMatch(/executions_by_function/);
    expect(retention.join('\n')).toMatch(/executions_by_project \(project_key=\? AND created_at<\?\)/);
    expect(retention.join('\n')).toMatch(/executions_by_project \(project_key>\?\)/);
    expect([...retention, ...deletion].join('\n')).not.toMatch(/SCAN executions|SCAN execution_logs|TEMP B-TREE/);
  });
});
