/** Translates between rows of the port and rows of a table by one list of columns per noun. */

export type Cell = string | number | Uint8Array | null;
type Kind = 'plain' | 'flag' | 'json';
export interface ColumnSpec {
  readonly column: string;
  readonly kind: Kind;
}

export const plain = (column: string): ColumnSpec => ({ column, kind: 'plain' });
export const flag = (column: string): ColumnSpec => ({ column, kind: 'flag' });
export const json = (column: string): ColumnSpec => ({ column, kind: 'json' });

export interface RowCodec<Row, Table> {
  encode(row: Row): Table;
  /** Only the fields that a change names. */
  encodeChange(change: Partial<Row>): Partial<Table>;
  decode(raw: object): Row;
}

export function createRowCodec<Row extends object, Table>(specs: { readonly [Field in keyof Row]-?: ColumnSpec }): RowCodec<Row, Table> {
  const fields = Object.entries<ColumnSpec>(specs);
  return {
    encode: (row) => encodeFields(fields, row) as Table,
    encodeChange: (change) => encodeFields(fields, change) as Partial<Table>,
    decode(raw) {
      const cells = raw as Readonly<Record<string, Cell>>;
      return Object.fromEntries(fields.map(([field, { column, kind }]) => [field, fromCell(kind, cells[column] ?? null)])) as Row;
    },
  };
}

function encodeFields(fields: readonly (readonly [string, ColumnSpec])[], row: object): Record<string, Cell> {
  const values = row as Readonly<Record<string, unknown>>;
  const cells: Record<string, Cell> = {};
  for (const [field, { column, kind }] of fields) {
    const value = values[field];
    if (value !== undefined) cells[column] = toCell(kind, value);
  }
  return cells;
}

function toCell(kind: Kind, value: unknown): Cell {
  if (value === null) return null;
  if (kind === 'flag') return value === true ? 1 : 0;
  return kind === 'json' ? JSON.stringify(value) : (value as Cell);
}

function fromCell(kind: Kind, cell: Cell): unknown {
  if (cell === null || kind === 'plain') return cell;
  return kind === 'flag' ? cell === 1 : JSON.parse(String(cell));
}
