/** Finds the function that a path or an id means, with its active deployment. Cached; a hit costs one look-up and no promise. */
import { candidateNames } from '@martlet/protocol';
import { LRUCache } from 'lru-cache';
import type { DeploymentRow, FunctionRow, Store } from '../../ports/store.ts';
import type { Changes } from '../changes.ts';

export interface RoutedFunction {
  readonly fn: FunctionRow;
  /** Null when nothing is active. */
  readonly deployment: DeploymentRow | null;
}

export interface RoutedPath {
  readonly routed: RoutedFunction;
  /** What follows the name: empty, or starts with a slash. */
  readonly subPath: string;
}

export interface FunctionRoutes {
  /** `path` has no leading slash and no query. The longest deployed name wins. */
  byPath(projectId: string, path: string): RoutedPath | null | Promise<RoutedPath | null>;
  byId(projectId: string, functionId: string): RoutedFunction | null | Promise<RoutedFunction | null>;
}

/** Entries are small; a name that does not exist is remembered as well, so that the bound matters. */
const ENTRIES_MAX = 20_000;
const MISSING = Symbol('missing');

export function createFunctionRoutes({ store, changes }: { store: Store; changes: Changes }): FunctionRoutes {
  const byName = new LRUCache<string, RoutedFunction | typeof MISSING>({ max: ENTRIES_MAX });
  const byId = new LRUCache<string, RoutedFunction>({ max: ENTRIES_MAX });
  /** Grows with every change, so that an answer that was read before a change is not kept after it. */
  let generation = 0;
  /** Callers in a row mostly want the same: it needs no key to be made and looked up. */
  let last: { readonly projectId: string; readonly path: string; readonly found: RoutedPath } | undefined;

  changes.subscribe((change) => {
    if (change.kind !== 'function' && change.kind !== 'deployment') return;
    generation += 1;
    last = undefined;
    // Which names a function had is not known here, and changes are rare.
    byName.clear();
    if (change.functionId === undefined) byId.clear();
    else byId.delete(key(change.projectId, change.functionId));
  });

  return {
    byPath(projectId, path) {
      if (last !== undefined && last.path === path && last.projectId === projectId) return last.found;
      const whole = byName.get(key(projectId, path));
      if (whole !== undefined && whole !== MISSING) {
        last = { projectId, path, found: { routed: whole, subPath: '' } };
        return last.found;
      }
      const names = candidateNames(path);
      for (const name of names) {
        const known = byName.get(key(projectId, name));
        if (known === undefined) return findByPath(projectId, path, names);
        if (known !== MISSING) return { routed: known, subPath: path.slice(name.length) };
      }
      return null;
    },
    byId: (projectId, functionId) => byId.get(key(projectId, functionId)) ?? findById(projectId, functionId),
  };

  async function findByPath(projectId: string, path: string, names: readonly string[]): Promise<RoutedPath | null> {
    const before = generation;
    const fn = await store.functions.getByPath(projectId, names);
    const routed = fn === null ? null : await withDeployment(fn);
    if (before === generation) {
      for (const name of names) {
        if (name === fn?.path) break;
        byName.set(key(projectId, name), MISSING);
      }
      if (routed !== null) {
        byName.set(key(projectId, routed.fn.path), routed);
        byId.set(key(projectId, routed.fn.id), routed);
      }
    }
    return routed === null ? null : { routed, subPath: path.slice(routed.fn.path.length) };
  }

  async function findById(projectId: string, functionId: string): Promise<RoutedFunction | null> {
    const before = generation;
    const fn = await store.functions.get(projectId, functionId);
    if (fn === null) return null;
    const routed = await withDeployment(fn);
    if (before === generation) byId.set(key(projectId, functionId), routed);
    return routed;
  }

  async function withDeployment(fn: FunctionRow): Promise<RoutedFunction> {
    const deployment = fn.activeDeploymentId === null ? null : await store.deployments.get(fn.projectId, fn.id, fn.activeDeploymentId);
    return { fn, deployment };
  }
}

function key(projectId: string, rest: string): string {
  return `${projectId}\n${rest}`;
}
