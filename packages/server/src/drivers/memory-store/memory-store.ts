/** A store in memory that passes the suite of the real ones: for tests, and for a server that shall remember nothing. */
import { PlatformError } from '@martlet/protocol';
import type { Store, StoreNouns } from '../../ports/store.ts';
import type { EventRow, EventStore } from '../../ports/store/event-store.ts';
import { memoryDeployments, memoryExecutions } from './memory-executions.ts';
import { memoryFunctions, memoryKeys, memoryProjects, memoryVariables } from './memory-functions.ts';
import { memoryJobs } from './memory-jobs.ts';
import { memoryDecisions, memoryNodes } from './memory-ledger.ts';
import { memorySchedules } from './memory-schedules.ts';
import { memoryEvents } from './memory-events.ts';
import { memoryIdentity } from './memory-identity.ts';
import { memoryDeliveries, memoryWebhooks } from './memory-webhooks.ts';
import { createMemoryTables } from './memory-tables.ts';

export function createMemoryStore(): Store {
  const tables = createMemoryTables();
  const jobs = memoryJobs(tables);
  const events = memoryEvents(tables, jobs);
  const state = { isOpen: false };
  const identity = memoryIdentity(tables);
  const nouns = {
    users: whileOpen(identity.users, state),
    sessions: whileOpen(identity.sessions, state),
    teams: whileOpen(identity.teams, state),
    memberships: whileOpen(identity.memberships, state),
    settings: whileOpen(identity.settings, state),
    projects: whileOpen(memoryProjects(tables), state),
    keys: whileOpen(memoryKeys(tables), state),
    functions: whileOpen(memoryFunctions(tables), state),
    deployments: whileOpen(memoryDeployments(tables), state),
    variables: whileOpen(memoryVariables(tables), state),
    executions: whileOpen(memoryExecutions(tables), state),
    jobs: whileOpen(jobs, state),
    schedules: whileOpen(memorySchedules(tables, jobs), state),
    events: whileOpen(events, state),
    webhooks: whileOpen(memoryWebhooks(tables), state),
    deliveries: whileOpen(memoryDeliveries(tables), state),
    decisions: whileOpen(memoryDecisions(tables), state),
    nodes: whileOpen(memoryNodes(tables), state),
  };
  return {
    ...nouns,
    announcing: (told) => announcing(nouns, told, events),
    async open() {
      state.isOpen = true;
    },
    async close() {
      state.isOpen = false;
    },
  };
}

/** Like a real store, it answers nothing before it is opened or after it is closed. */
function whileOpen<Noun extends object>(noun: Noun, state: { readonly isOpen: boolean }): Noun {
  return new Proxy(noun, {
    get(target, name) {
      if (state.isOpen) return Reflect.get(target, name);
      return () => Promise.reject(new PlatformError('store_unavailable', 'The store does not answer: it is not open.'));
    },
  });
}

/** Nouns whose next changes are stored with what they tell; a change that finds nothing tells nothing. */
function announcing(nouns: StoreNouns, told: readonly EventRow[], events: EventStore): StoreNouns {
  const wrap = <Noun extends object>(noun: Noun): Noun =>
    new Proxy(noun, {
      get(target, name) {
        const method: unknown = Reflect.get(target, name);
        if (typeof method !== 'function' || !CHANGES.has(String(name))) return method;
        return async (...input: unknown[]) => {
          const result: unknown = await Reflect.apply(method, target, input);
          if (result !== null && result !== false && result !== 0) await events.append(told);
          return result;
        };
      },
    });
  return Object.fromEntries(Object.entries(nouns).map(([name, noun]) => [name, wrap(noun)])) as unknown as StoreNouns;
}

const CHANGES = new Set(['insert', 'update', 'delete', 'deleteAll']);
