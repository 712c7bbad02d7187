/** The functions themselves and their settings. */
import { segment } from '../functions/function-executions.ts';
import type { CallApi } from '../transport/http.ts';
import type { FunctionList, FunctionResource, ListOptions } from './resources.ts';

type Settings = Pick<
  FunctionResource,
  | 'execute'
  | 'events'
  | 'schedule'
  | 'timezone'
  | 'timeout'
  | 'memory'
  | 'concurrency'
  | 'retries'
  | 'egress'
  | 'durability'
  | 'enabled'
  | 'logging'
  | 'entrypoint'
  | 'commands'
  | 'scopes'
  | 'path'
  | 'deploymentRetention'
>;

/** What may be set; what is left out has its default. */
export type FunctionSettings = { readonly [Key in keyof Settings]?: Settings[Key] | undefined };

export interface NewFunction extends FunctionSettings {
  /** Default: a fresh id. */
  readonly functionId?: string | undefined;
  readonly name: string;
  /** Default: the newest. */
  readonly runtime?: string | undefined;
}

export interface AdminFunctions {
  list(options?: ListOptions & { readonly search?: string | undefined }): Promise<FunctionList>;
  get(functionId: string): Promise<FunctionResource>;
  /** By the name under which it is called; undefined where there is none. */
  find(path: string): Promise<FunctionResource | undefined>;
  create(fn: NewFunction): Promise<FunctionResource>;
  /** Replaces the settings: those of the Appwrite contract that are left out go back to their defaults. */
  update(functionId: string, settings: FunctionSettings & { readonly name: string; readonly runtime?: string }): Promise<FunctionResource>;
  /** With its deployments, variables and executions. */
  delete(functionId: string): Promise<void>;
}

const RUNTIME = 'node-24';

export function createFunctions(api: CallApi): AdminFunctions {
  const pathOf = (functionId: string): string => `/functions/${segment('functionId', functionId)}`;
  return {
    list: async (query = {}) => api('GET', '/functions', { query: { ...query } }),
    get: async (functionId) => api('GET', pathOf(functionId)),
    find: async (path) => (await api<FunctionList>('GET', '/functions', { query: { path } })).functions[0],
    create: async (fn) => api('POST', '/functions', { body: { functionId: 'unique()', runtime: RUNTIME, ...fn } }),
    update: async (functionId, settings) => api('PUT', pathOf(functionId), { body: settings }),
    delete: async (functionId) => api('DELETE', pathOf(functionId)),
  };
}
