/** How events come in: by themselves, or in the commit of what they tell of. */
import { sql, type Insertable } from 'kysely';
import type { EventRow, EventSummary } from '../../../ports/store/event-store.ts';
import { createRowCodec, json, plain, type Cell } from '../row-codec.ts';
import type { Database, EventTable } from '../schema.ts';
import { inPieces, isPostgres, valuesTable, type ValueType } from '../values-table.ts';
import { eventKey } from './event-key.ts';

const facts = {
  id: plain('id'),
  createdAt: plain('created_at'),
  updatedAt: plain('updated_at'),
  projectId: plain('project_id'),
  source: plain('source'),
  type: plain('type'),
  subject: plain('subject'),
  time: plain('time'),
  contentType: plain('content_type'),
  origin: plain('origin'),
  fired: json('fired'),
  userId: plain('user_id'),
  hops: plain('hops'),
  dispatchedAt: plain('dispatched_at'),
  started: plain('started'),
};
export const eventCodec = createRowCodec<EventRow, Omit<Insertable<EventTable>, 'key'>>({ ...facts, data: plain('data') });

/** How long the data are is known without reading them, in both databases. */
export const summaryColumns = sql.join([...Object.values(facts).map(({ column }) => sql.ref(column)), sql`length(data) as data_bytes`]);
export const summaryCodec = createRowCodec<EventSummary, never>({ ...facts, dataBytes: plain('data_bytes') });

/** As PostgreSQL is told them. */
const types: Readonly<Record<string, ValueType>> = {
  ...Object.fromEntries(Object.values(facts).map(({ column }) => [column, 'text'] as const)),
  created_at: 'double precision',
  updated_at: 'double precision',
  time: 'double precision',
  dispatched_at: 'double precision',
  hops: 'bigint',
  started: 'bigint',
  data: 'bytea',
  key: 'text',
};
const columns = sql.join(Object.keys(types).map((column) => sql.ref(column)));

interface Keyed {
  /** Of source and id with the project: what makes two events the same. */
  readonly name: string;
  readonly key: string;
  readonly row: EventRow;
  readonly at: number;
}

/** @returns per event whether it is new; of equal ones in the batch the first one may be */
export async function appendEvents(db: Database, batch: readonly EventRow[]): Promise<readonly boolean[]> {
  const firsts = new Map<string, Keyed>();
  for (const [at, row] of batch.entries()) {
    const key = eventKey(row);
    const name = `${key}/${row.projectId}`;
    if (!firsts.has(name)) firsts.set(name, { name, key, row, at });
  }
  // In one order for everybody, so that two servers with the same events do not wait for each other.
  const sorted = [...firsts.values()].toSorted((a, b) => (a.name < b.name ? -1 : 1));
  const answers = batch.map(() => false);
  for (const piece of inPieces(sorted, ({ row }) => row.data.length)) {
    const added = await insertEvents(db, piece);
    for (const { name, at } of piece) if (added.has(name)) answers[at] = true;
  }
  return answers;
}

/** @returns the names of those that are new. They count up in the order of the batch, whatever the order in which they are stored */
async function insertEvents(db: Database, piece: readonly Keyed[]): Promise<ReadonlySet<string>> {
  const rows = piece
    .toSorted((a, b) => a.at - b.at)
    .map(({ row, key }): Cell[] => {
      const cells: Readonly<Record<string, unknown>> = { ...eventCodec.encode(row), key };
      return Object.keys(types).map((column) => cells[column] as Cell);
    });
  const given = valuesTable(db, 'given', { types, rows });
  const source = isPostgres(db)
    ? sql`(seq, ${columns}) overriding system value
        select * from (select nextval(pg_get_serial_sequence('events', 'seq')), given.* from given) as numbered
        order by key collate "C", project_id collate "C"`
    : sql`(${columns}) select * from given where true`;
  const { rows: added } = await sql<{ key: string; project_id: string }>`with ${given} insert into events ${source}
    on conflict (project_id, key) do nothing returning key, project_id`.execute(db);
  return new Set(added.map(({ key, project_id }) => `${key}/${project_id}`));
}
