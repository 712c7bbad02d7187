/** The control API over a store in memory, a real builder and a real vault. Executions are answered by the test. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { defaultLimits, keyScopes, type LogLine } from '@martlet/protocol';
import { packTar } from 'modern-tar';
import { createDiskArtifacts } from '../../src/drivers/disk-artifacts/disk-artifacts.ts';
import { createEsbuildBuilder } from '../../src/drivers/esbuild-builder/esbuild-builder.ts';
import { createLocalVault } from '../../src/drivers/local-vault/local-vault.ts';
import { createWebSender } from '../../src/drivers/policy-egress/web/web-sender.ts';
import { createWebhooks } from '../../src/services/webhooks/manage-webhooks.ts';
import { createHooks } from '../../src/services/webhooks/take-hook.ts';
import { createWebReader } from '../../src/drivers/policy-egress/web/web-reader.ts';
import { createMemoryStore } from '../../src/drivers/memory-store/memory-store.ts';
import { createSystemIds } from '../../src/drivers/system/system-ids.ts';
import { createApi } from '../../src/gateway/api/create-api.ts';
import type { Clock } from '../../src/ports/system/clock.ts';
import type { Log } from '../../src/ports/system/log.ts';
import type { ExecutionRow } from '../../src/ports/store.ts';
import type { Principal } from '../../src/domain/principal.ts';
import { createSharedArtifacts } from '../../src/services/builds/shared-artifacts.ts';
import { createBuilds } from '../../src/services/builds.ts';
import { createChanges } from '../../src/services/changes.ts';
import { createDeployments } from '../../src/services/deployments.ts';
import { createExecutions } from '../../src/services/executions.ts';
import { createFunctions } from '../../src/services/functions.ts';
import type { FollowedLine, Invoke, InvokeRequest, Outcome, PendingExecution } from '../../src/services/invoke/invoke.ts';
import { createIdentity } from '../../src/services/identity/identity.ts';
import { createKeys } from '../../src/services/keys.ts';
import { createPrincipals } from '../../src/services/principals.ts';
import { createEnqueue } from '../../src/services/queue/enqueue.ts';
import { createDeadLetters } from '../../src/services/queue/dead-letters.ts';
import { newsViews } from '../../src/gateway/api/views/news-views.ts';
import { createPlatformNews } from '../../src/services/events/platform-news.ts';
import { createEvents } from '../../src/services/events/manage-events.ts';
import { createSchedules } from '../../src/services/schedules/manage-schedules.ts';
import { createUploads } from '../../src/services/uploads.ts';
import { createVariables } from '../../src/services/variables.ts';

export const PROJECT = 'default';
/** What a password costs is for an attacker to pay, not for every test. */
const CHEAP = { memoryKib: 64, passes: 1, lanes: 1 };

export interface Answer {
  readonly status: number;
  readonly headers: Headers;
  /** Parsed JSON, or the text. */
  // oxlint-disable-next-line typescript/no-explicit-any -- answers are looked into freely here; what they hold is what is tested
  readonly body: any;
}

export interface CallOptions {
  readonly method?: string;
  readonly json?: unknown;
  readonly form?: FormData;
  readonly body?: BodyInit;
  readonly headers?: Record<string, string>;
  /** Default: the key with every scope; null: none. */
  readonly key?: string | null;
}

export type OpenApi = Awaited<ReturnType<typeof openApi>>;

