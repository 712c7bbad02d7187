/**
 * Every statement by name, so that it can be asked for across a thread, with the lane it takes: `write` changes
 * something; `point` reads a few rows by key and must never wait for a list; `list` may take long.
 */
import * as deployments from './deployments.ts';
import * as executions from './executions.ts';
import * as functions from './functions.ts';
import { identityOperations } from './identity/identity-operations.ts';
import * as keys from './keys.ts';
import * as projects from './projects.ts';
import type { Database } from './schema.ts';
import * as variables from './variables.ts';

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

  'executions.get': { lane: 'point', run: executions.getExecution },
  'executions.find': { lane: 'point', run: executions.findExecution },
  'executions.list': { lane: 'list', run: executions.listExecutions },
  'executions.lines': { lane: 'list', run: executions.executionLines },
  'executions.delete': { lane: 'write', run: executions.deleteExecution },
  'executions.failInterrupted': { lane: 'write', run: executions.failInterrupted },
  'executions.deleteEndedBefore': { lane: 'write', run: executions.deleteEndedBefore },

  ...identityOperations,
} as const satisfies Record<string, { lane: Lane; run: (db: Database, input: never) => Promise<unknown> }>;

export type Lane = 'write' | 'point' | 'list';
type Operations = typeof operations;
export type OperationName = keyof Operations;
export type InputOf<Name extends OperationName> = Parameters<Operations[Name]['run']>[1];
export type ResultOf<Name extends OperationName> = Awaited<ReturnType<Operations[Name]['run']>>;
/** Asks for an operation; a `write` is durable when it resolves. */
export type RunOperation = <Name extends OperationName>(name: Name, input: InputOf<Name>) => Promise<ResultOf<Name>>;
