import { FRAME_HEADER_BYTES } from './frame-types.ts';

/** Taken now, since user code in a worker may replace it: fake timers would hold back every answer for ever. */
const { setImmediate } = globalThis;

/** Room for the frames of many turns; a longer frame gets a slab of its own. */
const SLAB_BYTES = 16_384;
const NO_SLAB = Buffer.alloc(0);

/** What a socket is to a writer of frames. */
export interface FrameSink {
  readonly destroyed: boolean;
  /** Takes bytes that nobody will change. */
  write(bytes: Buffer): unknown;
}

/**
 * Writes frames to a socket, joined per turn of the event loop: requests that arrived in one poll leave in one system
 * call. `setImmediate` runs right after the poll phase, so a lone frame is not held back.
 *
 * Frames are laid out one behind the other where they will leave, in slabs. No byte of a slab is used twice: the socket may
 * keep what it was given for as long as it likes.
 */
export class FrameWriter {
  readonly #sink: FrameSink;
  #slab: Buffer = NO_SLAB;
  /** From here to the end is laid out and not yet sent. */
  #begin = 0;
  #end = 0;
  #scheduled = false;

  constructor(sink: FrameSink) {
    this.#sink = sink;
  }

  /** Begins a frame, whose payload the caller lays out before anything else is written. @returns where it begins in `slab` */
  begin(type: number, stream: number, length: number): number {
    if (this.#end + FRAME_HEADER_BYTES + length > this.#slab.length) this.#takeSlab(FRAME_HEADER_BYTES + length);
    const slab = this.#slab;
    const at = this.#end;
    slab.writeUInt32LE(length, at);
    slab.writeUInt32LE(stream, at + 4);
    slab[at + 8] = type;
    this.#end = at + FRAME_HEADER_BYTES + length;
    this.#schedule();
    return at + FRAME_HEADER_BYTES;
  }

  /** Where the frame that was begun last is laid out. */
  get slab(): Buffer {
    return this.#slab;
  }

  /** Sends a copy of the payload, which its owner may change at once. */
  send(type: number, stream: number, payload?: Uint8Array): void {
    const at = this.begin(type, stream, payload?.length ?? 0);
    if (payload !== undefined) this.#slab.set(payload, at);
  }

  flush(): void {
    this.#scheduled = false;
    this.#sendLaidOut();
    // A long frame, such as the code of a function, must not be kept in memory for the sake of its last bytes.
    if (this.#slab.length > SLAB_BYTES) this.#dropSlab();
  }

  #takeSlab(bytes: number): void {
    this.#sendLaidOut();
    this.#dropSlab();
    this.#slab = Buffer.allocUnsafeSlow(Math.max(bytes, SLAB_BYTES));
  }

  #dropSlab(): void {
    this.#slab = NO_SLAB;
    this.#begin = 0;
    this.#end = 0;
  }

  #sendLaidOut(): void {
    const bytes = this.#slab.subarray(this.#begin, this.#end);
    this.#begin = this.#end;
    if (bytes.length > 0 && !this.#sink.destroyed) this.#sink.write(bytes);
  }

  #schedule(): void {
    if (this.#scheduled) return;
    this.#scheduled = true;
    setImmediate(this.#flush);
  }

  readonly #flush = (): void => this.flush();
}
