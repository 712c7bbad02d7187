/** `@martlet/sdk/admin`: functions, deployments, secrets and all else that a server of yours manages with a key. */
export { createAdmin, type Admin } from './create-admin.ts';
export type { AdminFunctions, FunctionSettings, NewFunction } from './functions.ts';
export { BuildError, type Deployments, type NewDeployment, type WaitDeployment } from './deployments.ts';
export type { Secrets, VariableOf, Variables, VariableValues } from './variables.ts';
export type { AdminExecutions, Attempt, ChosenDead, Decision, ExecutionStory, ReplayChanges, WhichDead } from './executions.ts';
export type { NewSchedule, Schedule, ScheduleList, Schedules, ScheduleSettings } from './schedules.ts';
export type { CloudEvent, Event, EventList, Events, EventStory, NewEvent, SentEvent } from './events.ts';
export type { Keys, NewKey } from './keys.ts';
export type { NewUser, UserList, Users } from './users.ts';
export type {
  Deployment,
  DeploymentList,
  FunctionList,
  FunctionResource,
  Key,
  KeyList,
  ListOptions,
  RetryRules,
  Variable,
  VariableList,
} from './resources.ts';
