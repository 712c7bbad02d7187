/** Batches as statements of many rows: whatever else is in them, each row comes out as if it had been written alone. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { executionLines, findExecution, listExecutions } from '../../src/drivers/sql/executions.ts';
import { openWriter, type Connection } from '../../src/drivers/sqlite-store/connection.ts';
import { createBatchWriter, encodeBatch } from '../../src/drivers/sqlite-store/execution-batch.ts';
import type { ExecutionWrite } from '../../src/ports/store.ts';
import { aQuery, aWrite, anExecution } from '../support/rows.ts';

let folder: string;
let connection: Connection;
let write: (batch: readonly ExecutionWrite[]) => void;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'martlet-batch-'));
  connection = openWriter(join(folder, 'martlet.db'));
  const writeBatch = createBatchWriter(connection.raw);
  write = (batch) => writeBatch(structuredClone(encodeBatch(batch)));
});
afterEach(() => {
  connection.close();
  rmSync(folder, { recursive: true, force: true });
});

const rowsInOrder = async () => {
  const query = aQuery({ limit: 5000, order: [{ attribute: '$sequence', direction: 'asc' }] });
  const { rows } = await listExecutions(connection.db, { projectId: 'default', functionId: null, readerUserId: undefined, query });
  return rows;
};

describe('a batch of executions', () => {
  for (const count of [1, 3, 4, 63, 64, 65, 149, 1000]) {
    it(`of ${count} is stored whole and in its order, also of many functions`, async () => {
      const rows = Array.from({ length: count }, (_, index) =>
        anExecution({
          id: `e${index}`,
          functionId: `f${index % 3}`,
          deploymentId: `d${index % 2}`,
          runMs: index / 8,
          requestPath: index % 5 === 0 ? '/größe/😀' : `/${index}`,
          errorCode: index % 7 === 0 ? 'execution_threw' : null,
          endedAt: index % 11 === 0 ? null : index,
        }),
      );
      write(rows.map((row, index) => ({ row, lines: index % 10 === 9 ? aWrite({}, `line ${index}`).lines : [] })));
      await expect(rowsInOrder()).resolves.toEqual(rows);
      if (count > 9) await expect(executionLines(connection.db, 'e9')).resolves.toMatchObject([{ text: 'line 9' }]);
    });
  }

  it('updates those that were written before, among others that are new', async () => {
    write([5, 70, 71].map((index) => aWrite({ id: `e${index}`, status: 'processing', endedAt: null, responseStatus: 0 })));
    const rows = Array.from({ length: 150 }, (_, index) => anExecution({ id: `e${index}`, responseStatus: 200 + index }));
    write(rows.map((row) => ({ row, lines: [] })));
    const stored = await rowsInOrder();
    expect(new Map(stored.map((row) => [row.id, row]))).toEqual(new Map(rows.map((row) => [row.id, row])));
  });

  it('keeps the last of two rows of one execution, unless it would reopen it', async () => {
    const filler = Array.from({ length: 80 }, (_, index) => aWrite({ id: `filler${index}` }));
    write([
      aWrite({ id: 'twice', status: 'processing', endedAt: null }),
      ...filler,
      aWrite({ id: 'twice', status: 'completed', endedAt: 7 }),
      aWrite({ id: 'twice', status: 'processing', endedAt: null }),
    ]);
    await expect(findExecution(connection.db, { projectId: 'default', id: 'twice' })).resolves.toMatchObject({
      status: 'completed',
      endedAt: 7,
    });
    await expect(rowsInOrder()).resolves.toHaveLength(81);
  });

  it('with a row that the table refuses is refused', () => {
    const batch = Array.from({ length: 64 }, (_, index) => aWrite({ id: `e${index}`, runMs: index === 40 ? Number.NaN : 1 }));
    expect(() => write(batch)).toThrow(/NOT NULL constraint failed: executions.run_ms/);
  });
});
