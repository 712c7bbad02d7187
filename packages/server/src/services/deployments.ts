/** Deployments: uploads that become builds, which of them answers, and what is kept of them. */
import { hash } from 'node:crypto';
import { PlatformError, type Limits } from '@martlet/protocol';
import { isPending, isSameBuild } from '../domain/deployment-state.ts';
import type { Artifacts } from '../ports/artifacts.ts';
import type { Clock } from '../ports/system/clock.ts';
import type { Ids } from '../ports/system/ids.ts';
import type { DeploymentRow, FunctionRow, ListQuery, Page, Store } from '../ports/store.ts';
import { builtKeys } from './built-artifact.ts';
import type { Builds } from './builds.ts';
import type { BuildEnd } from './builds/build-order.ts';
import type { Changes } from './changes.ts';
import type { PlatformNews } from './events/platform-news.ts';
import { sourceKey, type SharedArtifacts } from './builds/shared-artifacts.ts';

export interface NewDeployment {
  readonly fn: FunctionRow;
  /** The packed source, a tar.gz. */
  readonly bytes: Uint8Array;
  /** Default: the function's. */
  readonly entrypoint?: string | undefined;
  /** Default: the function's. */
  readonly commands?: string | undefined;
  /** Whether it becomes the active deployment once it is ready. */
  readonly activate: boolean;
  readonly type: DeploymentRow['type'];
  /** Id that was promised for an upload in pieces. Default: a fresh one. */
  readonly id?: string | undefined;
}

export interface FolderDeployment {
  readonly fn: FunctionRow;
  /** Absolute path of the project on this machine. Nothing is written there. */
  readonly folder: string;
  readonly entrypoint: string;
}

export interface Deployments {
  /**
   * Stores source and row, and queues the build. Resolves when both are durable; `wait` tells how the build ends.
   * @throws {PlatformError} `function_entrypoint_missing`, `storage_file_empty`, `storage_file_type_unsupported`,
   * `deployment_invalid_file_size`
   */
  create(input: NewDeployment): Promise<DeploymentRow>;
  /** For `martlet dev`: builds a folder in place, activates it, and resolves at the end of the build. Its source is not stored. */
  createFromFolder(input: FolderDeployment): Promise<BuildEnd>;
  /** @throws {PlatformError} `deployment_not_found` */
  get(fn: FunctionRow, id: string): Promise<DeploymentRow>;
  list(fn: FunctionRow, query: ListQuery): Promise<Page<DeploymentRow>>;
  /** Removes it with its bytes; a build of it is canceled, and if it was active the function has none. @throws {PlatformError} `deployment_not_found` */
  delete(fn: FunctionRow, id: string): Promise<void>;
  /** Removes all of a function; to be called before the function itself is deleted. */
  deleteAll(fn: FunctionRow): Promise<void>;
  /** @throws {PlatformError} `deployment_not_found`, `build_not_ready` */
  activate(fn: FunctionRow, id: string): Promise<FunctionRow>;
  /** Activates the ready deployment before the active one. @throws {PlatformError} `deployment_not_found` when there is none */
  rollback(fn: FunctionRow): Promise<FunctionRow>;
  /** Builds the source of a deployment anew with the function's present entrypoint and commands. @throws {PlatformError} `deployment_not_found` */
  duplicate(fn: FunctionRow, id: string): Promise<DeploymentRow>;
  /** @throws {PlatformError} `deployment_not_found`, `build_already_completed` */
  cancel(fn: FunctionRow, id: string): Promise<DeploymentRow>;
  /** What is in the log so far. @throws {PlatformError} `deployment_not_found` */
  buildLog(fn: FunctionRow, id: string): Promise<string>;
  /** The log from its beginning until the build ends. @throws {PlatformError} `deployment_not_found` */
  followBuildLog(fn: FunctionRow, id: string): Promise<AsyncIterable<string>>;
  /** `source`: the tar.gz; `output`: the built script, or the tar of a tree. @throws {PlatformError} `deployment_not_found` */
  download(fn: FunctionRow, id: string, what: 'source' | 'output'): Promise<Buffer>;
  /** The row once it is ready, failed or canceled. @throws {PlatformError} `deployment_not_found` */
  wait(fn: FunctionRow, id: string): Promise<DeploymentRow>;
}

export interface DeploymentsOptions {
  readonly store: Store;
  readonly artifacts: Artifacts;
  readonly shared: SharedArtifacts;
  readonly builds: Builds;
  readonly clock: Clock;
  readonly ids: Ids;
  readonly changes: Changes;
  readonly news: PlatformNews;
  readonly limits: Pick<Limits, 'deploymentBytes'>;
}

const PAGE = 100;

