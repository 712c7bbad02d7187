/** Decisions and nodes in memory. */
import type { DecisionStore } from '../../ports/store/decision-store.ts';
import type { NodeStore } from '../../ports/store/node-store.ts';
import type { MemoryTables } from './memory-tables.ts';

export function memoryDecisions({ decisions }: MemoryTables): DecisionStore {
  return {
    async append(batch) {
      decisions.push(...batch);
    },
    list: async ({ projectId, subject, subjectId, limit }) =>
      decisions.filter((one) => one.projectId === projectId && one.subject === subject && one.subjectId === subjectId).slice(-limit),
    async deleteBefore(time, limit) {
      const old = new Set(decisions.filter((one) => one.at < time).slice(0, limit));
      decisions.splice(0, decisions.length, ...decisions.filter((one) => !old.has(one)));
      return old.size;
    },
  };
}

/** Nobody shares what is in memory: whoever is on the list besides the one that joins is of the past. */
export function memoryNodes({ nodes }: MemoryTables): NodeStore {
  return {
    async join({ id, name }) {
      nodes.clear();
      nodes.set(id, { id, name, startedAt: Date.now(), leaseUntil: Number.MAX_SAFE_INTEGER });
      return { id, lost: new AbortController().signal, leave: async () => void nodes.delete(id) };
    },
    list: async () => [...nodes.values()],
    async reap() {
      const now = Date.now();
      const gone = [...nodes.values()].filter((node) => node.leaseUntil < now).map((node) => node.id);
      for (const id of gone) nodes.delete(id);
      return gone;
    },
    now: async () => Date.now(),
  };
}
