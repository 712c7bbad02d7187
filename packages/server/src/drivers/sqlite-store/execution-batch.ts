/**
 * The write of executions, the one hot statement. A batch crosses to the thread as one flat array of cells: measured
 * here per row, 0.8 µs on the server's thread (objects 1.1, JSON text 1.3) and nothing to be done to it on the other
 * side but bind it.
 */
import type { DatabaseSync } from 'node:sqlite';
import type { ExecutionWrite } from '../../ports/store.ts';
import { appendExecution, changingExecutionColumns, executionColumns } from '../sql/executions.ts';
import type { Cell } from '../sql/row-codec.ts';
import type { EncodedBatch } from './thread-messages.ts';

const CELLS = executionColumns.length + 1;

export function encodeBatch(batch: readonly ExecutionWrite[]): EncodedBatch {
  const cells: Cell[] = [];
  for (const { row, lines } of batch) {
    appendExecution(cells, row);
    cells.push(lines.length === 0 ? null : JSON.stringify(lines));
  }
  return cells;
}

export function createBatchWriter(raw: DatabaseSync): (batch: EncodedBatch) => void {
  const terminal = `('completed', 'failed')`;
  const upsert = raw.prepare(
    `insert into executions (${executionColumns.join(', ')}) values (${executionColumns.map(() => '?').join(', ')})
     on conflict (id) do update set ${changingExecutionColumns.map((column) => `${column} = excluded.${column}`).join(', ')}
     where executions.status not in ${terminal}`,
  );
  const addLines = raw.prepare('insert into execution_logs (execution_id, lines) values (?, ?)');
  return (batch) => {
    for (let at = 0; at < batch.length; at += CELLS) {
      const { changes } = upsert.run(...batch.slice(at, at + CELLS - 1));
      const lines = batch[at + CELLS - 1] ?? null;
      if (lines !== null && changes !== 0) addLines.run(batch[at] ?? null, lines);
    }
  };
}
