/** What one statement takes of many rows. */

/** Up to 27 values each, and SQLite binds 32,766. */
const ROWS_AT_ONCE = 500;
/** Of bodies: to PostgreSQL they go as one text of twice as many characters, and 2^29 are the most that a text has. */
const BYTES_AT_ONCE = 16 * 1_048_576;

/** In their order. */
export function inPieces<Row>(rows: readonly Row[], bytesOf: (row: Row) => number): Row[][] {
  const pieces: Row[][] = [];
  let bytes = 0;
  for (const row of rows) {
    const piece = pieces.at(-1);
    bytes += bytesOf(row);
    if (piece !== undefined && piece.length < ROWS_AT_ONCE && bytes <= BYTES_AT_ONCE) piece.push(row);
    else {
      pieces.push([row]);
      bytes = bytesOf(row);
    }
  }
  return pieces;
}
