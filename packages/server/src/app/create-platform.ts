/** The composition root: the one place that names drivers and puts the server together. */
import { readFileSync, writeFileSync } from 'node:fs';
import { keyScopes, type Limits } from '@martlet/protocol';
import { createDiskArtifacts } from '../drivers/disk-artifacts/disk-artifacts.ts';
import { createDiskTrees } from '../drivers/disk-trees/disk-trees.ts';
import { createEsbuildBuilder } from '../drivers/esbuild-builder/esbuild-builder.ts';
import { createLocalVault } from '../drivers/local-vault/local-vault.ts';
import { createPolicyEgress, type PolicyEgress } from '../drivers/policy-egress/policy-egress.ts';
import { createPrometheusMeter } from '../drivers/prometheus-meter/prometheus-meter.ts';
import { createSqliteStore } from '../drivers/sqlite-store/sqlite-store.ts';
import { createPinoLog } from '../drivers/system/pino-log.ts';
import { createSystemClock } from '../drivers/system/system-clock.ts';
import { createSystemIds } from '../drivers/system/system-ids.ts';
import { createFunctionsGateway, type FunctionsGateway } from '../gateway/functions/functions-gateway.ts';
import { listen, type Listener } from '../gateway/listen.ts';
import type { Clock } from '../ports/clock.ts';
import type { Log } from '../ports/log.ts';
import type { Readings } from '../ports/meter.ts';
import type { Sandbox, SandboxProbe, Tier } from '../ports/sandbox.ts';
import type { FunctionRow, Store } from '../ports/store.ts';
import { createBuilds } from '../services/builds.ts';
import { createChanges, type Change } from '../services/changes.ts';
import { createDeployments } from '../services/deployments.ts';
import { createSharedArtifacts } from '../services/builds/shared-artifacts.ts';
import { createExecutions } from '../services/executions.ts';
import { createFunctions } from '../services/functions.ts';
import { createAdmission } from '../services/invoke/admission.ts';
import { createDeploymentCode } from '../services/invoke/deployment-code.ts';
import { createFunctionRoutes, type FunctionRoutes } from '../services/invoke/function-routes.ts';
import { createInvoke } from '../services/invoke/invoke.ts';
import { createRecorder } from '../services/invoke/recorder.ts';
import { createKeys } from '../services/keys.ts';
import { createPrincipals } from '../services/principals.ts';
import { lastingKey } from '../services/project-key.ts';
import { startRetention } from '../services/retention.ts';
import { createUploads } from '../services/uploads.ts';
import { createVariables } from '../services/variables.ts';
import { createWorkerPool, type WorkerPool } from '../services/workers/worker-pool.ts';
import type { Config } from './config.ts';
import { createOthers } from './create-others.ts';
import { assertTier, chooseSandbox } from './create-sandbox.ts';
import { openDataFolder, type DataFolder } from './data-folder.ts';
import { prepareServerFiles } from './server-files.ts';
import { VERSION } from './version.ts';

/** A running server. */
export interface Platform {
  /** Origin at which it answers on this machine. */
  readonly url: string;
  readonly port: number;
  readonly project: string;
  /** In `dev` always; in `serve` only at the first start of an empty data folder, never again. */
  readonly apiKey: string | undefined;
  readonly limits: Limits;
  readonly tier: Tier;
  readonly probe: SandboxProbe;
  readonly services: PlatformServices;
  /** Refuses new work, lets executions end for as long as configured, then stops everything. Idempotent. */
  close(): Promise<void>;
}

export type PlatformServices = ReturnType<typeof createServices>;

/** Name under which functions find the platform; the egress proxy knows it, no resolver does. */
const PLATFORM_HOST = 'martlet.internal';
const PLATFORM_PORT = 80;

/** @throws {PlatformError} `config_invalid`, `sandbox_tier_too_low`, `store_unavailable` */
export async function createPlatform(config: Config): Promise<Platform> {
  const folder = openDataFolder(config.dataDir);
  const closers: (() => unknown)[] = [() => folder.release()];
  try {
    return await assemble(config, folder, closers);
  } catch (error) {
    await closeAll(closers);
    throw error;
  }
}

