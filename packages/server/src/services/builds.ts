/**
 * Takes deployments from `waiting` to their end: builds them a few at a time, keeps and hands out the log, stores the
 * artifact, moves the pointer of the function. A build that fails changes nothing but its own row.
 */
import { PlatformError, isPlatformError, type ErrorCode, type FunctionConfig, type Limits } from '@martlet/protocol';
import { PENDING, QUEUED, settingsChange, takesPointer } from '../domain/deployment-state.ts';
import type { Artifacts } from '../ports/artifacts.ts';
import type { BuildInput, BuildOutput, BuildProblem, Builder } from '../ports/builder.ts';
import type { Clock } from '../ports/clock.ts';
import type { Log } from '../ports/log.ts';
import type { DeploymentChange, DeploymentRow, FunctionRow, Store } from '../ports/store.ts';
import { createBuildLog, describeProblems, summarize, type BuildLog } from './builds/build-log.ts';
import { createBuildQueue } from './builds/build-queue.ts';
import { hashBuilt, readBuiltMeta, sizeOfBuilt, storeBuilt, builtKeys } from './built-artifact.ts';
import type { Changes } from './changes.ts';
import { sourceKey, type SharedArtifacts } from './builds/shared-artifacts.ts';

export interface BuildOrder {
  readonly row: DeploymentRow;
  /** Default: the stored source of the row. */
  readonly source?: BuildInput['source'];
  /** A ready deployment whose artifact is good for this one too. */
  readonly same?: DeploymentRow;
}

/** How a build came to its end. */
export interface BuildEnd {
  readonly deployment: DeploymentRow;
  readonly problems: readonly BuildProblem[];
  /** Files of the source that went in, relative to its root. */
  readonly inputs: readonly string[];
}

export interface Builds {
  /** Queues a deployment that is stored as `waiting`; resolves at its end, whichever that is. */
  start(order: BuildOrder): Promise<BuildEnd>;
  /** The end of a build that is queued or running here, or undefined. */
  running(deploymentId: string): Promise<BuildEnd> | undefined;
  /** @throws {PlatformError} `build_already_completed` for one that is ready or failed */
  cancel(row: DeploymentRow): Promise<DeploymentRow>;
  /** The log from its beginning; ends when the build does. */
  follow(deploymentId: string): AsyncIterable<string>;
  /** Makes a ready deployment the active one, with the settings of its file. @returns null when the function is gone */
  activate(row: DeploymentRow, options?: { readonly onlyIfNewest: boolean }): Promise<FunctionRow | null>;
  /** After a restart: queues again what waits, and fails what was being built. */
  recover(): Promise<void>;
  /** Stops what is being built; what waits stays so for the next start. */
  close(): Promise<void>;
}

export interface BuildsOptions {
  readonly store: Store;
  readonly artifacts: Artifacts;
  readonly shared: SharedArtifacts;
  readonly builder: Builder;
  readonly clock: Clock;
  readonly changes: Changes;
  readonly limits: Pick<Limits, 'buildSeconds'>;
  readonly log: Log;
  /** Builds at the same time. Default 2. */
  readonly width?: number;
}

/** A build of this process that has not ended. */
interface Running {
  readonly order: BuildOrder;
  readonly log: BuildLog;
  readonly stop: AbortController;
  readonly end: Promise<BuildEnd>;
}

type Result = { readonly ok: true; readonly hash: string; readonly change: DeploymentChange; readonly inputs: readonly string[]; readonly output: BuildOutput | undefined } | Failure;
interface Failure {
  readonly ok: false;
  readonly code: ErrorCode;
  readonly message: string;
  readonly problems: readonly BuildProblem[];
}

const STORE_RETRY_MS = 1000;
/** Why the builder was told to stop when somebody else has already written the end. */
const CANCELED = new Error('The build was canceled');

export function createBuilds(options: BuildsOptions): Builds {
  const { store, clock, log } = options;
  const queue = createBuildQueue(options.width ?? 2);
  const running = new Map<string, Running>();
  const closing = new AbortController();

  const start = (order: BuildOrder): Promise<BuildEnd> => {
    const { id, functionId } = order.row;
    const stop = new AbortController();
    const buildLog = createBuildLog({
      append: (text) => store.deployments.appendBuildLog(id, text),
      failed: (error) => log.error({ deployment: id, error }, 'Cannot write to a build log'),
    });
    const end = queue.add(functionId, () => run({ options, order, log: buildLog, stop, closing: closing.signal })).finally(() => running.delete(id));
    // Nobody has to wait for a build; its failure to be written is in the log.
    end.catch((error: unknown) => log.error({ deployment: id, error }, 'Cannot write the end of a build'));
    running.set(id, { order, log: buildLog, stop, end });
    return end;
  };

  return {
    start,
    running: (id) => running.get(id)?.end,
    cancel: (row) => cancel({ options, row, running: running.get(row.id) }),
    follow: (id) => running.get(id)?.log.follow() ?? storedLog(store, id),
    activate: async (row, { onlyIfNewest } = { onlyIfNewest: false }) => {
      const { config } = await readBuiltMeta(options.artifacts, row.artifactHash ?? '');
      return activate({ options, row, config, onlyIfNewest });
    },
    async recover() {
      const rows = (await store.deployments.listByStatus(PENDING)).filter(({ id }) => !running.has(id));
      for (const row of rows.toSorted((a, b) => (a.id < b.id ? -1 : 1))) {
        if (row.status === 'waiting' && row.sourceHash !== '') void start({ row });
        else await store.deployments.update(row.id, PENDING, failureChange({ code: 'build_interrupted', message: 'The server stopped while it was building.' }, { row, now: clock.now() }));
      }
    },
    async close() {
      closing.abort(new PlatformError('build_interrupted'));
      for (const { stop } of running.values()) stop.abort(closing.signal.reason);
      await Promise.allSettled([...running.values()].map(({ end }) => end));
    },
  };
}

