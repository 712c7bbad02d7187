import type { Writable } from 'node:stream';
import { FRAME_HEADER_BYTES } from './frame-types.ts';

/** Taken now, since user code in a worker may replace it: fake timers would hold back every answer for ever. */
const { setImmediate } = globalThis;

/**
 * Writes frames to a socket, joined per turn of the event loop: requests that arrived in one poll leave in one system
 * call. `setImmediate` runs right after the poll phase, so a lone frame is not held back.
 */
export class FrameWriter {
  readonly #socket: Writable;
  #pending: Buffer[] = [];
  #pendingBytes = 0;
  #scheduled = false;

  constructor(socket: Writable) {
    this.#socket = socket;
  }

  /** Bytes that were written here and not yet taken by the kernel. */
  get bufferedBytes(): number {
    return this.#pendingBytes + this.#socket.writableLength;
  }

  /** Sends a frame whose bytes, header space of nine bytes in front included, the caller has laid out in `frame`. */
  sendLaidOut(type: number, stream: number, frame: Buffer): void {
    frame.writeUInt32LE(frame.length - FRAME_HEADER_BYTES, 0);
    frame.writeUInt32LE(stream, 4);
    frame[8] = type;
    this.#push(frame);
  }

  /** Sends a copy of the payload, which its owner may change at once. */
  send(type: number, stream: number, payload?: Uint8Array): void {
    const length = payload?.length ?? 0;
    const frame = Buffer.allocUnsafe(FRAME_HEADER_BYTES + length);
    if (payload !== undefined) frame.set(payload, FRAME_HEADER_BYTES);
    this.sendLaidOut(type, stream, frame);
  }

  flush(): void {
    this.#scheduled = false;
    const { length } = this.#pending;
    if (length === 0 || this.#socket.destroyed) return;
    const bytes = length === 1 ? (this.#pending[0] as Buffer) : Buffer.concat(this.#pending, this.#pendingBytes);
    this.#pending = [];
    this.#pendingBytes = 0;
    this.#socket.write(bytes);
  }

  #push(bytes: Buffer): void {
    this.#pending.push(bytes);
    this.#pendingBytes += bytes.length;
    if (this.#scheduled) return;
    this.#scheduled = true;
    setImmediate(this.#flush);
  }

  readonly #flush = (): void => this.flush();
}