export async function openApi(options: { limits?: Partial<typeof defaultLimits>; origins?: string[] } = {}) {
  const folder = mkdtempSync(join(tmpdir(), 'martlet-api-'));
  const limits = { ...defaultLimits, ...options.limits };
  const { clock, advance } = movableClock();
  const { log, logged } = keepLog();
  const ids = createSystemIds(clock);
  const changes = createChanges();
  const store = createMemoryStore();
  await store.open();
  await store.projects.ensure({ id: PROJECT, name: PROJECT, createdAt: 0, updatedAt: 0 });
  await store.projects.ensure({ id: 'elsewhere', name: 'elsewhere', createdAt: 0, updatedAt: 0 });
  const artifacts = createDiskArtifacts({ folder: join(folder, 'artifacts') });
  const vault = createLocalVault({ keyFile: join(folder, 'keys') });
  const builder = createEsbuildBuilder({
    cacheDir: join(folder, 'cache'),
    tempDir: join(folder, 'temp'),
    limits,
    environment: { PATH: '/nowhere' },
    log,
  });
  const shared = createSharedArtifacts({ artifacts, deployments: store.deployments });
  const news = createPlatformNews({ store, clock, ids, views: newsViews, onStored: () => events.stored() });
  const builds = createBuilds({ store, artifacts, shared, builder, clock, changes, news, limits, log });
  const deployments = createDeployments({ store, artifacts, shared, builds, clock, ids, changes, news, limits });
  const uploads = createUploads({ deployments, store, clock, ids, limits });
  const functions = createFunctions({ store, clock, ids, changes, news, deployments, limits });
  const variables = createVariables({ store, vault, clock, ids, changes });
  const keys = createKeys({ store, clock, ids, changes });
  const tokens = new Map<string, Principal>();
  const web = createWebReader({ privateHosts: ['127.0.0.1'], extraDenied: [] });
  const identity = createIdentity({
    store,
    clock,
    ids,
    log,
    vault,
    web,
    changes,
    news,
    limits,
    keys,
    defaultProject: PROJECT,
    passwordCost: CHEAP,
  });
  const principals = createPrincipals({
    store,
    clock,
    log,
    changes,
    lookUpExecution: (token) => tokens.get(token),
    users: identity.userPrincipals,
    defaultProject: PROJECT,
  });
  const answering = createAnswering(clock, ids);
  const findExecution = (projectId: string, id: string) => store.executions.find(projectId, id);
  const enqueue = createEnqueue({ jobs: store.jobs, findExecution, clock, ids, limits });
  const executions = createExecutions({
    store,
    findFunction: (projectId, id) => store.functions.get(projectId, id),
    invoke: answering.invoke,
    enqueue,
    clock,
    limits,
  });
  const schedules = createSchedules({ store, clock, ids, enqueue, origin: 'http://localhost' });
  const events = createEvents({ store, clock, ids, changes, enqueue, limits, origin: 'http://localhost' });
  const sender = createWebSender({ privateHosts: [], extraDenied: [] });
  const api = createApi({
    functions,
    deployments,
    uploads,
    variables,
    executions,
    schedules,
    events,
    webhooks: createWebhooks({ store, vault, sender, clock, ids, changes }),
    hooks: createHooks({ store, vault, events, clock, log, rate: undefined }),
    deadLetters: createDeadLetters({ store, enqueue, clock }),
    keys,
    principals,
    identity,
    clock,
    projects: store.projects,
    ids,
    log,
    limits,
    version: '1.2.3',
    defaultProject: PROJECT,
    origins: options.origins ?? [],
  });
  const { secret } = await keys.create(PROJECT, { name: 'all', scopes: keyScopes, expiresAt: null });

  async function call(path: string, { method, json, form, body, headers = {}, key = secret }: CallOptions = {}): Promise<Answer> {
    const sent = new Headers(headers);
    if (key !== null) sent.set('x-martlet-key', key);
    if (json !== undefined) sent.set('content-type', 'application/json');
    const content = json === undefined ? (form ?? body) : JSON.stringify(json);
    const request = new Request(`http://localhost${path}`, {
      method: method ?? (content === undefined ? 'GET' : 'POST'),
      headers: sent,
      ...(content === undefined ? {} : { body: content }),
    });
    const response = await api.fetch(request, { clientIp: '203.0.113.7' });
    const text = await response.text();
    return {
      status: response.status,
      headers: response.headers,
      body: response.headers.get('content-type')?.includes('application/json') === true ? JSON.parse(text) : text,
    };
  }

  return {
    api,
    call,
    store,
    vault,
    changes,
    keys,
    principals,
    identity,
    variables,
    deployments,
    advance,
    clock,
    logged,
    tokens,
    answering,
    secret,
    async close() {
      identity.stop();
      await builds.close();
      await builder.close();
      await store.close();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

function movableClock(): { clock: Clock; advance: (ms: number) => void } {
  let offset = 0;
  let last = 0;
  const now = (): number => Date.now() + offset;
  return {
    clock: { now, uniqueMicros: () => (last = Math.max(last + 1, now() * 1000)) },
    advance: (ms) => {
      offset += ms;
    },
  };
}

function keepLog(): { log: Log; logged: { level: string; facts: object; message: string }[] } {
  const logged: { level: string; facts: object; message: string }[] = [];
  const at = (level: string) => (facts: object, message: string) => {
    logged.push({ level, facts, message });
  };
  return { log: { debug: at('debug'), info: at('info'), warn: at('warn'), error: at('error') }, logged };
}

/** The interface of `Invoke` with answers that the test chooses; records of what was asked stay here. */
function createAnswering(clock: Clock, ids: { next(): string }) {
  const asked: InvokeRequest[] = [];
  const pending = new Map<string, PendingExecution>();
  const state: {
    outcome: (request: InvokeRequest) => Outcome | Promise<Outcome>;
    lines: readonly LogLine[];
    follow: readonly FollowedLine[];
  } = {
    outcome: () => ({
      kind: 'response',
      status: 200,
      headers: ['content-type', 'text/plain'],
      headerText: 'content-type\0text/plain',
      body: Buffer.from('hello'),
    }),
    lines: [],
    follow: [],
  };
  const invoke: Invoke = {
    async invoke(request) {
      asked.push(request);
      const id = ids.next();
      const outcome = await state.outcome(request);
      const row = executionRow({
        id,
        functionId: request.functionId,
        createdAt: clock.now(),
        ...(outcome.kind === 'response'
          ? { status: outcome.status < 500 ? 'completed' : 'failed', responseStatus: outcome.status }
          : { status: 'failed', errorCode: outcome.code, responseStatus: 0 }),
      });
      return { id, outcome, row: () => row, lines: () => state.lines, ended: Promise.resolve() };
    },
    cancel: (_projectId, id) => {
      const found = pending.get(id);
      if (found !== undefined) pending.set(id, { ...found, row: { ...found.row, status: 'failed', errorCode: 'execution_canceled' } });
      return found !== undefined;
    },
    live: (projectId) => [...pending.values()].map(({ row }) => row).filter((row) => row.projectId === projectId),
    pending: (id) => pending.get(id),
    async *followLines() {
      yield* state.follow;
    },
  };
  return { invoke, asked, pending, state };
}

export function executionRow(facts: Partial<ExecutionRow>): ExecutionRow {
  return {
    id: 'e1',
    projectId: PROJECT,
    functionId: 'f1',
    deploymentId: 'd1',
    createdAt: 1,
    updatedAt: 1,
    trigger: 'http',
    status: 'completed',
    errorCode: null,
    userId: null,
    requestMethod: 'POST',
    requestPath: '/',
    requestHeaders: [],
    requestBytes: 0,
    responseStatus: 200,
    responseHeaders: [],
    responseBytes: 0,
    scheduledAt: null,
    attempt: 0,
    cold: false,
    queueMs: 0,
    coldMs: 0,
    runMs: 12,
    memoryPeakBytes: 0,
    cpuMicros: 0,
    logsDroppedBytes: 0,
    endedAt: 13,
    ...facts,
  };
}

export async function packSources(files: Record<string, string>): Promise<Uint8Array<ArrayBuffer>> {
  const entries = Object.entries(files).map(([name, body]) => ({
    header: { name, size: Buffer.byteLength(body), type: 'file' as const },
    body,
  }));
  return new Uint8Array(gzipSync(await packTar(entries)));
}

export function deploymentForm(archive: Uint8Array<ArrayBuffer>, fields: Record<string, string> = {}): FormData {
  const form = new FormData();
  for (const [name, value] of Object.entries({ entrypoint: 'main.ts', activate: 'true', ...fields })) form.set(name, value);
  form.set('code', new File([archive], 'code.tar.gz', { type: 'application/gzip' }));
  return form;
}

/** Waits until the newest deployment of a function has ended, and returns it. */
export async function builtDeployment({ call }: Pick<OpenApi, 'call'>, functionId: string, id: string): Promise<Answer['body']> {
  for (;;) {
    const { status, body } = await call(`/v1/functions/${functionId}/deployments/${id}`);
    if (status !== 200) throw new Error(`no deployment "${id}": ${JSON.stringify(body)}`);
    if (['ready', 'failed', 'canceled'].includes(body.status)) return body;
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}
