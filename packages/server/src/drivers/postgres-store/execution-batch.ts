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

const upsert = `with written_lines as (
  insert into execution_logs (execution_id, lines) select * from unnest($${LINES_AT + 1}::text[], $${LINES_AT + 2}::text[])
)
insert into executions (${columns.join(', ')}) select * from unnest(${arrays})
on conflict (id) do update set ${changingExecutionColumns.map((column) => `${column} = excluded.${column}`).join(', ')}
where executions.status not in ${terminal} or excluded.status in ${terminal}`;

const ID = executionColumns.indexOf('id');
const STATUS = executionColumns.indexOf('status');
const CHANGING: ReadonlySet<string> = new Set(changingExecutionColumns);
const ENDED: ReadonlySet<Cell | undefined> = new Set(['completed', 'failed']);

/** @throws {TypeError} for a number that is none: as the other stores, refuses the batch that holds it */
export function encodeBatch(batch: readonly ExecutionWrite[]): EncodedBatch {
  const rows: Cell[][] = [];
  const lines: [id: string, lines: string][] = [];
  for (const write of batch) {
    const cells: Cell[] = [];
    appendExecution(cells, write.row);
    cells.push(write.serverId ?? null);
    if (cells.some((cell) => Number.isNaN(cell))) throw new TypeError('Cannot store NaN');
    rows.push(cells);
    if (write.lines.length > 0) lines.push([write.row.id, JSON.stringify(write.lines)]);
  }
  return { rows, lines };
}

export interface EncodedBatch {
  readonly rows: readonly (readonly Cell[])[];
  /** Ids of executions, and lines as JSON text. */
  readonly lines: readonly (readonly [id: string, lines: string])[];
}

export async function writeBatches(session: Session, batches: readonly EncodedBatch[]): Promise<void> {
  const rows = onePerExecution(batches);
  if (rows.length === 0) return;
  const cells = columns.map((_, index) => rows.map((row) => row[index] ?? null));
  const lines = batches.flatMap((batch) => batch.lines);
  await session.query(upsert, [...cells, lines.map(([id]) => id), lines.map(([, text]) => text)]);
}

/** A statement writes a row once: of several writes of one execution it gets what would stand after all of them. */
function onePerExecution(batches: readonly EncodedBatch[]): readonly (readonly Cell[])[] {
  const rows = new Map<Cell | undefined, readonly Cell[]>();
  for (const row of batches.flatMap((batch) => batch.rows)) {
    const before = rows.get(row[ID]);
    if (before === undefined) rows.set(row[ID], row);
    else if (!ENDED.has(before[STATUS]) || ENDED.has(row[STATUS])) rows.set(row[ID], replaced(before, row));
  }
  return [...rows.values()];
}

function replaced(before: readonly Cell[], row: readonly Cell[]): readonly Cell[] {
  return row.map((cell, index) => (CHANGING.has(columns[index] ?? '') ? cell : (before[index] ?? null)));
}