async function assemble(config: Config, folder: DataFolder, closers: (() => unknown)[]): Promise<Platform> {
  const log = createPinoLog({ level: config.logLevel });
  const clock = createSystemClock();
  const files = await prepareServerFiles(folder.run);
  const { sandbox, probe } = await chooseSandbox({ workerBundle: files.workerBundle, stateDir: folder.run }, log);
  closers.push(() => sandbox.close());
  if (config.mode === 'serve') assertTier(probe, config.sandboxTier);
  await sandbox.sweep();
  const store = createSqliteStore({ path: folder.database, log, ...(files.sqliteThread && { threadUrl: files.sqliteThread }) });
  await store.open();
  closers.push(() => store.close());
  const egress = await createPolicyEgress({ socketPath: folder.egressSocket, log, extraDenied: config.egressDeny, ...(files.egressThread && { threadUrl: files.egressThread }) });
  closers.push(() => egress.close());

  const services = createServices({ config, folder, log, clock, store, sandbox, egress });
  closers.push(() => services.close());
  await recover(services, { store, clock, log });
  await store.projects.ensure({ id: config.defaultProject, name: config.defaultProject, createdAt: clock.now(), updatedAt: clock.now() });
  const apiKey = await openingKey(config, folder, services);

  let closing: Promise<void> | undefined;
  const others = createOthers({ config, services, store, probe, log, isDraining: () => closing !== undefined });
  const listener = await listen({ host: config.host, port: config.port, functions: createGateway(config, services, log), others });
  closers.push(() => listener.close());
  egress.setPlatform([{ host: PLATFORM_HOST, port: PLATFORM_PORT }, ...ownNames(config, listener.port)], { host: loopbackOf(config.host), port: listener.port });
  void services.pool.warmUp();

  return {
    url: `http://${hostInUrl(config.host)}:${listener.port}`,
    port: listener.port,
    project: config.defaultProject,
    apiKey,
    limits: config.limits,
    tier: probe.tier,
    probe,
    services,
    close: () => (closing ??= drainAndClose(config, { listener, services, closers })),
  };
}

interface Drivers {
  readonly config: Config;
  readonly folder: DataFolder;
  readonly log: Log;
  readonly clock: Clock;
  readonly store: Store;
  readonly sandbox: Sandbox;
  readonly egress: PolicyEgress;
}

function createServices({ config, folder, log, clock, store, sandbox, egress }: Drivers) {
  const { limits } = config;
  const ids = createSystemIds(clock);
  const changes = createChanges();
  const artifacts = createDiskArtifacts({ folder: folder.artifacts });
  const vault = createLocalVault({ keyFile: folder.vaultKeys });
  const builder = createEsbuildBuilder({ cacheDir: folder.cache, tempDir: folder.temp, limits, environment: config.environment, log, ...(config.jsrRegistry !== undefined && { jsrRegistry: config.jsrRegistry }) });
  const shared = createSharedArtifacts({ artifacts, deployments: store.deployments });
  const builds = createBuilds({ store, artifacts, shared, builder, clock, changes, limits, log });
  const deployments = createDeployments({ store, artifacts, shared, builds, clock, ids, changes, limits });
  const uploads = createUploads({ deployments, store, clock, ids, limits });
  const functions = createFunctions({ store, clock, ids, changes, deployments, limits });
  const variables = createVariables({ store, vault, clock, ids, changes });
  const keys = createKeys({ store, clock, ids, changes });

  const meter = createPrometheusMeter({ version: VERSION, readings: () => readings() });
  const trees = createDiskTrees({ folder: folder.trees, artifacts });
  const pool = createWorkerPool({
    sandbox, clock, log,
    launch: { memoryMb: limits.memoryMb, tmpMb: limits.tmpMb, processes: limits.processes, egressSocket: egress.socketPath },
    blanks: config.blanks,
    idleMs: limits.workerIdleSeconds * 1000,
    memoryBudgetBytes: config.memoryBudgetMb * 1_048_576,
    onColdStart: (ms, cacheRejected) => {
      meter.coldStart(ms);
      if (cacheRejected) meter.cacheRejected();
    },
  });
  const platformUrl = `http://${PLATFORM_HOST}`;
  const targetOf = createDeploymentCode({
    artifacts, egress, limits, platformUrl,
    engine: `node${process.versions.node}-v8-${process.versions.v8}`.toLowerCase().replace(/[^a-z0-9.-]/g, '-'),
    environment: (projectId, functionId) => variables.environment(projectId, functionId),
    unpackTree: (key) => trees.folderOf(key),
  });
  const routes = createFunctionRoutes({ store, changes });
  const recorder = createRecorder({ executions: store.executions, log });
  const admission = createAdmission(limits);
  const invoke = createInvoke({
    routes, admission, pool, recorder, clock, ids, limits, platformUrl, targetOf,
    describeUnready: ({ fn }) => describeUnready(store, fn),
    onEnded: (execution) => meter.execution(execution.row()),
  });
  const principals = createPrincipals({ store, clock, log, changes, lookUpExecution: (token) => invoke.lookUpExecution(token) });
  const executions = createExecutions({ store, invoke, limits });
  changes.subscribe((change) => retireWorkers(change, { pool, routes, log }));
  const retention = startRetention({ store, clock, log, days: limits.retentionDays });

  const readings = (): Readings => {
    const { live, starting, blanks, memoryBytes } = pool.readings();
    return {
      workers_live: live, workers_starting: starting, workers_blank: blanks, workers_memory_bytes: memoryBytes,
      executions_running: invoke.inFlight, executions_queued: admission.waiting,
      records_pending: recorder.backlog, store_lag_seconds: recorder.oldestMs / 1000,
    };
  };
  return {
    functions, deployments, uploads, variables, keys, principals, executions, invoke, builds, pool, routes, recorder, ids, meter,
    async close(): Promise<void> {
      retention.stop();
      await builds.close();
      await builder.close();
      await pool.close();
      await recorder.close();
    },
  };
}

