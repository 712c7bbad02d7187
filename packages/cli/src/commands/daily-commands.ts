/** The commands of this folder, in the order of the help. */
import type { Command } from 'commander';
import type { Action } from '../command-context.ts';
import { registerKeys } from './access/keys.ts';
import { registerSecrets } from './access/secrets.ts';
import { registerExecutions } from './executions/executions.ts';
import { registerLogs } from './executions/logs.ts';
import { registerWhy } from './executions/why.ts';
import { registerDeploy } from './functions/deploy.ts';
import { registerDeployments } from './functions/deployments.ts';
import { registerFunctions } from './functions/functions.ts';
import { registerInvoke } from './functions/invoke.ts';
import { registerDev } from './run/dev.ts';
import { registerInit } from './run/init.ts';
import { registerServe } from './run/serve.ts';
import { registerEvents } from './triggers/events.ts';
import { registerSchedules } from './triggers/schedules.ts';

export const dailyCommands: readonly ((program: Command, action: Action) => void)[] = [
  registerDev,
  registerServe,
  registerInit,
  registerDeploy,
  registerInvoke,
  registerFunctions,
  registerDeployments,
  registerExecutions,
  registerWhy,
  registerLogs,
  registerSchedules,
  registerEvents,
  registerSecrets,
  registerKeys,
];
