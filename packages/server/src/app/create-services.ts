/** Makes the services of a server out of its drivers. */
import { createPrometheusMeter, type PrometheusMeter } from '../drivers/prometheus-meter/prometheus-meter.ts';
import type { DiskTrees } from '../drivers/disk-trees/disk-trees.ts';
import type { Artifacts } from '../ports/artifacts.ts';
import type { Builder } from '../ports/builder.ts';
import type { Clock } from '../ports/system/clock.ts';
import type { Egress } from '../ports/egress.ts';
import type { Hints } from '../ports/hints.ts';
import type { Ids } from '../ports/system/ids.ts';
import type { Log } from '../ports/system/log.ts';
import type { Meter, Readings } from '../ports/meter.ts';
import type { Sandbox } from '../ports/sandbox.ts';
import type { DeploymentRow, FunctionRow, Store } from '../ports/store.ts';
import type { Vault } from '../ports/vault.ts';
import type { WebSender } from '../ports/web-sender.ts';
import type { WebReader } from '../ports/web-reader.ts';
import { createBuilds } from '../services/builds.ts';
import { createQueue } from './create-queue.ts';
import { createSharedArtifacts } from '../services/builds/shared-artifacts.ts';
import { createCatalog } from '../services/catalog/catalog.ts';
import { createFunctionInputs } from '../services/catalog/function-inputs.ts';
import { createChanges, type Change, type Changes } from '../services/changes.ts';
import { createDeployments } from '../services/deployments.ts';
import { createExecutions } from '../services/executions.ts';
import { createFunctions } from '../services/functions.ts';
import { createAdmission } from '../services/invoke/admission.ts';
import { createDeploymentCode } from '../services/invoke/deployment-code.ts';
import { createFunctionRoutes, type FunctionRoutes } from '../services/invoke/function-routes.ts';
import { createInvoke } from '../services/invoke/invoke.ts';
import { createRecorder } from '../services/invoke/recorder.ts';
import { createIdentity } from '../services/identity/identity.ts';
import { createKeys } from '../services/keys.ts';
import { createPrincipals } from '../services/principals.ts';
import { createDeadLetters } from '../services/queue/dead-letters.ts';
import { createPlatformNews, type PlatformNews } from '../services/events/platform-news.ts';
import { newsViews } from '../gateway/api/views/news-views.ts';
import { createEvents } from '../services/events/manage-events.ts';
import { createTellingStore } from '../services/events/telling-store.ts';
import { createWebhookServices } from './create-webhooks.ts';
import { createEventDispatcher } from '../triggers/events/event-dispatcher.ts';
import { createSchedules } from '../services/schedules/manage-schedules.ts';
import { createScheduler } from '../triggers/schedules/scheduler.ts';
import { startRetention } from '../services/upkeep/retention.ts';
import { createUploads } from '../services/uploads.ts';
import { createVariables, type Variables } from '../services/variables.ts';
import { createWorkerPool, type WorkerPool } from '../services/workers/worker-pool.ts';
import type { Config } from './config.ts';
import type { DataFolder } from './data-folder.ts';
import { VERSION } from './version.ts';

export interface Drivers {
  readonly config: Config;
  readonly folder: DataFolder;
  readonly log: Log;
  readonly clock: Clock;
  /** For times that are compared with those of other servers. */
  readonly sharedClock: Clock;
  readonly ids: Ids;
  /** Of this process among those that share the store. */
  readonly serverId: string;
  readonly store: Store;
  readonly sandbox: Sandbox;
  readonly egress: Egress;
  readonly artifacts: Artifacts;
  readonly vault: Vault;
  readonly hints: Hints;
  readonly builder: Builder;
  readonly trees: DiskTrees;
  readonly web: WebReader;
  readonly webSender: WebSender;
}

export type PlatformServices = ReturnType<typeof createServices>;

/** Name under which functions find the platform; the egress proxy knows it, no resolver does. */
export const PLATFORM_HOST = 'martlet.internal';
const PLATFORM_ORIGIN = `http://${PLATFORM_HOST}`;
/** Attempts are cut off by their signal; whatever does not heed it is left behind. */
const DELIVERIES_CLOSE_MS = 5000;

