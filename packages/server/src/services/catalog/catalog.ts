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
/** After this the rest is listed without its input, and asked when somebody comes again. */
const ASKING_MS = 10_000;
const FRESH_MS = 30_000;
const PROJECTS_MAX = 100;

export function createCatalog({ functions, routes, inputs, changes }: CatalogOptions): Catalog {
  const known = new LRUCache<string, Promise<readonly FunctionRow[]>>({ max: PROJECTS_MAX, ttl: FRESH_MS });
  changes.subscribe(({ kind, projectId }) => {
    if (kind === 'function' || kind === 'deployment') known.delete(projectId);
  });

  return {
    async callable(projectId, principal) {
      const rows = await (known.get(projectId) ?? remember(projectId));
      // Before anything is asked: code that the caller may not execute is not loaded for it either.
      return describeAll(rows.filter(({ execute }) => mayExecute(principal, projectId, execute)));
    },
  };

  function remember(projectId: string): Promise<readonly FunctionRow[]> {
    const active = activeFunctions(projectId);
    known.set(projectId, active);
    active.catch(() => known.get(projectId) === active && known.delete(projectId));
    return active;
  }

  async function describeAll(rows: readonly FunctionRow[]): Promise<readonly DescribedFunction[]> {
    const described: DescribedFunction[] = [];
    const until = performance.now() + ASKING_MS;
    const queue = rows.values();
    const lane = async (): Promise<void> => {
      for (const { projectId, id } of queue) {
        const routed = await routes.byId(projectId, id);
        if (routed === null || routed.deployment === null) continue;
        const { fn, deployment } = routed;
        const input = performance.now() < until ? await inputs.of(routed, deployment) : undefined;
        described.push({ path: fn.path, execute: fn.execute, input });
      }
    };
    await Promise.all(Array.from({ length: ASKED_AT_ONCE }, lane));
    return described.sort((a, b) => (a.path < b.path ? -1 : 1));
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