interface Run {
  readonly options: BuildsOptions;
  readonly order: BuildOrder;
  readonly log: BuildLog;
  readonly stop: AbortController;
  readonly closing: AbortSignal;
}

async function run(build: Run): Promise<BuildEnd> {
  const { options: { store, clock }, order: { row }, stop, closing } = build;
  // It stays `waiting` in the store, and is built after the next start.
  if (closing.aborted) return untouched(build);
  const startedAt = clock.now();
  const begun = persist(build, () => store.deployments.update(row.id, QUEUED, { status: 'building', buildStartedAt: startedAt, updatedAt: startedAt }));
  begun.then((changed) => changed === null && stop.abort(CANCELED), (error: unknown) => stop.abort(error));
  // The first commit and the build itself go on at the same time: each takes a few milliseconds.
  const result = await attempt(build);
  const first = await settled(begun);
  if (first.failed) throw first.error;
  if (first.value === null || stop.signal.reason === CANCELED) return ended(build, result);
  return result.ok ? becomeReady(build, { result, startedAt }) : becomeFailed(build, { result, startedAt });
}

/** Builds within the time limit; every failure is a value. */
async function attempt({ options, order, log, stop }: Run): Promise<Result> {
  const { limits, builder, artifacts } = options;
  const timer = setTimeout(() => stop.abort(new PlatformError('build_timed_out', `The build took longer than ${limits.buildSeconds} seconds.`)), limits.buildSeconds * 1000);
  try {
    const reused = await reuse(options, order);
    if (reused !== undefined) {
      log.write(`Nothing has changed since deployment ${order.same?.id}: its build is used\n`);
      return reused;
    }
    const { row } = order;
    const source = order.source ?? (await storedSource(artifacts, row));
    const result = await builder.build({ source, entrypoint: row.entrypoint, commands: row.commands }, log.write, stop.signal);
    if (!result.ok) return { ok: false, code: result.code, message: summarize(result.problems), problems: result.problems };
    const { output } = result;
    const hash = hashBuilt(output);
    return { ok: true, hash, output, inputs: output.inputs, change: { artifactHash: hash, artifactFormat: output.format, buildBytes: sizeOfBuilt(output) } };
  } catch (error) {
    return { ok: false, ...reasonOf(options, { row: order.row, error }), problems: [] };
  } finally {
    clearTimeout(timer);
  }
}

async function reuse({ artifacts }: BuildsOptions, { same }: BuildOrder): Promise<Result | undefined> {
  const hash = same?.artifactHash ?? undefined;
  if (same === undefined || hash === undefined || !(await artifacts.has(builtKeys(hash).meta))) return undefined;
  return { ok: true, hash, output: undefined, inputs: [], change: { artifactHash: hash, artifactFormat: same.artifactFormat, buildBytes: same.buildBytes } };
}

async function storedSource(artifacts: Artifacts, row: DeploymentRow): Promise<BuildInput['source']> {
  const bytes = row.sourceHash === '' ? undefined : await artifacts.get(sourceKey(row.sourceHash));
  if (bytes === undefined) throw new PlatformError('build_interrupted', 'The source of the deployment was not stored completely; deploy again.');
  return { kind: 'archive', bytes };
}

function reasonOf({ log }: BuildsOptions, { row, error }: { row: DeploymentRow; error: unknown }): { code: ErrorCode; message: string } {
  if (isPlatformError(error)) return { code: error.code, message: error.message };
  if (error !== CANCELED) log.error({ deployment: row.id, error }, 'Cannot build a deployment');
  return { code: 'general_server_error', message: 'The platform failed to build the deployment; the server log has the reason.' };
}

async function becomeReady(build: Run, { result, startedAt }: { result: Extract<Result, { ok: true }>; startedAt: number }): Promise<BuildEnd> {
  const { options, order: { row }, log } = build;
  const { store, artifacts, shared, clock } = options;
  const buildMs = clock.now() - startedAt;
  log.write(`Ready in ${buildMs} ms\n`);
  const ready = await shared.keep(result.hash, async () => {
    if (result.output === undefined && !(await artifacts.has(builtKeys(result.hash).meta))) return undefined;
    await Promise.all([result.output === undefined ? undefined : storeBuilt(artifacts, result.hash, result.output), log.end()]);
    return persist(build, () => store.deployments.update(row.id, ['building'], { ...result.change, status: 'ready', buildMs, updatedAt: clock.now(), error: null, errorMessage: '' }));
  });
  if (ready === undefined) {
    const failure: Failure = { ok: false, code: 'build_interrupted', message: 'The build that was to be used again was deleted meanwhile; deploy again.', problems: [] };
    return becomeFailed(build, { result: failure, startedAt });
  }
  if (ready === null) return ended(build, result);
  const config = result.output?.config ?? (await readBuiltMeta(artifacts, result.hash)).config;
  await persist(build, () => activate({ options, row: ready, config, onlyIfNewest: true }));
  return { deployment: ready, problems: [], inputs: result.inputs };
}

