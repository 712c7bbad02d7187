import type { KeyResource } from '@martlet/protocol';
import { formatDate } from '../../../domain/contract/dates.ts';
import type { KeyRow } from '../../../ports/store.ts';

/** A key; `secret` only where it has just been made. */
export function viewKey(row: KeyRow, secret = ''): KeyResource {
  return {
    $id: row.id,
    $createdAt: formatDate(row.createdAt),
    $updatedAt: formatDate(row.updatedAt),
    name: row.name,
    prefix: row.prefix,
    scopes: [...row.scopes],
    expire: formatDate(row.expiresAt),
    accessedAt: formatDate(row.lastUsedAt),
    secret,
  };
}
