/** Events in memory. */
import type { eventAttributes } from '../../domain/list-attributes.ts';
import type { EventRow, EventStore } from '../../ports/store/event-store.ts';
import type { JobStore } from '../../ports/store/job-store.ts';
import { listRows, type AttributeReaders } from './list-rows.ts';
import { eventKey, storeEvents, type MemoryTables } from './memory-tables.ts';
import { storeDeliveries } from './memory-webhooks.ts';

const readers: AttributeReaders<typeof eventAttributes, EventRow> = {
  $id: (row) => row.id,
  $createdAt: (row) => row.createdAt,
  $updatedAt: (row) => row.updatedAt,
  $sequence: (_row, entry) => entry.sequence,
  source: (row) => row.source,
  type: (row) => row.type,
  subject: (row) => row.subject,
  origin: (row) => row.origin,
};

export function memoryEvents(tables: MemoryTables, jobs: JobStore): EventStore {
  const { events } = tables;
  return {
    append: async (batch) => storeEvents(tables, batch),
    get: async (projectId, source, id) => events.get(eventKey({ projectId, source, id })),
    async list(projectId, query) {
      const entries = events.entries((row) => row.projectId === projectId);
      return listRows({ noun: 'Event', entries, attributes: readers, insertion: ['$createdAt', '$sequence'] }, query);
    },
    pending: async (limit) => events.rows((row) => row.dispatchedAt === null).slice(0, limit),
    async dispatch({ now, jobs: made, decisions, deliveries = [], ...at }) {
      const row = events.get(eventKey(at));
      if (row === null || row.dispatchedAt !== null) return false;
      events.put({ ...row, dispatchedAt: now, updatedAt: now, started: made.length });
      await jobs.enqueue(made, decisions);
      storeDeliveries(tables, deliveries);
      return true;
    },
    async deleteBefore(time, limit) {
      const old = new Set(events.rows((row) => row.createdAt < time && row.dispatchedAt !== null).slice(0, limit));
      return events.delete((row) => old.has(row)).length;
    },
  };
}
