/**
 * The write of executions, the one hot statement: any number of batches in one statement, which is a transaction by
 * itself. Columns travel as arrays, so that the text of the statement is always the same.
 */
import type { ExecutionWrite } from '../../ports/store.ts';
import type { Session } from '../postgres-connection/session.ts';
import { appendExecution, changingExecutionColumns, executionColumns } from '../sql/executions.ts';
import type { Cell } from '../sql/row-codec.ts';

const REALS: ReadonlySet<string> = new Set(['created_at', 'updated_at', 'run_ms', 'ended_at']);
const WHOLES: ReadonlySet<string> = new Set(['project_key', 'function_key', 'response_status']);
const typeOf = (column: string): string => (REALS.has(column) ? 'float8' : WHOLES.has(column) ? 'int8' : 'text');

/** With the server that runs it, which only the first write of an execution knows and no later one changes. */
const columns = [...executionColumns, 'node_id'] as const;
const LINES_AT = columns.length;
const terminal = `('completed', 'failed')`;
const arrays = columns.map((column, index) => `$${index + 1}::${typeOf(column)}[]`).join(', ');

/** The first end stays, and lines come only with a row that was written: also when the answer to a write was lost, and it is sent again. */
const upsert = `with written as (insert into executions (${columns.join(', ')}) select * from unnest(${arrays})
on conflict (id) do update set ${changingExecutionColumns.map((column) => `${column} = excluded.${column}`).join(', ')}
where executions.status not in ${terminal} returning id)
insert into execution_logs (execution_id, lines)
select execution_id, lines from unnest($${LINES_AT + 1}::text[], $${LINES_AT + 2}::text[]) with ordinality as fresh (execution_id, lines, number)
where execution_id in (select id from written) order by number`;

const ID = executionColumns.indexOf('id');
const STATUS = executionColumns.indexOf('status');
const CHANGING: ReadonlySet<string> = new Set(changingExecutionColumns);
const ENDED: ReadonlySet<Cell | undefined> = new Set(['completed', 'failed']);

/** @throws {TypeError} for a number that is none: as the other stores, refuses the batch that holds it */
export function encodeBatch(batch: readonly ExecutionWrite[]): EncodedBatch {
  return batch.map((write) => {
    const cells: Cell[] = [];
    appendExecution(cells, write.row);
    cells.push(write.serverId ?? null);
    if (cells.some((cell) => Number.isNaN(cell))) throw new TypeError('Cannot store NaN');
    return { cells, lines: write.lines.length === 0 ? null : JSON.stringify(write.lines) };
  });
}

interface EncodedWrite {
  readonly cells: readonly Cell[];
  /** As JSON text. */
  readonly lines: string | null;
}
export type EncodedBatch = readonly EncodedWrite[];

export async function writeBatches(session: Session, batches: readonly EncodedBatch[]): Promise<void> {
  const writes = untilEnd(batches.flat());
  if (writes.length === 0) return;
  const rows = onePerExecution(writes);
  const cells = columns.map((_, index) => rows.map((row) => row[index] ?? null));
  const withLines = writes.filter(({ lines }) => lines !== null);
  await session.query(upsert, [...cells, withLines.map((write) => write.cells[ID]), withLines.map(({ lines }) => lines)]);
}

/** Without what comes after the end of its execution. */
function untilEnd(writes: readonly EncodedWrite[]): readonly EncodedWrite[] {
  const ended = new Set<Cell | undefined>();
  return writes.filter(({ cells }) => {
    if (ended.has(cells[ID])) return false;
    if (ENDED.has(cells[STATUS])) ended.add(cells[ID]);
    return true;
  });
}

/** A statement writes a row once: of several writes of one execution it gets what would stand after all of them. */
function onePerExecution(writes: readonly EncodedWrite[]): readonly (readonly Cell[])[] {
  const rows = new Map<Cell | undefined, readonly Cell[]>();
  for (const { cells } of writes) {
    const before = rows.get(cells[ID]);
    rows.set(cells[ID], before === undefined ? cells : replaced(before, cells));
  }
  return [...rows.values()];
}

function replaced(before: readonly Cell[], row: readonly Cell[]): readonly Cell[] {
  return row.map((cell, index) => (CHANGING.has(columns[index] ?? '') ? cell : (before[index] ?? null)));
}