export function createDeployments(options: DeploymentsOptions): Deployments {
  const { store, artifacts, builds } = options;

  const activate = async (row: DeploymentRow): Promise<FunctionRow> => {
    if (row.status !== 'ready')
      throw new PlatformError('build_not_ready', `Cannot activate the deployment "${row.id}": its build is ${row.status}.`);
    const fn = await builds.activate(row);
    if (fn === null)
      throw new PlatformError('function_not_found', `Cannot activate the deployment "${row.id}": its function does not exist any longer.`);
    return fn;
  };

  return {
    create: (input) => create(options, input),
    createFromFolder: (input) => createFromFolder(options, input),
    get: (fn, id) => get(store, fn, id),
    list: (fn, query) => store.deployments.list(fn.projectId, fn.id, query),
    delete: async (fn, id) => remove(options, { fn, row: await get(store, fn, id) }),
    async deleteAll(fn) {
      for (;;) {
        const { rows } = await store.deployments.list(fn.projectId, fn.id, {
          filters: [],
          order: [],
          limit: PAGE,
          offset: 0,
          withTotal: false,
        });
        for (const row of rows) await remove(options, { fn, row });
        if (rows.length < PAGE) return;
      }
    },
    activate: async (fn, id) => activate(await get(store, fn, id)),
    rollback: async (fn) => activate(await previousReady(store, fn)),
    duplicate: async (fn, id) => duplicate(options, { fn, row: await get(store, fn, id) }),
    cancel: async (fn, id) => builds.cancel(await get(store, fn, id)),
    async buildLog(fn, id) {
      await get(store, fn, id);
      return store.deployments.buildLog(id);
    },
    async followBuildLog(fn, id) {
      await get(store, fn, id);
      return builds.follow(id);
    },
    async download(fn, id, what) {
      const row = await get(store, fn, id);
      const bytes = await artifacts.get(what === 'source' ? sourceKey(row.sourceHash) : outputKey(row));
      if (bytes === undefined)
        throw new PlatformError('deployment_not_found', `Cannot download the ${what} of the deployment "${id}": there is none.`);
      return bytes;
    },
    async wait(fn, id) {
      const row = await get(store, fn, id);
      if (!isPending(row.status)) return row;
      return (await builds.running(id))?.deployment ?? get(store, fn, id);
    },
  };
}

async function create(options: DeploymentsOptions, input: NewDeployment): Promise<DeploymentRow> {
  const { store, artifacts, shared, builds, news } = options;
  const { fn, bytes } = input;
  const row = newRow(options, { ...input, entrypoint: input.entrypoint || fn.entrypoint, commands: input.commands ?? fn.commands });
  checkUpload(options, row, bytes);
  const sourceHash = hash('sha256', bytes, 'hex');
  const stored: DeploymentRow = { ...row, sourceHash, sourceBytes: bytes.length };
  const insert = () => news.tell([news.deployment(stored, 'create')], ({ deployments }) => deployments.insert(stored));
  const former = await store.deployments.latest(fn.projectId, fn.id);
  await shared.keep(sourceHash, () => Promise.all([artifacts.put(sourceKey(sourceHash), bytes), insert()]));
  const same = former !== null && isSameBuild(former, stored) ? former : undefined;
  builds.start({ row: stored, source: { kind: 'archive', bytes }, ...(same !== undefined && { same }) }).catch(() => undefined);
  return stored;
}

/** In the order of the contract. */
function checkUpload({ limits }: DeploymentsOptions, row: DeploymentRow, bytes: Uint8Array): void {
  if (row.entrypoint === '')
    throw new PlatformError('function_entrypoint_missing', 'Cannot deploy: neither the request nor the function names an entrypoint.');
  if (bytes.length === 0) throw new PlatformError('storage_file_empty', 'No file sent');
  if (bytes[0] !== 0x1f || bytes[1] !== 0x8b)
    throw new PlatformError(
      'storage_file_type_unsupported',
      'Cannot deploy: the file is not a .tar.gz archive; its first bytes are not those of gzip.',
    );
  if (bytes.length > limits.deploymentBytes) {
    throw new PlatformError(
      'deployment_invalid_file_size',
      `Cannot deploy: the archive has ${bytes.length} bytes, more than ${limits.deploymentBytes}.`,
    );
  }
}

async function createFromFolder(options: DeploymentsOptions, { fn, folder, entrypoint }: FolderDeployment): Promise<BuildEnd> {
  const row = newRow(options, { fn, entrypoint, commands: fn.commands, activate: true, type: 'cli' });
  if (entrypoint === '') throw new PlatformError('function_entrypoint_missing', 'Cannot build a folder: no entrypoint is named.');
  const { news } = options;
  await news.tell([news.deployment(row, 'create')], ({ deployments }) => deployments.insert(row));
  const end = await options.builds.start({ row, source: { kind: 'folder', path: folder } });
  if (end.deployment.status === 'ready') return end;
  // What a broken build read is not known; these files are what its author will touch.
  const known = [entrypoint, ...end.problems.map(({ file }) => file)].filter((file) => file !== '');
  return { ...end, inputs: [...new Set(known)] };
}

