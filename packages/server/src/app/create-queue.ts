/** Puts the queue together: what accepts, what takes and runs, what writes the ends. */
import { hostname } from 'node:os';
import { nodeIdOf } from '../domain/queue/node-id.ts';
import { createEnqueue, type Enqueue } from '../services/queue/enqueue.ts';
import { createJobRunner } from '../services/queue/run-job.ts';
import { createSettler } from '../services/queue/settler.ts';
import type { FunctionRoutes } from '../services/invoke/function-routes.ts';
import type { UserPrincipals } from '../services/identity/user-principals.ts';
import type { Invoke } from '../services/invoke/invoke.ts';
import { createDispatcher, type Dispatcher } from '../triggers/queue/dispatcher.ts';
import type { Drivers } from './create-services.ts';

export interface Queue {
  readonly enqueue: Enqueue;
  readonly dispatcher: Dispatcher;
  /** After the workers have ended: writes what became of their executions. */
  close(): Promise<void>;
}

const CLOSE_MS_MAX = 10_000;

export function createQueue(
  { config, store, sharedClock: clock, ids, log, serverId }: Pick<Drivers, 'config' | 'store' | 'sharedClock' | 'ids' | 'log' | 'serverId'>,
  { invoke, routes, users }: { readonly invoke: Invoke; readonly routes: FunctionRoutes; readonly users: UserPrincipals },
): Queue {
  const { jobs, nodes } = store;
  let joins = 0;
  const closing = new AbortController();
  const settler = createSettler({ jobs, log });
  const runner = createJobRunner({
    invoke,
    routes,
    jobs,
    settler,
    clock,
    log,
    userToken: (projectId, userId) => users.tokenFor(projectId, userId),
    random: Math.random,
    closing: closing.signal,
  });
  const dispatcher = createDispatcher({
    jobs,
    nodes,
    runner,
    invoke,
    routes,
    clock,
    log,
    capacity: config.limits.asyncConcurrency,
    node: { name: `${hostname()} ${process.pid}`, newId: () => nodeIdOf(serverId, ++joins) },
  });
  const enqueue = createEnqueue({
    jobs,
    findExecution: (projectId, id) => store.executions.find(projectId, id),
    clock,
    ids,
    limits: config.limits,
  });
  enqueue.onEnqueued(() => dispatcher.wake());
  return {
    enqueue,
    dispatcher,
    async close() {
      await settler.flush();
      await dispatcher.close(CLOSE_MS_MAX);
      closing.abort();
    },
  };
}
