/** A store in memory that passes the suite of the real ones: for tests, and for a server that shall remember nothing. */
import { PlatformError } from '@martlet/protocol';
import type { Store } from '../../ports/store.ts';
import { memoryDeployments, memoryExecutions } from './memory-executions.ts';
import { memoryFunctions, memoryKeys, memoryProjects, memoryVariables } from './memory-functions.ts';
import { memoryJobs } from './memory-jobs.ts';
import { memoryDecisions, memoryNodes } from './memory-ledger.ts';
import { memorySchedules } from './memory-schedules.ts';
import { memoryIdentity } from './memory-identity.ts';
import { createMemoryTables } from './memory-tables.ts';

export function createMemoryStore(): Store {
  const tables = createMemoryTables();
  const jobs = memoryJobs(tables);
  const state = { isOpen: false };
  const identity = memoryIdentity(tables);
  return {
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
    decisions: whileOpen(memoryDecisions(tables), state),
    nodes: whileOpen(memoryNodes(tables), state),
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
