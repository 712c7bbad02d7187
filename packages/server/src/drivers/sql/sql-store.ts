/** The store's nouns over the named operations; a dialect says how an operation is run. */
import type { ExecutionStore, StoreNouns } from '../../ports/store.ts';
import type { EventRow, EventStore } from '../../ports/store/event-store.ts';
import type { NodeStore } from '../../ports/store/node-store.ts';
import type { DeliveryStore, WebhookStore } from '../../ports/store/webhook-store.ts';
import type { JobStore } from '../../ports/store/job-store.ts';
import type { ScheduleStore } from '../../ports/store/schedule-store.ts';
import { createIdentityNouns } from './identity/identity-nouns.ts';
import type { RunOperation } from './operations.ts';

/** Executions that one transaction deletes with their function, or deliveries with their webhook: about 20 ms in which nothing else is written. */
const DELETED_AT_ONCE = 500;

export interface SqlDialect {
  readonly run: RunOperation;
  readonly writeExecutions: ExecutionStore['write'];
}

export function createSqlNouns({ run, writeExecutions }: SqlDialect): Omit<StoreNouns, 'nodes'> {
  return {
    ...createIdentityNouns(run),
    projects: {
      get: (id) => run('projects.get', id),
      ensure: (row) => run('projects.ensure', row),
    },
    keys: {
      insert: (row) => run('keys.insert', row),
      getByHash: (hash) => run('keys.getByHash', hash),
      get: (projectId, id) => run('keys.get', { projectId, id }),
      list: (projectId, query) => run('keys.list', { projectId, query }),
      count: () => run('keys.count', undefined),
      touch: (id, usedAt) => run('keys.touch', { id, usedAt }),
      delete: (projectId, id) => run('keys.delete', { projectId, id }),
    },
    functions: {
      insert: (row) => run('functions.insert', row),
      get: (projectId, id) => run('functions.get', { projectId, id }),
      listeners: (projectId) => run('functions.listeners', projectId),
      getByPath: (projectId, paths) => run('functions.getByPath', { projectId, paths }),
      list: (projectId, query, search) => run('functions.list', { projectId, query, search }),
      update: (projectId, id, change) => run('functions.update', { projectId, id, change }),
      delete: (projectId, id) => deleteFunction(run, { projectId, id }),
    },
    deployments: {
      insert: (row) => run('deployments.insert', row),
      get: (projectId, functionId, id) => run('deployments.get', { projectId, functionId, id }),
      latest: (projectId, functionId) => run('deployments.latest', { projectId, functionId }),
      list: (projectId, functionId, query) => run('deployments.list', { projectId, functionId, query }),
      update: (id, from, change) => run('deployments.update', { id, from, change }),
      delete: (projectId, functionId, id) => run('deployments.delete', { projectId, functionId, id }),
      listByStatus: (statuses) => run('deployments.listByStatus', statuses),
      appendBuildLog: (id, text) => run('deployments.appendBuildLog', { id, text }),
      buildLog: (id) => run('deployments.buildLog', id),
    },
    variables: {
      insert: (row) => run('variables.insert', row),
      get: (projectId, functionId, id) => run('variables.get', { projectId, functionId, id }),
      list: (projectId, functionId, query) => run('variables.list', { projectId, functionId, query }),
      listEffective: (projectId, functionId) => run('variables.listEffective', { projectId, functionId }),
      // oxlint-disable-next-line max-params -- the port's signature
      update: (projectId, functionId, id, change) => run('variables.update', { projectId, functionId, id, change }),
      delete: (projectId, functionId, id) => run('variables.delete', { projectId, functionId, id }),
    },
    executions: {
      write: (batch) => (batch.some(({ told }) => told !== undefined) ? run('executions.writeTold', batch) : writeExecutions(batch)),
      get: (projectId, functionId, id) => run('executions.get', { projectId, functionId, id }),
      find: (projectId, id) => run('executions.find', { projectId, id }),
      // oxlint-disable-next-line max-params -- the port's signature
      list: (projectId, functionId, query, readerUserId) => run('executions.list', { projectId, functionId, query, readerUserId }),
      lines: (id) => run('executions.lines', id),
      delete: (projectId, functionId, id) => run('executions.delete', { projectId, functionId, id }),
      failInterrupted: (endedAt, graceMs) => run('executions.failInterrupted', { endedAt, ...(graceMs !== undefined && { graceMs }) }),
      deleteEndedBefore: (time, limit) => run('executions.deleteEndedBefore', { time, limit }),
    },
    jobs: jobNoun(run),
    schedules: scheduleNoun(run),
    events: eventNoun(run),
    webhooks: webhookNoun(run),
    deliveries: deliveryNoun(run),
    decisions: {
      append: (batch) => run('decisions.append', batch),
      list: (at) => run('decisions.list', at),
      deleteBefore: (time, limit) => run('decisions.deleteBefore', { time, limit }),
    },
  };
}

