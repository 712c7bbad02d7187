/** The composition root: the one place that names drivers and puts the server together. */
import { readFileSync, writeFileSync } from 'node:fs';
import { keyScopes, type Limits } from '@martlet/protocol';
import { createDiskTrees } from '../drivers/disk-trees/disk-trees.ts';
import { createEsbuildBuilder } from '../drivers/esbuild-builder/esbuild-builder.ts';
import { createPolicyEgress, type PolicyEgress } from '../drivers/policy-egress/policy-egress.ts';
import { createWebReader } from '../drivers/policy-egress/web/web-reader.ts';
import { createWebSender } from '../drivers/policy-egress/web/web-sender.ts';
import { createPinoLog } from '../drivers/system/pino-log.ts';
import { createSystemClock } from '../drivers/system/system-clock.ts';
import { createSystemIds } from '../drivers/system/system-ids.ts';
import { createFunctionsGateway, type FunctionsGateway } from '../gateway/functions/functions-gateway.ts';
import { listen, type Listener } from '../gateway/listen.ts';
import type { Builder } from '../ports/builder.ts';
import type { Log } from '../ports/system/log.ts';
import type { SandboxProbe, Tier } from '../ports/sandbox.ts';
import type { Store } from '../ports/store.ts';
import { createCallerRate } from '../services/identity/caller-rate.ts';
import { lastingKey } from '../services/project-key.ts';
import { startRecovery, type RecoveryOptions } from '../services/upkeep/recovery.ts';
import { createSharedClock } from '../services/upkeep/shared-clock.ts';
import type { Clock } from '../ports/system/clock.ts';
import type { Config } from './config.ts';
import { createOthers } from './create-others.ts';
import { assertTier, chooseSandbox } from './create-sandbox.ts';
import { createServices, PLATFORM_HOST, type PlatformServices } from './create-services.ts';
import { killingStorage } from './kill-at.ts';
import { openDataFolder, type DataFolder } from './data-folder.ts';
import { openStorage } from './storage/open-storage.ts';
import { prepareServerFiles, readClient, type ServerFiles } from './server-files.ts';
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
  /** Aborts, with the reason, when the store is lost until a new process opens it: whoever started this one should end it. */
  readonly lost: AbortSignal;
  /** Refuses new work, lets executions end for as long as configured, then stops everything. Idempotent. */
  close(): Promise<void>;
}

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
  const serverId = createSystemIds(clock).next();
  const lost = new AbortController();
  const onFatal = (error: Error): void => lost.abort(error);
  const opened = await openStorage({ config, folder, files, log, nodeId: serverId, onFatal }, closers);
  const storage = killingStorage(opened, config.killAt);
  const { store, artifacts } = storage;
  const sharedClock = storage.shared ? await readSharedClock({ store, clock, log }, closers) : clock;
  // The proxy is there before what counts its denials.
  const counting: { meter?: PlatformServices['meter'] } = {};
  const egress = await startEgress(config, { folder, files, log, onDenied: (count) => counting.meter?.egressDenied(count) }, closers);

  const services = createServices({
    config,
    folder,
    log,
    clock,
    sharedClock,
    sandbox,
    egress,
    ...storage,
    ids: createSystemIds(clock),
    serverId,
    builder: createBuilder(config, folder, log),
    web: createWebReader({ privateHosts: config.oidcPrivateHosts, extraDenied: config.egressDeny }),
    webSender: createWebSender({ privateHosts: config.webhookPrivateHosts, extraDenied: config.egressDeny }),
    trees: createDiskTrees({ folder: folder.trees, tempDir: folder.temp, artifacts }),
  });
  counting.meter = services.meter;
  closers.push(() => services.close());
  await takePlace(services, { store, clock, log, shared: storage.shared, serverId }, closers);
  await store.projects.ensure({ id: config.defaultProject, name: config.defaultProject, createdAt: clock.now(), updatedAt: clock.now() });
  const apiKey = await openingKey(config, folder, services);

  let closing: Promise<void> | undefined;
  const others = createOthers({ config, services, store, clock, probe, log, lost: lost.signal, isDraining: () => closing !== undefined });
  const listener = await listen({ host: config.host, port: config.port, functions: createGateway(config, services, log), others });
  closers.push(() => listener.close());
  egress.setPlatform([{ host: PLATFORM_HOST, port: PLATFORM_PORT }, ...ownNames(config, listener.port)], {
    host: loopbackOf(config.host),
    port: listener.port,
  });
  await startWork(services);

  return {
    url: `http://${hostInUrl(config.host)}:${listener.port}`,
    port: listener.port,
    project: config.defaultProject,
    apiKey,
    limits: config.limits,
    tier: probe.tier,
    probe,
    services,
    lost: lost.signal,
    close: () => (closing ??= drainAndClose(config, { listener, services, closers })),
  };
}

