/**
 * The servers that share this store. A node that is in the list owns what it has taken; one that has not renewed itself
 * for `leaseMs` is put off the list by any other, and what it had is lost to it from then on.
 */
export interface NodeRow {
  readonly id: string;
  readonly startedAt: number;
  readonly leaseUntil: number;
  /** For people: host and process. */
  readonly name: string;
}

export interface NodeLease {
  readonly id: string;
  /** Aborts when the node was put off the list or could not renew in time: all it has taken may be running elsewhere. */
  readonly lost: AbortSignal;
  /** Takes the node off the list. Idempotent. */
  leave(): Promise<void>;
}

export interface NodeStore {
  /** Puts this server on the list, and keeps it there until it leaves. */
  join(node: { readonly id: string; readonly name: string; readonly leaseMs: number }): Promise<NodeLease>;
  list(): Promise<readonly NodeRow[]>;
  /** Takes nodes off the list whose lease is over. @returns their ids */
  reap(): Promise<readonly string[]>;
  /** Milliseconds since 1970 by the clock that all nodes share. */
  now(): Promise<number>;
}