function scheduleNoun(run: RunOperation): ScheduleStore {
  return {
    insert: (row) => run('schedules.insert', row),
    get: (projectId, id) => run('schedules.get', { projectId, id }),
    list: (projectId, functionId, query) => run('schedules.list', { projectId, functionId, query }),
    // oxlint-disable-next-line max-params -- the port's signature
    update: (projectId, id, change, from) => run('schedules.update', { projectId, id, change, from }),
    delete: (projectId, id) => run('schedules.delete', { projectId, id }),
    due: (now, limit) => run('schedules.due', { now, limit }),
    nextDue: () => run('schedules.nextDue', undefined),
    advance: (batch) => run('schedules.advance', batch),
  };
}

function eventNoun(run: RunOperation): EventStore {
  return {
    append: (batch) => run('events.append', batch),
    get: (projectId, source, id) => run('events.get', { projectId, source, id }),
    list: (projectId, query) => run('events.list', { projectId, query }),
    pending: (limit) => run('events.pending', limit),
    dispatch: (what) => run('events.dispatch', what),
    deleteBefore: (time, limit) => run('events.deleteBefore', { time, limit }),
  };
}

function webhookNoun(run: RunOperation): WebhookStore {
  return {
    insert: (row) => run('webhooks.insert', row),
    get: (projectId, id) => run('webhooks.get', { projectId, id }),
    list: (projectId, query) => run('webhooks.list', { projectId, query }),
    update: (projectId, id, change) => run('webhooks.update', { projectId, id, change }),
    delete: (projectId, id) => deleteWebhook(run, { projectId, id }),
    sending: (projectId) => run('webhooks.sending', projectId),
    hearingExecutions: () => run('webhooks.hearingExecutions', undefined),
  };
}

function deliveryNoun(run: RunOperation): DeliveryStore {
  return {
    get: (projectId, webhookId, id) => run('deliveries.get', { projectId, webhookId, id }),
    list: (projectId, webhookId, query) => run('deliveries.list', { projectId, webhookId, query }),
    claimDue: (what) => run('deliveries.claimDue', what),
    settle: (ends) => run('deliveries.settle', ends),
    release: (attempt) => run('deliveries.release', attempt),
    redeliver: (at) => run('deliveries.redeliver', at),
    deleteBefore: (time, limit) => run('deliveries.deleteBefore', { time, limit }),
  };
}

/** Operations that are the change itself, as opposed to what prepares or follows it. */
const CHANGES = /\.(insert|update|delete|deleteAll)$/;

/** The nouns with `told` in the commit of the change that is made through them. */
export function announcingNouns(dialect: SqlDialect, nodes: NodeStore, told: readonly EventRow[]): StoreNouns {
  const { run } = dialect;
  const announce = ((name, input) =>
    CHANGES.test(name) ? run('events.announce', { name, input, told }) : run(name, input)) as RunOperation;
  return { ...createSqlNouns({ ...dialect, run: announce }), nodes };
}

function jobNoun(run: RunOperation): JobStore {
  return {
    enqueue: (batch, decisions) => run('jobs.enqueue', { batch, decisions }),
    groups: (limit, after) => run('jobs.groups', { limit, after }),
    claim: (at) => run('jobs.claim', at),
    settle: (batch) => run('jobs.settle', batch),
    addLines: (batch) => run('jobs.addLines', batch),
    release: (batch) => run('jobs.release', batch),
    promote: (now, limit) => run('jobs.promote', { now, limit }),
    expire: (now, limit) => run('jobs.expire', { now, limit }),
    nextDue: () => run('jobs.nextDue', undefined),
    cancel: (at) => run('jobs.cancel', at),
    cancelRequests: (nodeId) => run('jobs.cancelRequests', nodeId),
    takenBeside: (at) => run('jobs.takenBeside', at),
    lost: (limit) => run('jobs.lost', limit),
    get: (projectId, executionId) => run('jobs.get', { projectId, executionId }),
    payload: (projectId, executionId) => run('jobs.payload', { projectId, executionId }),
    attempts: (projectId, executionId) => run('jobs.attempts', { projectId, executionId }),
    listDead: (at) => run('jobs.listDead', at),
    purgeDead: (at) => run('jobs.purgeDead', at),
    depth: (at) => run('jobs.depth', at),
  };
}

/** Its executions go first and in pieces, so that a crash in between leaves a function that can be deleted again. */
async function deleteFunction(run: RunOperation, at: { projectId: string; id: string }): Promise<boolean> {
  let deleted = DELETED_AT_ONCE;
  while (deleted === DELETED_AT_ONCE) deleted = await run('functions.deleteExecutions', { ...at, limit: DELETED_AT_ONCE });
  return run('functions.delete', at);
}

/** Its deliveries go first and in pieces, as the executions of a function do. */
async function deleteWebhook(run: RunOperation, { projectId, id }: { projectId: string; id: string }): Promise<boolean> {
  let deleted = DELETED_AT_ONCE;
  while (deleted === DELETED_AT_ONCE) deleted = await run('deliveries.deleteOf', { projectId, webhookId: id, limit: DELETED_AT_ONCE });
  return run('webhooks.delete', { projectId, id });
}