async function startEgress(
  config: Config,
  { folder, files, log, onDenied }: { folder: DataFolder; files: ServerFiles; log: Log; onDenied: (count: number) => void },
  closers: (() => unknown)[],
): Promise<PolicyEgress> {
  const egress = await createPolicyEgress({
    extraDenied: config.egressDeny,
    opened: config.egressAllow,
    socketPath: folder.egressSocket,
    log,
    onDenied,
    ...(files.egressThread && { threadUrl: files.egressThread }),
  });
  closers.push(() => egress.close());
  return egress;
}

/** Joins the nodes before it looks whether it is alone, and before anything of its own can run: whoever is not on the list counts as dead. */
async function takePlace(
  { queue, builds }: PlatformServices,
  options: Omit<RecoveryOptions, 'builds'>,
  closers: (() => unknown)[],
): Promise<void> {
  await queue.dispatcher.join();
  const recovery = await startRecovery({ ...options, builds });
  closers.push(() => recovery.stop());
}

async function startWork(services: PlatformServices): Promise<void> {
  void services.pool.warmUp();
  await services.telling.refresh();
  await services.queue.dispatcher.start();
  services.scheduler.start();
  services.eventDispatcher.start();
  services.deliveryLoop.start();
}

async function readSharedClock(
  { store, clock, log }: { store: Store; clock: Clock; log: Log },
  closers: (() => unknown)[],
): Promise<Clock> {
  const shared = createSharedClock({ nodes: store.nodes, clock, log });
  closers.push(() => shared.stop());
  await shared.read();
  return shared;
}

function createBuilder(config: Config, folder: DataFolder, log: Log): Builder {
  return createEsbuildBuilder({
    cacheDir: folder.cache,
    tempDir: folder.temp,
    limits: config.limits,
    environment: config.environment,
    readClient,
    log,
    ...(config.jsrRegistry !== undefined && { jsrRegistry: config.jsrRegistry }),
  });
}

function createGateway(config: Config, { invoke, routes, catalog, principals, identity }: PlatformServices, log: Log): FunctionsGateway {
  return createFunctionsGateway({
    invoke,
    routes,
    log,
    identify: (credentials) => principals.identify(credentials),
    rate: createCallerRate(identity.rates, 'call', config.limits.callsPerMinute),
    defaultProjectId: config.defaultProject,
    document: { catalog, version: VERSION },
    functionsDomain: config.functionsDomain,
    corsOrigins: config.corsOrigins,
    trustProxy: config.trustProxy,
  });
}

async function openingKey(config: Config, folder: DataFolder, { keys, principals }: PlatformServices): Promise<string | undefined> {
  const first = await keys.bootstrap(config.defaultProject);
  if (config.mode === 'serve') return first;
  const keeper = { read: () => readText(folder.devKey), write: (secret: string) => writeFileSync(folder.devKey, secret, { mode: 0o600 }) };
  if (first !== undefined) keeper.write(first);
  return lastingKey({ keys, principals, projectId: config.defaultProject, scopes: keyScopes, keeper });
}

async function drainAndClose(
  config: Config,
  { listener, services, closers }: { listener: Listener; services: PlatformServices; closers: (() => unknown)[] },
): Promise<void> {
  const drained = listener.drain();
  services.scheduler.stop();
  services.eventDispatcher.stop();
  services.deliveryLoop.stop();
  services.queue.dispatcher.stop();
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