/** A worker keeps the code, settings and variables it was started with. */
function retireWorkers({ kind, projectId, functionId }: Change, { pool, routes, log }: { pool: WorkerPool; routes: FunctionRoutes; log: Log }): void {
  if (kind === 'key') return;
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

function createGateway(config: Config, { invoke, routes, principals }: PlatformServices, log: Log): FunctionsGateway {
  return createFunctionsGateway({
    invoke, routes, log,
    identify: ({ key, bearer }) => principals.identify({ apiKey: key, bearer }),
    defaultProjectId: config.defaultProject,
    functionsDomain: config.functionsDomain,
    corsOrigins: config.corsOrigins,
    trustProxy: config.trustProxy,
  });
}

/** Ends what a killed server left on record as running, and builds what it had accepted. */
async function recover(services: PlatformServices, { store, clock, log }: Pick<Drivers, 'store' | 'clock' | 'log'>): Promise<void> {
  const interrupted = await store.executions.failInterrupted(clock.now());
  if (interrupted > 0) log.warn({ interrupted }, 'Executions that ran when the server was stopped are now on record as failed');
  await services.builds.recover();
}

async function openingKey(config: Config, folder: DataFolder, { keys, principals }: PlatformServices): Promise<string | undefined> {
  const first = await keys.bootstrap(config.defaultProject);
  if (config.mode === 'serve') return first;
  const keeper = { read: () => readText(folder.devKey), write: (secret: string) => writeFileSync(folder.devKey, secret, { mode: 0o600 }) };
  if (first !== undefined) keeper.write(first);
  return lastingKey({ keys, principals, projectId: config.defaultProject, scopes: keyScopes, keeper });
}

async function drainAndClose(config: Config, { listener, services, closers }: { listener: Listener; services: PlatformServices; closers: (() => unknown)[] }): Promise<void> {
  const drained = listener.drain();
  await services.invoke.drain(config.drainSeconds * 1000);
  // Answers that are being written get a moment; a caller that holds its connection open does not.
  await Promise.race([drained, new Promise((resolve) => setTimeout(resolve, 500))]);
  await closeAll(closers);
}

/** In the reverse order of opening; one that fails does not keep the others open. */
async function closeAll(closers: (() => unknown)[]): Promise<void> {
  const failures: unknown[] = [];
  for (const close of closers.splice(0).reverse()) {
    try {
      await close();
    } catch (error) {
      failures.push(error);
    }
  }
  if (failures.length > 0) throw new AggregateError(failures, 'Cannot close everything');
}

async function describeUnready(store: Store, fn: FunctionRow): Promise<string> {
  const latest = await store.deployments.latest(fn.projectId, fn.id);
  if (latest === null) return `Cannot execute "${fn.path}": it has no deployment yet. Deploy it with \`martlet deploy\`.`;
  const why = latest.errorMessage === '' ? '' : ` (${latest.errorMessage})`;
  return `Cannot execute "${fn.path}": no deployment is active; the newest is ${latest.status}${why}.`;
}

/** Names under which people reach this server, so that a function that was given one of them reaches it too. */
function ownNames(config: Config, port: number): { host: string; port: number }[] {
  return [...new Set(['localhost', '127.0.0.1', config.host])].map((host) => ({ host, port }));
}

function loopbackOf(host: string): string {
  return host === '0.0.0.0' ? '127.0.0.1' : host === '::' ? '::1' : host;
}

function hostInUrl(host: string): string {
  const reachable = loopbackOf(host);
  return reachable.includes(':') ? `[${reachable}]` : reachable;
}

function readText(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8').trim();
  } catch {
    return undefined;
  }
}
