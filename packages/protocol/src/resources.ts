/**
 * Resources as they travel over the control API. The shapes are those of the Appwrite Functions contract (every field
 * always present); what Martlet adds stands after them.
 */
import { z } from 'zod';
import { egressSchema, retriesSchema } from './function-config.ts';
import { deploymentStatuses, executionStatuses, logLevels, triggers } from './execution.ts';

const id = z.string();
const date = z.string().describe('ISO 8601 in UTC, e.g. 2026-01-31T06:38:00.000+00:00; empty where unset');
const base = { $id: id, $createdAt: date, $updatedAt: date };
const header = z.object({ name: z.string(), value: z.string() });

export const variableResource = z.object({
  ...base,
  key: z.string(),
  value: z.string().describe('Empty for secrets'),
  secret: z.boolean(),
  resourceType: z.enum(['function', 'project']),
  resourceId: id,
});
export type VariableResource = z.infer<typeof variableResource>;

export const functionResource = z.object({
  ...base,
  name: z.string(),
  path: z.string().describe('The name under which it is called: /functions/<path>'),
  execute: z.array(z.string()),
  enabled: z.boolean(),
  live: z.boolean(),
  logging: z.boolean(),
  runtime: z.string(),
  deploymentRetention: z.int(),
  deploymentId: id,
  deploymentCreatedAt: date,
  latestDeploymentId: id,
  latestDeploymentCreatedAt: date,
  latestDeploymentStatus: z.string(),
  scopes: z.array(z.string()),
  vars: z.array(variableResource),
  events: z.array(z.string()),
  schedule: z.string(),
  timezone: z.string(),
  timeout: z.int().describe('Seconds'),
  memory: z.int().describe('MB'),
  concurrency: z.int(),
  retries: retriesSchema,
  egress: egressSchema,
  durability: z.enum(['relaxed', 'strict']),
  entrypoint: z.string(),
  commands: z.string(),
  version: z.string(),
  installationId: z.string(),
  providerRepositoryId: z.string(),
  providerBranch: z.string(),
  providerRootDirectory: z.string(),
  providerSilentMode: z.boolean(),
  providerBranches: z.array(z.string()),
  providerPaths: z.array(z.string()),
  specification: z.string(),
  buildSpecification: z.string(),
  runtimeSpecification: z.string(),
});
export type FunctionResource = z.infer<typeof functionResource>;

export const deploymentResource = z.object({
  ...base,
  type: z.enum(['manual', 'cli', 'vcs']),
  resourceId: id,
  resourceType: z.literal('functions'),
  entrypoint: z.string(),
  sourceSize: z.int(),
  buildSize: z.int(),
  totalSize: z.int(),
  buildId: z.string(),
  activate: z.boolean(),
  active: z.boolean(),
  status: z.enum(deploymentStatuses),
  buildLogs: z.string(),
  buildDuration: z.int(),
  buildError: z.string().describe('Code of the error registry; empty unless failed'),
  screenshotLight: z.string(),
  screenshotDark: z.string(),
  providerRepositoryName: z.string(),
  providerRepositoryOwner: z.string(),
  providerRepositoryUrl: z.string(),
  providerCommitHash: z.string(),
  providerCommitAuthorUrl: z.string(),
  providerCommitAuthor: z.string(),
  providerCommitMessage: z.string(),
  providerCommitUrl: z.string(),
  providerBranch: z.string(),
  providerBranchUrl: z.string(),
});
export type DeploymentResource = z.infer<typeof deploymentResource>;

export const logLineResource = z.object({
  time: z.number().describe('Milliseconds since 1970'),
  level: z.enum(logLevels),
  stream: z.enum(['logs', 'errors']),
  text: z.string(),
});

