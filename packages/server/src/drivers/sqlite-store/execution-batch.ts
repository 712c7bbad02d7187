/**
 * The write of executions, the one hot statement. A batch crosses to the thread as one flat array of cells: measured
 * here per row, 0.8 µs on the server's thread (objects 1.1, JSON text 1.3) and nothing to be done to it on the other
 * side but bind it.
 */
import type { DatabaseSync, StatementSync } from 'node:sqlite';
import type { ExecutionWrite } from '../../ports/store.ts';
import { appendExecution, changingExecutionColumns, executionColumns } from '../sql/executions.ts';
import type { Cell } from '../sql/row-codec.ts';
import type { EncodedBatch } from './thread-messages.ts';

/**
 * Rows per statement, the most first. A statement that writes one row opens and closes the table and each of its
 * indexes, also those that get nothing of it, and seeks each from its root: two of the nine microseconds of a row.
 */
const SIZES = [64, 16, 4, 1] as const;
const WIDTH = executionColumns.length;
const ID = executionColumns.indexOf('id');

export function encodeBatch(batch: readonly ExecutionWrite[]): EncodedBatch {
  const cells: Cell[] = [];
  const lines: string[] = [];
  const lineRows: number[] = [];
  let number = 0;
  for (const write of batch) {
    appendExecution(cells, write.row);
    if (write.lines.length > 0) {
      lines.push(JSON.stringify(write.lines));
      lineRows.push(number);
    }
    number += 1;
  }
  return { cells, lines, lineRows };
}

export function createBatchWriter(raw: DatabaseSync): (batch: EncodedBatch) => void {
  const inserts = SIZES.map((rows) => ({ rows, width: rows * WIDTH, statement: prepareInsert(raw, rows) }));
  const upsert = prepareUpsert(raw);
  /** No other connection writes, so what a statement has inserted is at the end, in one piece. */
  const newest = raw.prepare('select id from executions where seq > ? order by seq limit ?');
  const addLines = raw.prepare('insert into execution_logs (execution_id, lines) values (?, ?)');

  /** @returns the numbers of the rows that were refused, since their execution had ended before */
  function writeRows(cells: readonly Cell[]): ReadonlySet<number> {
    const refused = new Set<number>();
    let at = 0;
    for (const { rows, width, statement } of inserts) {
      for (; at + width <= cells.length; at += width) {
        const some = cells.slice(at, at + width);
        const { changes, lastInsertRowid } = statement.run(...some);
        if (Number(changes) === rows) continue;
        const late = writeSkipped(some, newest.all(Number(lastInsertRowid) - Number(changes), changes));
        for (const row of late) refused.add(at / WIDTH + row);
      }
    }
    return refused;
  }

  /** Rows that were written before, or are not allowed: in the order of the batch, each gets its update, or its refusal. @returns as `writeRows` */
  function writeSkipped(cells: readonly Cell[], inserted: readonly Record<string, unknown>[]): readonly number[] {
    const ids = new Set(inserted.map(({ id }) => id));
    const late: number[] = [];
    for (let at = 0; at < cells.length; at += WIDTH) {
      if (ids.delete(cells[at + ID])) continue;
      if (upsert.run(...cells.slice(at, at + WIDTH)).changes === 0) late.push(at / WIDTH);
    }
    return late;
  }

  return ({ cells, lines, lineRows }) => {
    const refused = writeRows(cells);
    lineRows.forEach((row, index) => {
      if (!refused.has(row)) addLines.run(cells[row * WIDTH + ID] ?? null, lines[index] ?? null);
    });
  };
}

/**
 * Parameters have no numbers, which are names to SQLite: Node asks for the name of each parameter that it binds, and
 * SQLite looks through all of them for it.
 */
const values = `(${executionColumns.map(() => '?').join(', ')})`;

/**
 * Skips a row that cannot be inserted as it is. A statement of many rows that may fail between them, as one with an
 * update on conflict, copies each page before it changes: which costs twice of what it saves.
 */
function prepareInsert(raw: DatabaseSync, rows: number): StatementSync {
  return raw.prepare(
    `insert or ignore into executions (${executionColumns.join(', ')}) values ${Array.from({ length: rows }, () => values).join(', ')}`,
  );
}

function prepareUpsert(raw: DatabaseSync): StatementSync {
  const terminal = `('completed', 'failed')`;
  return raw.prepare(
    `insert into executions (${executionColumns.join(', ')}) values ${values}
     on conflict (id) do update set ${changingExecutionColumns.map((column) => `${column} = excluded.${column}`).join(', ')}
     where executions.status not in ${terminal}`,
  );
}