export function createServices(given: Drivers) {
  const { config, log, clock, sharedClock, builder } = given;
  const changes = createChanges(given.hints);
  const onStored = (): void => events.stored();
  const telling = createTellingStore({ ...given, changes, views: newsViews, onStored });
  const { store } = telling;
  const drivers: Drivers = { ...given, store };
  const meter: PrometheusMeter = createPrometheusMeter({ version: VERSION, readings: () => invocation.readings() });
  const news = createPlatformNews({ store, clock, ids: drivers.ids, views: newsViews, onStored });
  const control = createControl(drivers, { changes, meter, news });
  const invocation = createInvocation(drivers, changes, { variables: control.variables, meter });
  const { invoke } = invocation;
  const identity = createIdentity({
    ...drivers,
    changes,
    news,
    limits: config.limits,
    keys: control.keys,
    defaultProject: config.defaultProject,
  });
  const queue = createQueue(drivers, { ...invocation, users: identity.userPrincipals });
  const principals = createPrincipals({
    store,
    clock,
    log,
    changes,
    lookUpExecution: (token) => invoke.lookUpExecution(token),
    users: identity.userPrincipals,
    defaultProject: config.defaultProject,
  });
  const schedules = createSchedules({ store, clock, ids: drivers.ids, enqueue: queue.enqueue, log, origin: PLATFORM_ORIGIN });
  const events = createEvents({
    store,
    clock,
    ids: drivers.ids,
    changes,
    enqueue: queue.enqueue,
    log,
    limits: config.limits,
    origin: PLATFORM_ORIGIN,
  });
  const webhooks = createWebhookServices(drivers, { changes, events, rates: identity.rates });
  const eventDispatcher = createEventDispatcher({ events, log });
  const scheduler = createScheduler({ schedules, log });
  const findFunction = finderOf(invocation.routes);
  const executions = createExecutions({ store, findFunction, invoke, enqueue: queue.enqueue, clock, limits: config.limits });
  const retention = startRetention({ store, clock: sharedClock, log, days: config.limits.retentionDays });
  return {
    ...control,
    ...invocation,
    principals,
    identity,
    executions,
    queue,
    deadLetters: createDeadLetters({ store, enqueue: queue.enqueue, clock }),
    events,
    eventDispatcher,
    ...webhooks,
    telling,
    schedules,
    scheduler,
    meter,
    ids: drivers.ids,
    async close(): Promise<void> {
      retention.stop();
      identity.stop();
      await control.builds.close();
      await builder.close();
      invoke.close();
      await invocation.pool.close();
      telling.stop();
      await webhooks.deliveries.close(DELIVERIES_CLOSE_MS);
      await queue.close();
      await invocation.recorder.close();
    },
  };
}

/** Functions as the routes have them at hand. */
function finderOf(routes: FunctionRoutes) {
  return async (projectId: string, id: string) => (await routes.byId(projectId, id))?.fn ?? null;
}

/** What people manage. */
function createControl(
  { config, log, clock, sharedClock, ids, store, artifacts, vault, builder }: Drivers,
  { changes, meter, news }: { changes: Changes; meter: Meter; news: PlatformNews },
) {
  const { limits } = config;
  const shared = createSharedArtifacts({ artifacts, deployments: store.deployments });
  const onEnded = ({ error, buildMs }: DeploymentRow): void => meter.buildEnded(error, buildMs);
  const builds = createBuilds({ store, artifacts, shared, builder, clock: sharedClock, changes, news, limits, log, onEnded });
  const deployments = createDeployments({ store, artifacts, shared, builds, clock: sharedClock, ids, changes, news, limits });
  return {
    builds,
    deployments,
    uploads: createUploads({ deployments, store, clock, ids, limits }),
    functions: createFunctions({ store, clock, ids, changes, news, deployments, limits }),
    variables: createVariables({ store, vault, clock, ids, changes }),
    keys: createKeys({ store, clock, ids, changes }),
  };
}

