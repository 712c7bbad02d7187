/** How events come in: by themselves, or in the commit of what they tell of. */
import { sql, type Insertable } from 'kysely';
import type { EventRow, EventSummary } from '../../../ports/store/event-store.ts';
import { createRowCodec, json, plain } from '../row-codec.ts';
import type { Database, EventTable } from '../schema.ts';
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

/** @returns per event whether it is new */
export async function appendEvents(db: Database, batch: readonly EventRow[]): Promise<readonly boolean[]> {
  const answers: boolean[] = [];
  for (const row of batch) {
    const inserted = await db
      .insertInto('events')
      .values({ ...eventCodec.encode(row), key: eventKey(row) })
      .onConflict((conflict) => conflict.columns(['project_id', 'key']).doNothing())
      .returning('seq')
      .executeTakeFirst();
    answers.push(inserted !== undefined);
  }
  return answers;
}
