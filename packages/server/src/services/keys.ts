/** API keys. The secret is shown once, when the key is made; the store has its SHA-256. */
import { hash } from 'node:crypto';
import { PlatformError, isCustomId, keyScopes } from '@martlet/protocol';
import type { Clock } from '../ports/system/clock.ts';
import type { Ids } from '../ports/system/ids.ts';
import type { KeyRow, ListQuery, Page, Store } from '../ports/store.ts';
import type { Changes } from './changes.ts';

export const KEY_PREFIX = 'mk_';
const SECRET_BYTES = 32;
const FIRST_KEY_ID = 'first-key';
/** Enough to recognise a key, not enough to guess it. */
const SHOWN_CHARACTERS = 9;

export interface NewKey {
  /** Default: a fresh one. */
  readonly id?: string | undefined;
  readonly name: string;
  readonly scopes: readonly string[];
  /** Milliseconds since 1970; null: never. */
  readonly expiresAt: number | null;
}

export interface Keys {
  /** @returns the row, and the secret that is not known to anybody afterwards */
  create(projectId: string, input: NewKey): Promise<{ readonly row: KeyRow; readonly secret: string }>;
  /** @throws {PlatformError} `key_not_found` */
  get(projectId: string, id: string): Promise<KeyRow>;
  list(projectId: string, query: ListQuery): Promise<Page<KeyRow>>;
  /** @throws {PlatformError} `key_not_found` */
  delete(projectId: string, id: string): Promise<void>;
  /** Makes a key with every scope where the store has no key at all. @returns its secret, or undefined where there are keys */
  bootstrap(projectId: string): Promise<string | undefined>;
}

export interface KeysOptions {
  readonly store: Store;
  readonly clock: Clock;
  readonly ids: Ids;
  readonly changes: Changes;
}

export function createKeys({ store, clock, ids, changes }: KeysOptions): Keys {
  const keys: Keys = {
    async create(projectId, { id = ids.next(), name, scopes, expiresAt }) {
      if (!isCustomId(id))
        throw new PlatformError(
          'general_argument_invalid',
          "Invalid `keyId` param: Parameter must contain at most 36 chars. Valid chars are a-z, A-Z, 0-9, period, hyphen, and underscore. Can't start with a special char",
        );
      const now = clock.now();
      if (expiresAt !== null && expiresAt <= now)
        throw new PlatformError('general_argument_invalid', 'Invalid `expire` param: Value must be a date in the future');
      const secret = KEY_PREFIX + ids.secret(SECRET_BYTES);
      const row: KeyRow = {
        id,
        projectId,
        createdAt: now,
        updatedAt: now,
        name,
        hash: hashKey(secret),
        prefix: secret.slice(0, SHOWN_CHARACTERS),
        scopes: [...new Set(scopes)],
        expiresAt,
        lastUsedAt: null,
      };
      await store.keys.insert(row);
      changes.announce({ kind: 'key', projectId });
      return { row, secret };
    },

    async get(projectId, id) {
      const row = await store.keys.get(projectId, id);
      if (row === null) throw notFound(id);
      return row;
    },

    list: (projectId, query) => store.keys.list(projectId, query),

    async delete(projectId, id) {
      if (!(await store.keys.delete(projectId, id))) throw notFound(id);
      changes.announce({ kind: 'key', projectId });
    },

    async bootstrap(projectId) {
      if ((await store.keys.count()) > 0) return undefined;
      try {
        // Its id is always the same: of nodes that start at once on an empty store, one makes the key.
        const { secret } = await keys.create(projectId, { id: FIRST_KEY_ID, name: 'First key', scopes: keyScopes, expiresAt: null });
        return secret;
      } catch (error) {
        if ((await store.keys.get(projectId, FIRST_KEY_ID)) !== null) return undefined;
        throw error;
      }
    },
  };
  return keys;
}

/** SHA-256, hexadecimal: enough for a secret of 256 random bits. */
export const hashKey = (secret: string): string => hash('sha256', secret);

const notFound = (id: string): PlatformError =>
  new PlatformError('key_not_found', `Key with the requested ID could not be found: "${id.slice(0, 40)}".`);
