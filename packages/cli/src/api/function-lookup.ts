/** Finds functions by the name under which they are called, or by id. */
import type { FunctionResource } from '@martlet/protocol';
import type { ApiClient } from './api-client.ts';
import { CliError } from '../cli-error.ts';

export interface FunctionList {
  readonly total: number;
  readonly functions: readonly FunctionResource[];
}

export async function findFunction(api: ApiClient, name: string): Promise<FunctionResource | undefined> {
  const { functions } = await api.get<FunctionList>('/functions', { path: name });
  const byPath = functions.find((one) => one.path === name);
  if (byPath !== undefined) return byPath;
  // An id never holds a slash; asking for one that does would be another route.
  if (name.includes('/')) return undefined;
  try {
    return await api.get<FunctionResource>(`/functions/${encodeURIComponent(name)}`);
  } catch (error) {
    if (error instanceof CliError && error.code === 'function_not_found') return undefined;
    throw error;
  }
}

/** @throws {CliError} when there is none */
export async function requireFunction(api: ApiClient, name: string): Promise<FunctionResource> {
  const found = await findFunction(api, name);
  if (found !== undefined) return found;
  throw new CliError(`Cannot find the function "${name}" in the project "${api.connection.project}" of ${api.connection.url}.`, {
    next: `martlet functions list, or martlet deploy ${name}`,
    code: 'function_not_found',
  });
}

/** Names by id, for lists that show functions; a name that is gone stays an id. */
export async function functionNames(api: ApiClient): Promise<ReadonlyMap<string, string>> {
  const { functions } = await api.get<FunctionList>('/functions', { queries: [limitQuery(5000)], total: false });
  return new Map(functions.map((one) => [one.$id, one.path]));
}

export function limitQuery(count: number): string {
  return JSON.stringify({ method: 'limit', values: [count] });
}

export function newestFirstQuery(): string {
  return JSON.stringify({ method: 'orderDesc', attribute: '$createdAt' });
}

export function equalQuery(attribute: string, value: string): string {
  return JSON.stringify({ method: 'equal', attribute, values: [value] });
}
