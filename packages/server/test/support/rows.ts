/** Rows with nothing special about them; a test names only what it is about. */
import type { NewJob } from '../../src/ports/store/job-store.ts';
import type { DeliveryRow, WebhookRow } from '../../src/ports/store/webhook-store.ts';
import type { EventRow } from '../../src/ports/store/event-store.ts';
import type { ScheduleRow } from '../../src/ports/store/schedule-store.ts';
import type {
  DeploymentRow,
  ExecutionRow,
  ExecutionWrite,
  FunctionRow,
  KeyRow,
  ListQuery,
  ProjectRow,
  VariableRow,
} from '../../src/ports/store.ts';

import type { MembershipRow, SessionRow, TeamRow, UserRow } from '../../src/ports/store/user-store.ts';

const TIME = Date.UTC(2026, 0, 31);

export function aProject(facts: Partial<ProjectRow> = {}): ProjectRow {
  return { id: 'default', createdAt: TIME, updatedAt: TIME, name: 'Default', ...facts };
}

export function aKey(facts: Partial<KeyRow> = {}): KeyRow {
  const id = facts.id ?? 'key-1';
  return {
    id,
    createdAt: TIME,
    updatedAt: TIME,
    projectId: 'default',
    name: `Key ${id}`,
    hash: `hash of ${id}`,
    prefix: 'standard_a1b2',
    scopes: ['functions.read', 'executions.write'],
    expiresAt: null,
    lastUsedAt: null,
    ...facts,
  };
}

export function aFunction(facts: Partial<FunctionRow> = {}): FunctionRow {
  const id = facts.id ?? 'hello';
  return {
    id,
    createdAt: TIME,
    updatedAt: TIME,
    projectId: 'default',
    name: `Function ${id}`,
    path: id,
    runtime: 'node-24',
    execute: ['any'],
    enabled: true,
    logging: true,
    entrypoint: 'index.ts',
    commands: '',
    scopes: [],
    events: [],
    schedule: '',
    timezone: 'UTC',
    timeoutSeconds: 15,
    memoryMb: 256,
    concurrency: 100,
    retries: 0,
    egress: 'public',
    durability: 'relaxed',
    deploymentRetention: 0,
    live: false,
    activeDeploymentId: null,
    ...facts,
  };
}

export function aDeployment(facts: Partial<DeploymentRow> = {}): DeploymentRow {
  return {
    id: 'deployment-1',
    createdAt: TIME,
    updatedAt: TIME,
    projectId: 'default',
    functionId: 'hello',
    type: 'manual',
    status: 'waiting',
    entrypoint: 'index.ts',
    commands: '',
    activate: true,
    sourceHash: 'ab'.repeat(32),
    sourceBytes: 1234,
    artifactHash: null,
    artifactFormat: null,
    buildBytes: 0,
    buildStartedAt: null,
    buildMs: 0,
    error: null,
    errorMessage: '',
    ...facts,
  };
}

export function aVariable(facts: Partial<VariableRow> = {}): VariableRow {
  const id = facts.id ?? 'variable-1';
  return {
    id,
    createdAt: TIME,
    updatedAt: TIME,
    projectId: 'default',
    functionId: null,
    key: `KEY_${id}`,
    value: 'value',
    secret: false,
    ...facts,
  };
}

export function anExecution(facts: Partial<ExecutionRow> = {}): ExecutionRow {
  return {
    id: '6720aa00000000000001',
    createdAt: TIME,
    updatedAt: TIME,
    projectId: 'default',
    functionId: 'hello',
    deploymentId: 'deployment-1',
    trigger: 'http',
    status: 'completed',
    errorCode: null,
    userId: null,
    requestMethod: 'POST',
    requestPath: '/orders?id=1',
    requestHeaders: ['content-type', 'application/json'],
    requestBytes: 12,
    responseStatus: 200,
    responseHeaders: ['content-type', 'application/json', 'x-empty', ''],
    responseBytes: 34,
    cold: false,
    queueMs: 0.125,
    coldMs: 0,
    runMs: 1.5,
    memoryPeakBytes: 52_000_000,
    cpuMicros: 833,
    logsDroppedBytes: 0,
    scheduledAt: null,
    attempt: 0,
    endedAt: TIME + 2,
    ...facts,
  };
}

export function aWrite(facts: Partial<ExecutionRow> = {}, ...texts: string[]): ExecutionWrite {
  return { row: anExecution(facts), lines: texts.map((text) => ({ time: TIME + 0.5, level: 'info', stream: 'logs', text })) };
}

