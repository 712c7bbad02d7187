/**
 * Takes deployments from `waiting` to their end: builds them a few at a time, keeps and hands out the log, stores the
 * artifact, moves the pointer of the function. A build that fails changes nothing but its own row.
 */
import { PlatformError } from '@martlet/protocol';
import { PENDING } from '../domain/deployment-state.ts';
import type { DeploymentRow, FunctionRow, Store } from '../ports/store.ts';
import { activateDeployment } from './builds/activate-deployment.ts';
import { createBuildLog, type BuildLog } from './builds/build-log.ts';
import type { BuildEnd, BuildOrder, BuildsOptions } from './builds/build-order.ts';
import { createBuildQueue } from './builds/build-queue.ts';
import { CANCELED, failureChange, runBuild } from './builds/run-build.ts';
import { readBuiltMeta } from './built-artifact.ts';

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
  recover(from: { readonly alone: boolean }): Promise<void>;
  /** Stops what is being built; what waits stays so for the next start. */
  close(): Promise<void>;
}

const GRACE_MS = 60_000;
/** How long a source may take to arrive. */
const UPLOAD_MS = 3_600_000;

/** A build of this process that has not ended. */
interface Running {
  readonly order: BuildOrder;
  readonly log: BuildLog;
  readonly stop: AbortController;
  readonly end: Promise<BuildEnd>;
}

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
    const end = queue
      .add(functionId, () => runBuild({ options, order, log: buildLog, stop, closing: closing.signal }))
      .finally(() => running.delete(id));
    end.then(({ deployment }) => options.onEnded?.(deployment)).catch(() => undefined);
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
      return activateDeployment(options, { row, config, onlyIfNewest });
    },
    async recover({ alone }) {
      const now = clock.now();
      const rows = (await store.deployments.listByStatus(PENDING))
        .filter(({ id }) => !running.has(id))
        .filter((row) => alone || isAbandoned(row, { now, buildSeconds: options.limits.buildSeconds }));
      for (const row of rows.toSorted((a, b) => (a.id < b.id ? -1 : 1))) {
        // Of several nodes that begin it, the one whose change from `waiting` comes first builds it.
        if (row.status === 'waiting' && row.sourceHash !== '') void start({ row });
        else
          await options.news.changeDeployment(
            row,
            PENDING,
            failureChange({ code: 'build_interrupted', message: 'The server stopped while it was building.' }, { row, now: clock.now() }),
          );
      }
    },
    async close() {
      closing.abort(new PlatformError('build_interrupted'));
      for (const { stop } of running.values()) stop.abort(closing.signal.reason);
      await Promise.allSettled([...running.values()].map(({ end }) => end));
    },
  };
}

/** Whether the node that had it must have ended: it would have begun or finished it long ago. */
function isAbandoned(row: DeploymentRow, { now, buildSeconds }: { now: number; buildSeconds: number }): boolean {
  if (row.status === 'building') return (row.buildStartedAt ?? row.updatedAt) < now - buildSeconds * 1000 - GRACE_MS;
  return row.updatedAt < now - (row.sourceHash === '' ? UPLOAD_MS : GRACE_MS);
}

async function cancel({
  options,
  row,
  running,
}: {
  options: BuildsOptions;
  row: DeploymentRow;
  running: Running | undefined;
}): Promise<DeploymentRow> {
  const { store, clock, changes, news } = options;
  const now = clock.now();
  const canceled = await news.changeDeployment(row, PENDING, {
    status: 'canceled',
    updatedAt: now,
    buildMs: row.buildStartedAt === null ? 0 : now - row.buildStartedAt,
  });
  if (canceled !== null) {
    if (running === undefined) await store.deployments.appendBuildLog(row.id, 'Build has been canceled.\n');
    running?.log.write('Build has been canceled.\n');
    running?.stop.abort(CANCELED);
    changes.announce({ kind: 'deployment', projectId: row.projectId, functionId: row.functionId });
    return canceled;
  }
  const stored = await store.deployments.get(row.projectId, row.functionId, row.id);
  if (stored === null) throw new PlatformError('deployment_not_found', `Cannot cancel the deployment "${row.id}": it does not exist.`);
  if (stored.status !== 'canceled')
    throw new PlatformError('build_already_completed', `Cannot cancel the build of "${row.id}": it is ${stored.status}.`);
  return stored;
}

async function* storedLog(store: Store, deploymentId: string): AsyncIterable<string> {
  const text = await store.deployments.buildLog(deploymentId);
  if (text !== '') yield text;
}
