/** What the server and its lease thread share: two moments in memory, and a few words. */

export interface LeaseThreadData {
  readonly url: string;
  readonly node: { readonly id: string; readonly name: string; readonly leaseMs: number };
  /** Two numbers of 64 bits, see `leaseClock`. */
  readonly moments: SharedArrayBuffer;
}

/** Of the thread: the node is on the list; it could not be put there; it is not on the list any more; it has left it. */
export type LeaseNews =
  | { readonly word: 'joined' | 'gone' | 'left' }
  | { readonly word: 'failed'; readonly code: 'store_unavailable'; readonly message: string };

export type LeaseOrder = 'leave';

/** Milliseconds of a clock that every thread of the process shares and nobody can set. */
export function steadyNow(): number {
  return Number(process.hrtime.bigint() / 1_000_000n);
}

export interface LeaseClock {
  /** When the last renewal that succeeded was asked for: the database counts from later on. */
  renewedAt: number;
  /** When the main loop was last seen at work. */
  aliveAt: number;
}

/** Read and written at once by both sides: a message would wait for a loop that is busy. */
export function leaseClock(moments: SharedArrayBuffer): LeaseClock {
  const cells = new BigInt64Array(moments);
  const read = (index: number): number => Number(Atomics.load(cells, index));
  const write = (index: number, value: number): void => void Atomics.store(cells, index, BigInt(value));
  return {
    get renewedAt() {
      return read(0);
    },
    set renewedAt(value) {
      write(0, value);
    },
    get aliveAt() {
      return read(1);
    },
    set aliveAt(value) {
      write(1, value);
    },
  };
}

export const MOMENTS_BYTES = 16;
/** A lease is lost to its node when this part of it went by without a renewal; others may take it after all of it. */
export const LOST_AT = 2 / 3;