export function aJob(execution: Partial<ExecutionRow> = {}, facts: Partial<Omit<NewJob, 'execution'>> = {}): NewJob {
  return {
    execution: anExecution({ status: 'waiting', endedAt: null, cold: null, responseStatus: 0, runMs: 0, ...execution }),
    runAt: Date.UTC(2026, 0, 31),
    delayed: false,
    priority: 0,
    expiresAt: null,
    concurrencyKey: null,
    facts: { crashes: 0 },
    request: {
      method: 'POST',
      origin: 'http://localhost',
      path: '/orders',
      headers: ['content-type', 'application/json'],
      clientIp: '127.0.0.1',
      hops: 0,
      event: '',
    },
    body: Buffer.from('{"a":1}'),
    idempotency: null,
    ...facts,
  };
}

export function aSchedule(facts: Partial<ScheduleRow> = {}): ScheduleRow {
  return {
    id: 'schedule-1',
    createdAt: TIME,
    updatedAt: TIME,
    projectId: 'default',
    functionId: 'hello',
    name: 'Nightly',
    source: 'api',
    expression: '0 3 * * *',
    timezone: 'UTC',
    at: null,
    enabled: true,
    request: { method: 'POST', path: '/', headers: [], body: '' },
    jitterMs: 0,
    catchUp: { policy: 'latest', max: 100, windowMs: 86_400_000 },
    overlap: 'allow',
    cursor: TIME,
    nextDue: null,
    ran: 0,
    missed: 0,
    caughtUp: 0,
    skipped: 0,
    lastTick: null,
    lastExecutionId: null,
    open: [],
    ...facts,
  };
}

export function anEvent(facts: Partial<EventRow> = {}): EventRow {
  return {
    id: 'event-1',
    createdAt: TIME,
    updatedAt: TIME,
    projectId: 'default',
    source: '/shop',
    type: 'order.created',
    subject: '',
    time: TIME,
    contentType: 'application/json',
    data: Buffer.from('{}'),
    origin: 'api',
    fired: null,
    userId: null,
    hops: 0,
    dispatchedAt: null,
    started: 0,
    ...facts,
  };
}

export function aWebhook(facts: Partial<WebhookRow> = {}): WebhookRow {
  return {
    id: 'webhook-1',
    createdAt: TIME,
    updatedAt: TIME,
    projectId: 'default',
    name: 'shop',
    direction: 'out',
    enabled: true,
    url: 'https://example.com/hook',
    events: ['order.*'],
    hearsExecutions: false,
    verify: null,
    secrets: 'sealed',
    failingSince: null,
    ...facts,
  };
}

export function aDelivery(facts: Partial<DeliveryRow> = {}): DeliveryRow {
  return {
    id: 'delivery-1',
    createdAt: TIME,
    updatedAt: TIME,
    projectId: 'default',
    webhookId: 'webhook-1',
    eventId: 'event-1',
    eventSource: '/shop',
    eventType: 'order.created',
    status: 'waiting',
    attempt: 0,
    tries: 0,
    nextAt: TIME,
    responseStatus: 0,
    error: '',
    endedAt: null,
    ...facts,
  };
}

export function aQuery(facts: Partial<ListQuery> = {}): ListQuery {
  return { filters: [], order: [], limit: 25, offset: 0, withTotal: true, ...facts };
}

export function aUser(facts: Partial<UserRow> = {}): UserRow {
  return {
    id: 'user-1',
    createdAt: TIME,
    updatedAt: TIME,
    projectId: 'default',
    email: null,
    emailVerified: false,
    name: 'Ann',
    passwordHash: null,
    passwordUpdatedAt: null,
    blocked: false,
    labels: [],
    prefs: {},
    issuer: null,
    subject: null,
    accessedAt: null,
    ...facts,
  };
}

export function aSession(facts: Partial<SessionRow> = {}): SessionRow {
  const id = facts.id ?? 'session-1';
  return {
    id,
    createdAt: TIME,
    updatedAt: TIME,
    projectId: 'default',
    userId: 'user-1',
    hash: `hash of ${id}`,
    provider: 'email',
    expiresAt: TIME + 1000,
    ip: '203.0.113.7',
    userAgent: 'test',
    ...facts,
  };
}

export function aTeam(facts: Partial<TeamRow> = {}): TeamRow {
  return { id: 'team-1', createdAt: TIME, updatedAt: TIME, projectId: 'default', name: 'Team', ...facts };
}

export function aMembership(facts: Partial<MembershipRow> = {}): MembershipRow {
  return {
    id: 'membership-1',
    createdAt: TIME,
    updatedAt: TIME,
    projectId: 'default',
    teamId: 'team-1',
    userId: 'user-1',
    roles: [],
    ...facts,
  };
}
