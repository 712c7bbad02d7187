/** API keys of the project. */
import { segment } from '../functions/function-executions.ts';
import type { CallApi } from '../transport/http.ts';
import type { Key, KeyList, ListOptions } from './resources.ts';

export interface NewKey {
  /** Default: a fresh id. */
  readonly keyId?: string | undefined;
  readonly name: string;
  readonly scopes: readonly string[];
  /** ISO 8601; default: never. */
  readonly expire?: string | undefined;
}

export interface Keys {
  list(options?: ListOptions): Promise<KeyList>;
  get(keyId: string): Promise<Key>;
  /** The only answer that shows the secret. */
  create(key: NewKey): Promise<Key>;
  /** It stops working at once. */
  delete(keyId: string): Promise<void>;
}

export function createKeys(api: CallApi): Keys {
  const pathOf = (keyId: string): string => `/keys/${segment('keyId', keyId)}`;
  return {
    list: async (query = {}) => api('GET', '/keys', { query: { ...query } }),
    get: async (keyId) => api('GET', pathOf(keyId)),
    create: async (key) => api('POST', '/keys', { body: key }),
    delete: async (keyId) => api('DELETE', pathOf(keyId)),
  };
}