export const executionResource = z.object({
  ...base,
  $permissions: z.array(z.string()),
  functionId: id,
  resourceId: id,
  resourceType: z.literal('functions'),
  deploymentId: id,
  trigger: z.enum(triggers),
  status: z.enum(executionStatuses),
  requestMethod: z.string(),
  requestPath: z.string(),
  requestHeaders: z.array(header),
  responseStatusCode: z.int(),
  responseBody: z.string(),
  responseHeaders: z.array(header),
  logs: z.string(),
  errors: z.string(),
  duration: z.number().describe('Seconds'),
  scheduledAt: z.string().nullable(),
  errorCode: z.string().describe('Code of the error registry; empty unless failed'),
  start: z.enum(['cold', 'warm', 'none']),
  timings: z.object({ queue: z.number(), coldStart: z.number(), run: z.number() }).describe('Seconds'),
  memoryPeak: z.int().describe('Bytes'),
  cpuTime: z.number().describe('Seconds; shared by executions that ran at the same time in one worker'),
  requestSize: z.int(),
  responseSize: z.int(),
  logLines: z.array(logLineResource).optional().describe('In single reads with an API key'),
  logsDropped: z.int().describe('Bytes of log beyond the limit'),
  attempt: z.int().describe('Attempts begun, for executions that nobody waits for; else 0'),
});
export type ExecutionResource = z.infer<typeof executionResource>;

export const decisionResource = z.object({ at: date, code: z.string().describe('One word'), text: z.string() });
export type DecisionResource = z.infer<typeof decisionResource>;

export const attemptResource = z.object({
  number: z.int().describe('Counts from 1'),
  node: z.string().describe('Server that ran it'),
  startedAt: date,
  endedAt: date,
  errorCode: z.string().describe('Empty for one that completed or goes on'),
});
export type AttemptResource = z.infer<typeof attemptResource>;

export const scheduleResource = z.object({
  ...base,
  functionId: id,
  name: z.string(),
  source: z.enum(['settings', 'api']).describe('Whether it stands in the settings of the function'),
  expression: z.string().describe('Empty for one that runs once'),
  timezone: z.string(),
  at: date.describe('When the one that runs once does'),
  enabled: z.boolean(),
  request: z.object({ method: z.string(), path: z.string(), headers: z.array(header), body: z.string() }),
  jitter: z.number().describe('Seconds'),
  catchUp: z.object({ policy: z.enum(['latest', 'all', 'skip']), max: z.int(), window: z.number().describe('Seconds') }),
  overlap: z.enum(['allow', 'skip', 'queue']),
  next: z.array(date),
  lastTick: date,
  lastExecutionId: z.string(),
  counters: z.object({ ran: z.int(), missed: z.int(), caughtUp: z.int(), skipped: z.int() }),
});
export type ScheduleResource = z.infer<typeof scheduleResource>;

export const eventResource = z.object({
  ...base,
  source: z.string(),
  type: z.string().describe('The name that functions listen to'),
  subject: z.string(),
  time: date.describe('When it happened, as its sender says'),
  dataContentType: z.string(),
  dataSize: z.int(),
  origin: z.enum(['platform', 'api', 'function', 'webhook']),
  userId: id,
  hops: z.int(),
  dispatchedAt: date,
  started: z.int().describe('Executions that it started'),
});
export type EventResource = z.infer<typeof eventResource>;

export const keyResource = z.object({
  ...base,
  name: z.string(),
  prefix: z.string(),
  scopes: z.array(z.string()),
  expire: date,
  accessedAt: date,
  secret: z.string().describe('Only in the answer that creates the key'),
});
export type KeyResource = z.infer<typeof keyResource>;

export const projectResource = z.object({ ...base, name: z.string() });
export type ProjectResource = z.infer<typeof projectResource>;

/** The error envelope of /v1. */
export const errorResource = z.object({ message: z.string(), code: z.int(), type: z.string(), version: z.string() });
export type ErrorResource = z.infer<typeof errorResource>;

/** All scopes that an API key may carry for what this server has. */
export const keyScopes = [
  'functions.read',
  'functions.write',
  'executions.read',
  'executions.write',
  'log.read',
  'log.write',
  'queue.read',
  'queue.write',
  'events.read',
  'events.write',
  'schedules.read',
  'schedules.write',
  'webhooks.read',
  'webhooks.write',
  'keys.read',
  'keys.write',
  'project.read',
  'project.write',
  'users.read',
  'users.write',
  'sessions.write',
  'teams.read',
  'teams.write',
  'health.read',
] as const;