type RowFacts = Pick<DeploymentRow, 'entrypoint' | 'commands' | 'activate' | 'type'> & {
  readonly fn: FunctionRow;
  readonly id?: string | undefined;
};

function newRow({ clock, ids }: DeploymentsOptions, { fn, id, entrypoint, commands, activate, type }: RowFacts): DeploymentRow {
  const now = clock.now();
  return {
    id: id ?? ids.next(),
    projectId: fn.projectId,
    functionId: fn.id,
    createdAt: now,
    updatedAt: now,
    type,
    status: 'waiting',
    entrypoint,
    commands,
    activate,
    sourceHash: '',
    sourceBytes: 0,
    artifactHash: null,
    artifactFormat: null,
    buildBytes: 0,
    buildStartedAt: null,
    buildMs: 0,
    error: null,
    errorMessage: '',
  };
}

async function duplicate(options: DeploymentsOptions, { fn, row }: { fn: FunctionRow; row: DeploymentRow }): Promise<DeploymentRow> {
  const { artifacts, shared, builds, news } = options;
  const copy = newRow(options, { fn, entrypoint: fn.entrypoint || row.entrypoint, commands: fn.commands, activate: true, type: row.type });
  const stored: DeploymentRow = { ...copy, sourceHash: row.sourceHash, sourceBytes: row.sourceBytes };
  await shared.keep(row.sourceHash, async () => {
    if (row.sourceHash === '' || !(await artifacts.has(sourceKey(row.sourceHash)))) {
      throw new PlatformError('deployment_not_found', `Cannot build the deployment "${row.id}" again: its source was not stored.`);
    }
    // The contract takes a build from the source of another for a change of it.
    await news.tell([news.deployment(stored, 'update')], ({ deployments }) => deployments.insert(stored));
  });
  builds.start({ row: stored }).catch(() => undefined);
  return stored;
}

async function remove(
  { store, shared, builds, clock, changes, news }: DeploymentsOptions,
  { fn, row }: { fn: FunctionRow; row: DeploymentRow },
): Promise<void> {
  if (isPending(row.status)) await cancelIfPending(builds, row);
  const { projectId, functionId, id } = row;
  // First the pointer, so that no request is led to a row that is gone.
  const current = await store.functions.get(projectId, functionId);
  if (current?.activeDeploymentId === id)
    await store.functions.update(projectId, functionId, { activeDeploymentId: null, updatedAt: clock.now() });
  const latest = await store.deployments.get(projectId, functionId, id);
  const told = news.deployment(latest ?? row, 'delete');
  await news.tell([told], ({ deployments }) => deployments.delete(projectId, functionId, id));
  changes.announce({ kind: 'deployment', projectId: fn.projectId, functionId: fn.id });
  await shared.release(latest ?? row);
}

async function cancelIfPending(builds: Builds, row: DeploymentRow): Promise<void> {
  const end = builds.running(row.id);
  try {
    await builds.cancel(row);
  } catch (error) {
    // It has ended between the look and the cancel, which is as good.
    if (!(error instanceof PlatformError && error.code === 'build_already_completed')) throw error;
  }
  await end?.catch(() => undefined);
}

async function previousReady(store: Store, fn: FunctionRow): Promise<DeploymentRow> {
  const current = await store.functions.get(fn.projectId, fn.id);
  const active = current?.activeDeploymentId ?? null;
  if (active === null)
    throw new PlatformError('deployment_not_found', `Cannot roll back the function "${fn.path}": it has no active deployment.`);
  const { rows } = await store.deployments.list(fn.projectId, fn.id, {
    filters: [{ kind: 'equal', attribute: 'status', values: ['ready'] }],
    order: [{ attribute: '$sequence', direction: 'desc' }],
    limit: 1,
    offset: 0,
    cursor: { id: active, side: 'after' },
    withTotal: false,
  });
  const [previous] = rows;
  if (previous === undefined)
    throw new PlatformError(
      'deployment_not_found',
      `Cannot roll back the function "${fn.path}": there is no ready deployment before the active one.`,
    );
  return previous;
}

async function get(store: Store, fn: FunctionRow, id: string): Promise<DeploymentRow> {
  const row = await store.deployments.get(fn.projectId, fn.id, id);
  if (row === null)
    throw new PlatformError('deployment_not_found', `Deployment with the requested ID could not be found: "${id.slice(0, 40)}".`);
  return row;
}

function outputKey({ artifactHash, artifactFormat }: DeploymentRow): string {
  const keys = builtKeys(artifactHash ?? 'none');
  return artifactFormat === 'tree' ? keys.tree : keys.code;
}
