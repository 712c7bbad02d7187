/**
 * Bytes of deployments: packed sources, built code, source maps, code caches, packed trees. A key is made of
 * `[a-z0-9./_-]` by the platform, never of a caller's words.
 */
export interface Artifacts {
  /** Stores bytes under a key, whole or not at all; an existing key is replaced. */
  put(key: string, bytes: Uint8Array): Promise<void>;
  /** The bytes, or undefined where there are none. */
  get(key: string): Promise<Buffer | undefined>;
  has(key: string): Promise<boolean>;
  /** Every key that there is, in no order. */
  keys(): Promise<readonly string[]>;
  /** Removes every key that starts with the prefix; none is fine. */
  deletePrefix(prefix: string): Promise<void>;
}
