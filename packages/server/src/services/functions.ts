/** Functions: what they are called, how they may run, who may call them. */
import { PlatformError, functionNameProblem, isCustomId, type Limits } from '@martlet/protocol';
import { changedSettings, newSettings, pathCandidates, type FunctionInput } from '../domain/contract/function-settings.ts';
import type { Clock } from '../ports/system/clock.ts';
import type { Ids } from '../ports/system/ids.ts';
import type { DeploymentRow, FunctionRow, ListQuery, Page, Store, VariableRow } from '../ports/store.ts';
import type { Changes } from './changes.ts';
import type { Deployments } from './deployments.ts';
import type { PlatformNews } from './events/platform-news.ts';

/** A function with what its resource shows of its deployments and variables. */
export interface FunctionDetails {
  readonly row: FunctionRow;
  readonly active: DeploymentRow | null;
  readonly latest: DeploymentRow | null;
  readonly variables: readonly VariableRow[];
}

export interface Functions {
  /** `id` may be `unique()`. @throws {PlatformError} `function_already_exists`, `function_name_invalid`, `function_runtime_unsupported` */
  create(projectId: string, id: string, input: FunctionInput): Promise<FunctionDetails>;
  /** @throws {PlatformError} `function_not_found` */
  get(projectId: string, id: string): Promise<FunctionDetails>;
  /** Just the row. @throws {PlatformError} `function_not_found` */
  row(projectId: string, id: string): Promise<FunctionRow>;
  /** The function with exactly this path, or null. */
  findByPath(projectId: string, path: string): Promise<FunctionDetails | null>;
  list(projectId: string, query: ListQuery, search?: string): Promise<Page<FunctionDetails>>;
  /** Replaces the settings; see `changedSettings`. @throws {PlatformError} `function_not_found`, `function_already_exists` for a taken path */
  update(projectId: string, id: string, input: FunctionInput): Promise<FunctionDetails>;
  /** @throws {PlatformError} `function_not_found` */
  delete(projectId: string, id: string): Promise<void>;
}

export interface FunctionsOptions {
  readonly store: Store;
  readonly clock: Clock;
  readonly ids: Ids;
  readonly changes: Changes;
  readonly news: PlatformNews;
  /** Frees the bytes of deployments before their function is deleted. */
  readonly deployments: Pick<Deployments, 'deleteAll'>;
  readonly limits: Pick<Limits, 'timeoutSeconds' | 'memoryMb' | 'concurrency'>;
}

/** The contract answers lists with every variable of every function. */
const ALL_VARIABLES: ListQuery = { filters: [], order: [], limit: 5000, offset: 0, withTotal: false };

export function createFunctions({ store, clock, ids, changes, news, deployments, limits }: FunctionsOptions): Functions {
  return {
    async create(projectId, wantedId, input) {
      const id = wantedId === 'unique()' ? ids.next() : wantedId;
      assertUsableId(id);
      const now = clock.now();
      const row = { ...newSettings(input, limits), id, projectId, createdAt: now, updatedAt: now, live: true, activeDeploymentId: null };
      const inserted = await insertAtFreePath({ store, news }, row, pathCandidates(input, id));
      changes.announce({ kind: 'function', projectId, functionId: id });
      return { row: inserted, active: null, latest: null, variables: [] };
    },

    async get(projectId, id) {
      return details(store, await requireFunction(store, projectId, id));
    },

    row: (projectId, id) => requireFunction(store, projectId, id),

    async findByPath(projectId, path) {
      const row = functionNameProblem(path) === undefined ? await store.functions.getByPath(projectId, [path]) : null;
      return row === null ? null : details(store, row);
    },

    async list(projectId, query, search) {
      const page = await store.functions.list(projectId, query, search);
      const rows: FunctionDetails[] = [];
      // One function after the other: a page of thousands must not take the whole store for itself.
      for (const row of page.rows) rows.push(await details(store, row));
      return { rows, total: page.total };
    },

    async update(projectId, id, input) {
      const row = await requireFunction(store, projectId, id);
      const change = { ...changedSettings(input, row, limits), updatedAt: clock.now() };
      const told = news.function(await details(store, { ...row, ...change }), 'update');
      const updated = await news.tell([told], (nouns) => nouns.functions.update(projectId, id, change));
      if (updated === null) throw notFound(id);
      changes.announce({ kind: 'function', projectId, functionId: id });
      return details(store, updated);
    },

    async delete(projectId, id) {
      const row = await requireFunction(store, projectId, id);
      const told = news.function(await details(store, row), 'delete');
      await deployments.deleteAll(row);
      if (!(await news.tell([told], (nouns) => nouns.functions.delete(projectId, id)))) throw notFound(id);
      changes.announce({ kind: 'function', projectId, functionId: id });
    },
  };
}

/** Where a function is looked up. */
export interface FunctionSource {
  readonly functions: Pick<Store['functions'], 'get'>;
}

/** @throws {PlatformError} `function_not_found` */
export async function requireFunction(store: FunctionSource, projectId: string, id: string): Promise<FunctionRow> {
  const row = await store.functions.get(projectId, id);
  if (row === null) throw notFound(id);
  return row;
}

async function details(store: Store, row: FunctionRow): Promise<FunctionDetails> {
  const { projectId, id, activeDeploymentId } = row;
  const [active, latest, variables] = await Promise.all([
    activeDeploymentId === null ? null : store.deployments.get(projectId, id, activeDeploymentId),
    store.deployments.latest(projectId, id),
    store.variables.list(projectId, id, ALL_VARIABLES),
  ]);
  return { row, active, latest, variables: variables.rows };
}

/** The id is the last path to fall back on, so it must itself be one. */
function assertUsableId(id: string): void {
  if (!isCustomId(id) || functionNameProblem(id) !== undefined) {
    throw new PlatformError(
      'general_argument_invalid',
      `Invalid \`functionId\` param: "${id.slice(0, 40)}" cannot be the id of a function: ${functionNameProblem(id) ?? 'it is not made of letters, digits, periods, hyphens and underscores'}`,
    );
  }
}

/** Tries to insert instead of asking first: somebody else may take the path between the question and the insert. */
async function insertAtFreePath(
  { store, news }: Pick<FunctionsOptions, 'store' | 'news'>,
  row: Omit<FunctionRow, 'path'>,
  paths: readonly string[],
): Promise<FunctionRow> {
  for (const [at, path] of paths.entries()) {
    const candidate: FunctionRow = { ...row, path };
    try {
      const told = news.function({ row: candidate, active: null, latest: null, variables: [] }, 'create');
      await news.tell([told], (nouns) => nouns.functions.insert(candidate));
      return candidate;
    } catch (error) {
      const taken = error instanceof PlatformError && error.code === 'function_already_exists';
      if (!taken || at === paths.length - 1 || (await store.functions.get(row.projectId, row.id)) !== null) throw error;
    }
  }
  throw new PlatformError('function_name_invalid', `Cannot create the function "${row.id}": neither its name nor its id can be a path.`);
}

const notFound = (id: string): PlatformError =>
  new PlatformError('function_not_found', `Function with the requested ID could not be found: "${id.slice(0, 40)}".`);