async function becomeFailed(build: Run, { result, startedAt }: { result: Failure; startedAt: number }): Promise<BuildEnd> {
  const { options: { store, clock, changes }, order: { row }, log } = build;
  log.write(result.problems.length > 0 ? describeProblems(result.problems) : `error: ${result.message}\n`);
  log.write('Build failed\n');
  await log.end();
  const failed = await persist(build, () => store.deployments.update(row.id, ['building'], failureChange(result, { row: { ...row, buildStartedAt: startedAt }, now: clock.now() })));
  if (failed === null) return ended(build, result);
  changes.announce({ kind: 'deployment', projectId: row.projectId, functionId: row.functionId });
  return { deployment: failed, problems: result.problems, inputs: [] };
}

/** Somebody else has written the end: it was canceled, or its function is gone. */
async function ended({ options: { store }, order: { row }, log }: Run, result: Result): Promise<BuildEnd> {
  await log.end();
  const stored = await store.deployments.get(row.projectId, row.functionId, row.id);
  return { deployment: stored ?? { ...row, status: 'canceled' }, problems: result.ok ? [] : result.problems, inputs: [] };
}

async function untouched({ order: { row }, log }: Run): Promise<BuildEnd> {
  await log.end();
  return { deployment: row, problems: [], inputs: [] };
}

/** A deployment must not stay `building` because the store was away for a moment. */
async function persist<T>({ options, closing }: Run, write: () => Promise<T>): Promise<T> {
  for (;;) {
    try {
      return await write();
    } catch (error) {
      if (!isPlatformError(error) || error.code !== 'store_unavailable' || closing.aborted) throw error;
      options.log.warn({ error }, 'Cannot reach the store at the end of a build; trying again');
      await new Promise((resolve) => setTimeout(resolve, STORE_RETRY_MS));
    }
  }
}

async function activate({ options, row, config, onlyIfNewest }: { options: BuildsOptions; row: DeploymentRow; config: FunctionConfig; onlyIfNewest: boolean }): Promise<FunctionRow | null> {
  const { store, clock, changes } = options;
  const { projectId, functionId, id } = row;
  const fn = await store.functions.get(projectId, functionId);
  if (fn === null || (onlyIfNewest && !takesPointer(row, fn.activeDeploymentId))) {
    changes.announce({ kind: 'deployment', projectId, functionId });
    return fn;
  }
  const changed = await store.functions.update(projectId, functionId, { ...settingsChange(config), activeDeploymentId: id, live: true, updatedAt: clock.now() });
  changes.announce({ kind: 'deployment', projectId, functionId });
  return changed;
}

async function cancel({ options, row, running }: { options: BuildsOptions; row: DeploymentRow; running: Running | undefined }): Promise<DeploymentRow> {
  const { store, clock, changes } = options;
  const now = clock.now();
  const canceled = await store.deployments.update(row.id, PENDING, { status: 'canceled', updatedAt: now, buildMs: row.buildStartedAt === null ? 0 : now - row.buildStartedAt });
  if (canceled !== null) {
    if (running === undefined) await store.deployments.appendBuildLog(row.id, 'Build has been canceled.\n');
    running?.log.write('Build has been canceled.\n');
    running?.stop.abort(CANCELED);
    changes.announce({ kind: 'deployment', projectId: row.projectId, functionId: row.functionId });
    return canceled;
  }
  const stored = await store.deployments.get(row.projectId, row.functionId, row.id);
  if (stored === null) throw new PlatformError('deployment_not_found', `Cannot cancel the deployment "${row.id}": it does not exist.`);
  if (stored.status !== 'canceled') throw new PlatformError('build_already_completed', `Cannot cancel the build of "${row.id}": it is ${stored.status}.`);
  return stored;
}

function failureChange({ code, message }: { code: ErrorCode; message: string }, { row, now }: { row: DeploymentRow; now: number }): DeploymentChange {
  return { status: 'failed', error: code, errorMessage: message, updatedAt: now, buildMs: row.buildStartedAt === null ? 0 : now - row.buildStartedAt };
}

async function* storedLog(store: Store, deploymentId: string): AsyncIterable<string> {
  const text = await store.deployments.buildLog(deploymentId);
  if (text !== '') yield text;
}

async function settled<T>(promise: Promise<T>): Promise<{ failed: false; value: T } | { failed: true; error: unknown }> {
  try {
    return { failed: false, value: await promise };
  } catch (error) {
    return { failed: true, error };
  }
}
