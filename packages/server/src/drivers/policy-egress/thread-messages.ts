/** What the two sides of the egress thread tell each other, and the counters that they share. */
import type { MessagePort } from 'node:worker_threads';
import type { EgressGrant } from '../../ports/egress.ts';

export interface EgressLimits {
  /** Connections of one grant at the same time, those that are still being opened included. */
  readonly maxConnectionsPerGrant: number;
  /** Connections of all grants at the same time: each takes two of the file descriptors that the whole server shares. */
  readonly maxConnections: number;
  /** Milliseconds for resolving and dialling together. */
  readonly connectTimeoutMs: number;
  /** Milliseconds without a byte in either direction after which a connection is cut. */
  readonly idleTimeoutMs: number;
  /** Milliseconds in which a client must have sent the head of its request. */
  readonly headTimeoutMs: number;
}

export interface ThreadData {
  readonly socketPath: string;
  readonly limits: EgressLimits;
  readonly extraDenied: readonly string[];
  readonly opened: readonly string[];
  readonly counters: SharedArrayBuffer;
  readonly port: MessagePort;
}

export interface Endpoint {
  readonly host: string;
  readonly port: number;
}

/** From the server to the thread. They are handled in the order in which they were posted. */
export type ThreadOrder =
  | { readonly kind: 'grant'; readonly token: string; readonly grant: EgressGrant }
  | { readonly kind: 'revoke'; readonly token: string }
  | { readonly kind: 'platform'; readonly hosts: readonly Endpoint[]; readonly address: Endpoint }
  | { readonly kind: 'close' };

/** From the thread to the server. */
export type ThreadNotice =
  | { readonly kind: 'listening' }
  | { readonly kind: 'failed'; readonly reason: string }
  | {
      readonly kind: 'refused';
      readonly projectId: string;
      readonly functionId: string;
      readonly status: number;
      readonly reason: string;
      /** Refusals of the same grant since the last notice that were not told one by one. */
      readonly untold: number;
    };

/** Places in the shared counters. The thread writes, everyone reads. */
export const counterNames = ['opened', 'active', 'refused', 'bytesOut', 'bytesIn'] as const;
export type CounterName = (typeof counterNames)[number];

export interface EgressStats {
  /** Connections that were opened since the start. */
  readonly opened: number;
  /** Connections that are open now. */
  readonly active: number;
  /** Requests that were answered with anything but 200 since the start. */
  readonly refused: number;
  /** Bytes that functions sent. */
  readonly bytesOut: number;
  /** Bytes that functions received. */
  readonly bytesIn: number;
}

export type Count = (name: CounterName, by: number) => void;

export function createCounters(): SharedArrayBuffer {
  return new SharedArrayBuffer(counterNames.length * BigInt64Array.BYTES_PER_ELEMENT);
}

export function counterOf(counters: SharedArrayBuffer): Count {
  const places = new BigInt64Array(counters);
  return (name, by) => {
    Atomics.add(places, counterNames.indexOf(name), BigInt(by));
  };
}

export function readCounters(counters: SharedArrayBuffer): EgressStats {
  const places = new BigInt64Array(counters);
  const read = (name: CounterName) => Number(Atomics.load(places, counterNames.indexOf(name)));
  return { opened: read('opened'), active: read('active'), refused: read('refused'), bytesOut: read('bytesOut'), bytesIn: read('bytesIn') };
}
