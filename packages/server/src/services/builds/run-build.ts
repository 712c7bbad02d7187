/**
 * One build from `waiting` to its end: statuses, time limit, artifact, log. Its own row is all that a failure changes,
 * and every change asks for the status it follows, so that a cancel in between wins.
 */
import { PlatformError, isPlatformError, type ErrorCode } from '@martlet/protocol';
import { QUEUED } from '../../domain/deployment-state.ts';
import type { Artifacts } from '../../ports/artifacts.ts';
import type { BuildInput, BuildOutput, BuildProblem } from '../../ports/builder.ts';
import type { DeploymentChange, DeploymentRow } from '../../ports/store.ts';
import { builtKeys, hashBuilt, readBuiltMeta, sizeOfBuilt, storeBuilt } from '../built-artifact.ts';
import { activateDeployment } from './activate-deployment.ts';
import { describeProblems, summarize, type BuildLog } from './build-log.ts';
import type { BuildEnd, BuildOrder, BuildsOptions } from './build-order.ts';
import { sourceKey } from './shared-artifacts.ts';

export interface Run {
  readonly options: BuildsOptions;
  readonly order: BuildOrder;
  readonly log: BuildLog;
  /** Stops this build; the reason becomes its error, but for `CANCELED`. */
  readonly stop: AbortController;
  /** Aborted when the server ends. */
  readonly closing: AbortSignal;
}

type Result =
  | {
      readonly ok: true;
      readonly hash: string;
      readonly change: DeploymentChange;
      readonly inputs: readonly string[];
      readonly output: BuildOutput | undefined;
    }
  | Failure;
interface Failure {
  readonly ok: false;
  readonly code: ErrorCode;
  readonly message: string;
  readonly problems: readonly BuildProblem[];
}

const STORE_RETRY_MS = 1000;
/** Why the builder was told to stop when somebody else has already written the end. */
export const CANCELED = new Error('The build was canceled');

export async function runBuild(build: Run): Promise<BuildEnd> {
  const {
    options: { news, clock },
    order: { row },
    stop,
    closing,
  } = build;
  // It stays `waiting` in the store, and is built after the next start.
  if (closing.aborted) return untouched(build);
  const startedAt = clock.now();
  const begun = persist(build, () =>
    news.changeDeployment(row, QUEUED, { status: 'building', buildStartedAt: startedAt, updatedAt: startedAt }),
  );
  begun.then(
    (changed) => changed === null && stop.abort(CANCELED),
    (error: unknown) => stop.abort(error),
  );
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
  const timer = setTimeout(
    () => stop.abort(new PlatformError('build_timed_out', `The build took longer than ${limits.buildSeconds} seconds.`)),
    limits.buildSeconds * 1000,
  );
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
    return {
      ok: true,
      hash,
      output,
      inputs: output.inputs,
      change: { artifactHash: hash, artifactFormat: output.format, buildBytes: sizeOfBuilt(output) },
    };
  } catch (error) {
    return { ok: false, ...reasonOf(options, { row: order.row, error }), problems: [] };
  } finally {
    clearTimeout(timer);
  }
}

async function reuse({ artifacts }: BuildsOptions, { same }: BuildOrder): Promise<Result | undefined> {
  const hash = same?.artifactHash ?? undefined;
  if (same === undefined || hash === undefined || !(await artifacts.has(builtKeys(hash).meta))) return undefined;
  return {
    ok: true,
    hash,
    output: undefined,
    inputs: [],
    change: { artifactHash: hash, artifactFormat: same.artifactFormat, buildBytes: same.buildBytes },
  };
}

async function storedSource(artifacts: Artifacts, row: DeploymentRow): Promise<BuildInput['source']> {
  const bytes = row.sourceHash === '' ? undefined : await artifacts.get(sourceKey(row.sourceHash));
  if (bytes === undefined)
    throw new PlatformError('build_interrupted', 'The source of the deployment was not stored completely; deploy again.');
  return { kind: 'archive', bytes };
}

function reasonOf({ log }: BuildsOptions, { row, error }: { row: DeploymentRow; error: unknown }): { code: ErrorCode; message: string } {
  if (isPlatformError(error)) return { code: error.code, message: error.message };
  if (error !== CANCELED) log.error({ deployment: row.id, error }, 'Cannot build a deployment');
  return { code: 'general_server_error', message: 'The platform failed to build the deployment; the server log has the reason.' };
}

async function becomeReady(
  build: Run,
  { result, startedAt }: { result: Extract<Result, { ok: true }>; startedAt: number },
): Promise<BuildEnd> {
  const {
    options,
    order: { row },
    log,
  } = build;
  const { news, artifacts, shared, clock } = options;
  const buildMs = clock.now() - startedAt;
  log.write(`Ready in ${buildMs} ms\n`);
  const ready = await shared.keep(result.hash, async () => {
    if (result.output === undefined && !(await artifacts.has(builtKeys(result.hash).meta))) return undefined;
    await Promise.all([result.output === undefined ? undefined : storeBuilt(artifacts, result.hash, result.output), log.end()]);
    return persist(build, () =>
      news.changeDeployment(row, ['building'], {
        ...result.change,
        status: 'ready',
        buildMs,
        updatedAt: clock.now(),
        error: null,
        errorMessage: '',
      }),
    );
  });
  if (ready === undefined) {
    const failure: Failure = {
      ok: false,
      code: 'build_interrupted',
      message: 'The build that was to be used again was deleted meanwhile; deploy again.',
      problems: [],
    };
    return becomeFailed(build, { result: failure, startedAt });
  }
  if (ready === null) return ended(build, result);
  const config = result.output?.config ?? (await readBuiltMeta(artifacts, result.hash)).config;
  await persist(build, () => activateDeployment(options, { row: ready, config, onlyIfNewest: true }));
  return { deployment: ready, problems: [], inputs: result.inputs };
}

async function becomeFailed(build: Run, { result, startedAt }: { result: Failure; startedAt: number }): Promise<BuildEnd> {
  const {
    options: { news, clock, changes },
    order: { row },
    log,
  } = build;
  log.write(result.problems.length > 0 ? describeProblems(result.problems) : `error: ${result.message}\n`);
  log.write('Build failed\n');
  await log.end();
  const failed = await persist(build, () =>
    news.changeDeployment(row, ['building'], failureChange(result, { row: { ...row, buildStartedAt: startedAt }, now: clock.now() })),
  );
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

export function failureChange(
  { code, message }: { code: ErrorCode; message: string },
  { row, now }: { row: DeploymentRow; now: number },
): DeploymentChange {
  return {
    status: 'failed',
    error: code,
    errorMessage: message,
    updatedAt: now,
    buildMs: row.buildStartedAt === null ? 0 : now - row.buildStartedAt,
  };
}

async function settled<T>(promise: Promise<T>): Promise<{ failed: false; value: T } | { failed: true; error: unknown }> {
  try {
    return { failed: false, value: await promise };
  } catch (error) {
    return { failed: true, error };
  }
}
