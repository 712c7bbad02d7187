/** The functions of a project that can be called, with what they take; for those who want to know before they call. */
import { LRUCache } from 'lru-cache';
import type { DescribedFunction } from '../../domain/functions-document/functions-document.ts';
import { mayExecute, type Principal } from '../../domain/principal.ts';
import type { FunctionRow, FunctionStore } from '../../ports/store.ts';
import type { Changes } from '../changes.ts';
import type { FunctionRoutes } from '../invoke/function-routes.ts';
import type { FunctionInputs } from './function-inputs.ts';

export interface Catalog {
  /** Those that the principal may call, by name. */
  callable(projectId: string, principal: Principal): Promise<readonly DescribedFunction[]>;
}

export interface CatalogOptions {
  readonly functions: Pick<FunctionStore, 'list'>;
  readonly routes: Pick<FunctionRoutes, 'byId'>;
  readonly inputs: FunctionInputs;
  readonly changes: Changes;
}

const PAGE = 500;
/** Workers that are started at the same time only to be asked. */
const ASKED_AT_ONCE = 4;
/** A change is seen at once; this is for inputs that could not be found out at the first try. */
const FRESH_MS = 30_000;
const PROJECTS_MAX = 100;

export function createCatalog({ functions, routes, inputs, changes }: CatalogOptions): Catalog {
  const known = new LRUCache<string, Promise<readonly DescribedFunction[]>>({ max: PROJECTS_MAX, ttl: FRESH_MS });
  changes.subscribe(({ kind, projectId }) => {
    if (kind === 'function' || kind === 'deployment') known.delete(projectId);
  });

  return {
    async callable(projectId, principal) {
      const all = await (known.get(projectId) ?? remember(projectId));
      return all.filter(({ execute }) => mayExecute(principal, projectId, execute));
    },
  };

  function remember(projectId: string): Promise<readonly DescribedFunction[]> {
    const described = describeAll(projectId);
    known.set(projectId, described);
    described.catch(() => known.get(projectId) === described && known.delete(projectId));
    return described;
  }

  async function describeAll(projectId: string): Promise<readonly DescribedFunction[]> {
    const rows = await activeFunctions(projectId);
    const described: DescribedFunction[] = [];
    const queue = rows.values();
    const lane = async (): Promise<void> => {
      for (const fn of queue) {
        const one = await describe(fn);
        if (one !== undefined) described.push(one);
      }
    };
    await Promise.all(Array.from({ length: ASKED_AT_ONCE }, lane));
    return described.sort((a, b) => (a.path < b.path ? -1 : 1));
  }

  async function describe({ projectId, id }: FunctionRow): Promise<DescribedFunction | undefined> {
    const routed = await routes.byId(projectId, id);
    if (routed === null || routed.deployment === null) return undefined;
    const { fn, deployment } = routed;
    return { path: fn.path, execute: fn.execute, input: await inputs.of(routed, deployment) };
  }

  async function activeFunctions(projectId: string): Promise<FunctionRow[]> {
    const active: FunctionRow[] = [];
    let last: FunctionRow | undefined;
    do {
      const cursor = last === undefined ? {} : { cursor: { id: last.id, side: 'after' as const } };
      const { rows } = await functions.list(projectId, { filters: [], order: [], limit: PAGE, offset: 0, withTotal: false, ...cursor });
      active.push(...rows.filter((fn) => fn.enabled && fn.activeDeploymentId !== null));
      last = rows.length === PAGE ? rows.at(-1) : undefined;
    } while (last !== undefined);
    return active;
  }
}
