import type { EventResource } from '@martlet/protocol';
import { formatDate } from '../../../domain/contract/dates.ts';
import type { EventSummary } from '../../../ports/store/event-store.ts';

export function viewEvent(row: EventSummary): EventResource {
  return {
    $id: row.id,
    $createdAt: formatDate(row.createdAt),
    $updatedAt: formatDate(row.updatedAt),
    source: row.source,
    type: row.type,
    subject: row.subject,
    time: formatDate(row.time),
    dataContentType: row.contentType,
    dataSize: row.dataBytes,
    origin: row.origin,
    userId: row.userId ?? '',
    hops: row.hops,
    dispatchedAt: formatDate(row.dispatchedAt),
    started: row.started,
  };
}
