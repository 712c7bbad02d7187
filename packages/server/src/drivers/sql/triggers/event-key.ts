/**
 * What stands for source and id of an event in an index: both are of any text, together longer than PostgreSQL takes into
 * an entry.
 */
import { hash } from 'node:crypto';

export function eventKey({ source, id }: { readonly source: string; readonly id: string }): string {
  return hash('sha256', JSON.stringify([source, id]));
}