/** What executes. */
function createInvocation(drivers: Drivers, changes: Changes, { variables, meter }: { variables: Variables; meter: Meter }) {
  const { config, log, sharedClock, ids, store, artifacts, egress, trees } = drivers;
  const { limits } = config;
  const pool = createWorkerPool({ ...poolSettings(drivers), ...coldStartCounters(meter) });
  const targetOf = createDeploymentCode({
    artifacts,
    egress,
    limits,
    platformUrl: PLATFORM_ORIGIN,
    engine: `node${process.versions.node}-v8-${process.versions.v8}`.toLowerCase().replace(/[^a-z0-9.-]/g, '-'),
    environment: (projectId, functionId) => variables.environment(projectId, functionId),
    unpackTree: (key) => trees.folderOf(key),
  });
  const routes = createFunctionRoutes({ store, changes });
  const inputs = createFunctionInputs({ artifacts, pool, log, targetOf });
  const catalog = createCatalog({ functions: store.functions, routes, inputs, changes });
  const recorder = createRecorder({ executions: store.executions, log, serverId: drivers.serverId });
  const admission = createAdmission(limits);
  const invoke = createInvoke({
    routes,
    admission,
    pool,
    recorder,
    clock: sharedClock,
    ids,
    limits,
    platformUrl: PLATFORM_ORIGIN,
    targetOf,
    describeUnready: ({ fn }) => describeUnready(store, fn),
    onEnded: (execution) => meter.execution(execution.row()),
  });
  changes.subscribe((change) => retireWorkers(change, { pool, routes, log }));

  const readings = (): Readings => {
    const { live, starting, blanks, memoryBytes } = pool.readings();
    return {
      workers_live: live,
      workers_starting: starting,
      workers_blank: blanks,
      workers_memory_bytes: memoryBytes,
      executions_running: invoke.inFlight,
      executions_queued: admission.waiting,
      records_pending: recorder.backlog,
      store_lag_seconds: recorder.oldestMs / 1000,
    };
  };
  return { invoke, routes, catalog, pool, recorder, readings };
}

function poolSettings({ config, sandbox, clock, log, egress }: Drivers) {
  const { limits } = config;
  return {
    sandbox,
    clock,
    log,
    launch: { memoryMb: limits.memoryMb, tmpMb: limits.tmpMb, processes: limits.processes, egressSocket: egress.socketPath },
    blanks: config.blanks,
    idleMs: limits.workerIdleSeconds * 1000,
    memoryBudgetBytes: config.memoryBudgetMb * 1_048_576,
  };
}

function coldStartCounters(meter: Meter) {
  return {
    onColdStart: (ms: number, cacheRejected: boolean): void => {
      meter.coldStart(ms);
      if (cacheRejected) meter.cacheRejected();
    },
  };
}

/** A worker keeps the code, settings and variables it was started with. */
function retireWorkers(
  { kind, projectId, functionId }: Change,
  { pool, routes, log }: { pool: WorkerPool; routes: FunctionRoutes; log: Log },
): void {
  if (kind === 'key' || kind === 'user' || kind === 'issuer' || kind === 'webhook') return;
  if (kind !== 'deployment' || functionId === undefined) {
    pool.retire(projectId, functionId);
    return;
  }
  // A deployment that failed, or is not to be the active one, leaves the worker of the active one warm.
  Promise.resolve(routes.byId(projectId, functionId)).then(
    (routed) => pool.retire(projectId, functionId, routed?.deployment?.id),
    (error: unknown) => log.warn({ err: error, functionId }, 'Cannot tell which worker a deployment replaces'),
  );
}

async function describeUnready(store: Store, fn: FunctionRow): Promise<string> {
  const latest = await store.deployments.latest(fn.projectId, fn.id);
  if (latest === null) return `Cannot execute "${fn.path}": it has no deployment yet. Deploy it with \`martlet deploy\`.`;
  const why = latest.errorMessage === '' ? '' : ` (${latest.errorMessage})`;
  return `Cannot execute "${fn.path}": no deployment is active; the newest is ${latest.status}${why}.`;
}
