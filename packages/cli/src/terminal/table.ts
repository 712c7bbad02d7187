/** Aligned tables for people; programs use `--json`. */
import { printable } from './style.ts';

const GAP = '  ';

/**
 * Lines of a table, header first. Columns that hold only numbers are aligned right; the last column is not padded, so
 * that a copied line has no trailing blanks.
 */
export function table(header: readonly string[], rows: readonly (readonly string[])[]): string[] {
  const clean = rows.map((row) => row.map((cell) => printable(cell).replaceAll('\n    ', ' ')));
  const widths = header.map((title, column) => Math.max(title.length, ...clean.map((row) => (row[column] ?? '').length)));
  const numeric = header.map(
    (_, column) => clean.length > 0 && clean.every((row) => /^[\d.,]*( ?(ms|s|MB|KB|B|%))?$/.test(row[column] ?? '')),
  );
  return [header.map((title) => title.toUpperCase()), ...clean].map((row) =>
    row
      .map((cell, column) => {
        const width = widths[column] ?? 0;
        return numeric[column] === true ? cell.padStart(width) : cell.padEnd(width);
      })
      .join(GAP)
      .trimEnd(),
  );
}
