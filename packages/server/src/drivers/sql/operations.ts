/**
 * Every statement by name, so that it can be asked for across a thread, with the lane it takes: `write` changes
 * something; `point` reads a few rows by key and must never wait for a list; `list` may take long.
 */
import * as claims from './queue/claims.ts';
import * as decisions from './queue/decisions.ts';
import * as deployments from './control/deployments.ts';
import { enqueueJobs } from './queue/enqueue.ts';
import * as executions from './executions.ts';
import * as functions from './control/functions.ts';
import * as jobs from './queue/jobs.ts';
import * as keys from './control/keys.ts';
import * as nodes from './queue/nodes.ts';
import * as projects from './control/projects.ts';
import { appendEvents } from './triggers/append-events.ts';
import * as events from './triggers/events.ts';
import * as schedules from './triggers/schedules.ts';
import { webhookOperations } from './triggers/webhook-operations.ts';
import { writeTold } from './write-told.ts';
import { identityOperations } from './identity/identity-operations.ts';
import type { EventRow } from '../../ports/store/event-store.ts';
import type { Database } from './schema.ts';
import * as settling from './queue/settle-jobs.ts';
import * as variables from './control/variables.ts';

export const operations = {
  'projects.get': { lane: 'point', run: projects.getProject },
  'projects.ensure': { lane: 'write', run: projects.ensureProject },

  'keys.insert': { lane: 'write', run: keys.insertKey },
  'keys.getByHash': { lane: 'point', run: keys.getKeyByHash },
  'keys.get': { lane: 'point', run: keys.getKey },
  'keys.list': { lane: 'list', run: keys.listKeys },
  'keys.count': { lane: 'point', run: keys.countKeys },
  'keys.touch': { lane: 'write', run: keys.touchKey },
  'keys.delete': { lane: 'write', run: keys.deleteKey },

  'functions.insert': { lane: 'write', run: functions.insertFunction },
  'functions.get': { lane: 'point', run: functions.getFunction },
  'functions.listeners': { lane: 'point', run: functions.listListeners },
  'functions.getByPath': { lane: 'point', run: functions.getFunctionByPath },
  'functions.list': { lane: 'list', run: functions.listFunctions },
  'functions.update': { lane: 'write', run: functions.updateFunction },
  'functions.deleteExecutions': { lane: 'write', run: executions.deleteExecutionsOf },
  'functions.delete': { lane: 'write', run: functions.deleteFunction },

  'deployments.insert': { lane: 'write', run: deployments.insertDeployment },
  'deployments.get': { lane: 'point', run: deployments.getDeployment },
  'deployments.latest': { lane: 'point', run: deployments.latestDeployment },
  'deployments.list': { lane: 'list', run: deployments.listDeployments },
  'deployments.update': { lane: 'write', run: deployments.updateDeployment },
  'deployments.delete': { lane: 'write', run: deployments.deleteDeployment },
  'deployments.listByStatus': { lane: 'list', run: deployments.listDeploymentsByStatus },
  'deployments.appendBuildLog': { lane: 'write', run: deployments.appendBuildLog },
  'deployments.buildLog': { lane: 'list', run: deployments.getBuildLog },

  'variables.insert': { lane: 'write', run: variables.insertVariable },
  'variables.get': { lane: 'point', run: variables.getVariable },
  'variables.list': { lane: 'list', run: variables.listVariables },
  'variables.listEffective': { lane: 'point', run: variables.listEffectiveVariables },
  'variables.update': { lane: 'write', run: variables.updateVariable },
  'variables.delete': { lane: 'write', run: variables.deleteVariable },

  'executions.writeTold': { lane: 'write', run: writeTold },
  'executions.get': { lane: 'point', run: executions.getExecution },
  'executions.find': { lane: 'point', run: executions.findExecution },
  'executions.list': { lane: 'list', run: executions.listExecutions },
  'executions.lines': { lane: 'list', run: executions.executionLines },
  'executions.delete': { lane: 'write', run: executions.deleteExecution },
  'executions.failInterrupted': { lane: 'write', run: executions.failInterrupted },
  'executions.deleteEndedBefore': { lane: 'write', run: executions.deleteEndedBefore },

  'jobs.enqueue': { lane: 'write', run: enqueueJobs },
  'jobs.groups': { lane: 'point', run: claims.readyGroups },
  'jobs.claim': { lane: 'write', run: claims.claimJobs },
  'jobs.settle': { lane: 'write', run: settling.settleJobs },
  'jobs.addLines': { lane: 'write', run: settling.addJobLines },
  'jobs.release': { lane: 'write', run: settling.releaseJobs },
  'jobs.promote': { lane: 'write', run: jobs.promoteJobs },
  'jobs.expire': { lane: 'write', run: jobs.expireJobs },
  'jobs.nextDue': { lane: 'point', run: jobs.nextDueJob },
  'jobs.cancel': { lane: 'write', run: jobs.cancelJob },
  'jobs.cancelRequests': { lane: 'point', run: jobs.jobCancelRequests },
  'jobs.takenBeside': { lane: 'point', run: jobs.jobsTakenBeside },
  'jobs.lost': { lane: 'point', run: jobs.lostJobs },
  'jobs.get': { lane: 'point', run: jobs.getJob },
  'jobs.payload': { lane: 'point', run: jobs.getJobPayload },
  'jobs.attempts': { lane: 'point', run: jobs.listAttempts },
  'jobs.listDead': { lane: 'list', run: jobs.listDeadJobs },
  'jobs.purgeDead': { lane: 'write', run: jobs.purgeDeadJobs },
  'jobs.depth': { lane: 'point', run: jobs.jobDepth },

  'schedules.insert': { lane: 'write', run: schedules.insertSchedule },
  'schedules.get': { lane: 'point', run: schedules.getSchedule },
  'schedules.list': { lane: 'list', run: schedules.listSchedules },
  'schedules.update': { lane: 'write', run: schedules.updateSchedule },
  'schedules.delete': { lane: 'write', run: schedules.deleteSchedule },
  'schedules.due': { lane: 'point', run: schedules.dueSchedules },
  'schedules.nextDue': { lane: 'point', run: schedules.nextDueSchedule },
  'schedules.advance': { lane: 'write', run: schedules.advanceSchedules },

  'events.append': { lane: 'write', run: appendEvents },
  'events.get': { lane: 'point', run: events.getEvent },
  'events.list': { lane: 'list', run: events.listEvents },
  'events.pending': { lane: 'point', run: events.pendingEvents },
  'events.dispatch': { lane: 'write', run: events.dispatchEvent },
  'events.deleteBefore': { lane: 'write', run: events.deleteEventsBefore },
  'events.announce': { lane: 'write', run: announce },

  ...webhookOperations,

  'decisions.append': { lane: 'write', run: decisions.appendDecisions },
  'decisions.list': { lane: 'point', run: decisions.listDecisions },
  'decisions.deleteBefore': { lane: 'write', run: decisions.deleteDecisionsBefore },

  'nodes.insert': { lane: 'write', run: nodes.insertNode },
  'nodes.renew': { lane: 'write', run: nodes.renewNode },
  'nodes.delete': { lane: 'write', run: nodes.deleteNode },
  'nodes.deleteOthers': { lane: 'write', run: nodes.deleteOtherNodes },
  'nodes.reap': { lane: 'write', run: nodes.reapNodes },
  'nodes.list': { lane: 'point', run: nodes.listNodes },
  ...identityOperations,
} as const satisfies Record<string, { lane: Lane; run: (db: Database, input: never) => Promise<unknown> }>;

/** A change and what it tells, in one commit. */
async function announce(db: Database, { name, input, told }: Announcement): Promise<unknown> {
  const changes: Readonly<Record<string, { readonly run: (db: Database, input: never) => Promise<unknown> }>> = operations;
  const result = await changes[name]?.run(db, input as never);
  if (result !== null && result !== false && result !== 0) await appendEvents(db, told);
  return result;
}

export interface Announcement {
  /** Of an operation in the lane `write`. */
  readonly name: string;
  readonly input: unknown;
  readonly told: readonly EventRow[];
}

export type Lane = 'write' | 'point' | 'list';
type Operations = typeof operations;
export type OperationName = keyof Operations;
export type InputOf<Name extends OperationName> = Parameters<Operations[Name]['run']>[1];
export type ResultOf<Name extends OperationName> = Awaited<ReturnType<Operations[Name]['run']>>;
/** Asks for an operation; a `write` is durable when it resolves. */
export type RunOperation = <Name extends OperationName>(name: Name, input: InputOf<Name>) => Promise<ResultOf<Name>>;
