/** A table as a copy sees it: what it is named, what its columns are, and in which order its rows are read. */
import type { CopyCell } from '../../ports/copy.ts';

export interface CopiedTable {
  readonly name: string;
  readonly columns: readonly string[];
  /** Columns of the primary key. */
  readonly key: readonly string[];
  /** Whether it holds bytes, of which one row may have many. */
  readonly wide: boolean;
}

/** These speak of the database that they are in, not of what a platform keeps. */
const NOT_COPIED: ReadonlySet<string> = new Set(['migrations', 'nodes']);

export function isCopied(table: string): boolean {
  return !NOT_COPIED.has(table);
}

/** A statement that reads rows after a key, or from the first one on; `mark` writes the placeholder of a number from 1. */
export function pageStatement({ name, columns, key }: CopiedTable, after: boolean, mark: (number: number) => string): string {
  const order = key.map(quote).join(', ');
  const where = after ? `where (${order}) > (${key.map((_, index) => mark(index + 1)).join(', ')}) ` : '';
  return `select ${columns.map(quote).join(', ')} from ${quote(name)} ${where}order by ${order} limit ${mark((after ? key.length : 0) + 1)}`;
}

export function insertStatement(
  { name, columns }: Pick<CopiedTable, 'name' | 'columns'>,
  { rows, mark, overriding }: { rows: number; mark: (number: number) => string; overriding: string },
): string {
  const row = (at: number): string => `(${columns.map((_, index) => mark(at * columns.length + index + 1)).join(', ')})`;
  return `insert into ${quote(name)} (${columns.map(quote).join(', ')}) ${overriding} values ${Array.from({ length: rows }, (_, at) => row(at)).join(', ')}`;
}

/** What `pageStatement` is given to go on after a row. */
export function keyOf(table: CopiedTable, row: readonly CopyCell[]): string {
  return JSON.stringify(table.key.map((column) => row[table.columns.indexOf(column)]));
}

export function parseKey(last: string): (string | number)[] {
  return JSON.parse(last) as (string | number)[];
}

const PIECE_BYTES = 4_000_000;
const ROWS_MAX = 200;
const WIDE_ROWS_MAX = 8;

/** How many rows the next piece may have, by the size of those before, so that large rows do not fill the memory. */
export function nextLimit({ wide }: CopiedTable, rows: readonly (readonly CopyCell[])[] = []): number {
  const max = wide ? WIDE_ROWS_MAX : ROWS_MAX;
  if (rows.length === 0) return max;
  const bytes = rows.reduce((sum, row) => sum + row.reduce<number>((size, cell) => size + sizeOf(cell), 0), 0);
  return Math.max(1, Math.min(max, Math.floor((PIECE_BYTES * rows.length) / Math.max(bytes, 1))));
}

function sizeOf(cell: CopyCell): number {
  return cell === null || typeof cell === 'number' ? 8 : cell.length;
}

function quote(name: string): string {
  return `"${name.replaceAll('"', '""')}"`;
}
