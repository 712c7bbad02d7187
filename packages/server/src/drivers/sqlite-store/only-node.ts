/**
 * The one server of an embedded store. Its data folder is locked, so whoever else is on the list is dead: the list is
 * emptied at the start, and a lease needs no renewal.
 */
import type { NodeStore } from '../../ports/store/node-store.ts';
import type { RunOperation } from '../sql/operations.ts';

export function createOnlyNode(run: RunOperation): NodeStore {
  return {
    async join({ id, name }) {
      const startedAt = Date.now();
      await run('nodes.deleteOthers', id);
      await run('nodes.insert', { id, name, startedAt, leaseUntil: Number.MAX_SAFE_INTEGER });
      return { id, lost: new AbortController().signal, leave: () => run('nodes.delete', id) };
    },
    list: () => run('nodes.list', undefined),
    reap: () => run('nodes.reap', Date.now()),
    now: async () => Date.now(),
  };
}
