/** Rows of one noun in the order of insertion. Rows are frozen, so that who reads one cannot change what is stored. */
import type { Entry } from './list-rows.ts';

export interface MemoryTable<Row> {
  get(key: string): Row | null;
  /** Stores a new row, or puts it in the place of the one with the same key. */
  put(row: Row): Row;
  first(test: (row: Row) => boolean): Row | null;
  entries(test: (row: Row) => boolean): readonly Entry<Row>[];
  rows(test: (row: Row) => boolean): readonly Row[];
  /** @returns the rows that were there */
  delete(test: (row: Row) => boolean): readonly Row[];
}

export function createMemoryTable<Row extends object>(keyOf: (row: Row) => string): MemoryTable<Row> {
  const stored = new Map<string, Entry<Row>>();
  let last = 0;

  const entries = (test: (row: Row) => boolean) => [...stored.values()].filter((entry) => test(entry.row));
  const rows = (test: (row: Row) => boolean) => entries(test).map((entry) => entry.row);

  return {
    get: (key) => stored.get(key)?.row ?? null,
    put(row) {
      const key = keyOf(row);
      const old = stored.get(key);
      if (old === undefined) last += 1;
      const frozen = Object.freeze(structuredClone(row));
      stored.set(key, { row: frozen, sequence: old?.sequence ?? last });
      return frozen;
    },
    first: (test) => rows(test)[0] ?? null,
    entries,
    rows,
    delete(test) {
      const gone = rows(test);
      for (const row of gone) stored.delete(keyOf(row));
      return gone;
    },
  };
}

/** The row with the fields that the change names; a field that is undefined is not a change. */
export function changed<Row extends object>(row: Row, change: Partial<NoInfer<Row>>): Row {
  return { ...row, ...Object.fromEntries(Object.entries(change).filter(([, value]) => value !== undefined)) };
}
