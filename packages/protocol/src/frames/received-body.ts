import { ReceiveCredit } from './stream-credit.ts';

export interface ReceivedBodyOptions {
  /** Sends credit for so many more bytes to the peer. */
  grant(bytes: number): void;
  /** The reader has given up. */
  onCancel?(): void;
}

/** Small chunks that wait are joined into buffers of this size. */
const GATHER_BYTES = 16_384;

/**
 * A body that arrives in chunks, as a stream. Credit is granted when a chunk is read, not when it arrives, so a slow
 * reader holds at most one window.
 */
export class ReceivedBody {
  readonly stream: ReadableStream<Uint8Array<ArrayBuffer>>;
  readonly #options: ReceivedBodyOptions;
  readonly #credit = new ReceiveCredit();
  #controller: ReadableStreamDefaultController<Uint8Array<ArrayBuffer>> | undefined;
  #queue: Uint8Array<ArrayBuffer>[] = [];
  /** The last of the queue, while small chunks are gathered in it. */
  #gather: Uint8Array<ArrayBuffer> | undefined;
  #state: 'open' | 'ended' | 'failed' | 'abandoned' = 'open';
  #failure: unknown;
  #wake: (() => void) | undefined;

  constructor(options: ReceivedBodyOptions) {
    this.#options = options;
    this.stream = new ReadableStream(
      {
        start: (controller) => {
          this.#controller = controller;
        },
        pull: () => this.#pull(),
        cancel: () => this.#cancel(),
      },
      { highWaterMark: 0 },
    );
  }

  /** Takes a chunk, copied by the caller. @throws {FrameError} when the peer had no credit for it */
  push(chunk: Uint8Array<ArrayBuffer>): void {
    this.#credit.receive(chunk.length);
    if (this.#state === 'abandoned') {
      this.#consumed(chunk);
      return;
    }
    if (this.#queue.length === 0 || chunk.length > GATHER_BYTES / 4) {
      this.#gather = undefined;
      this.#queue.push(chunk);
    } else this.#addSmall(chunk);
    this.#wake?.();
  }

  end(): void {
    if (this.#state === 'open') this.#state = 'ended';
    this.#wake?.();
  }

  /** Breaks the stream, after what has arrived. */
  fail(reason: unknown): void {
    if (this.#state !== 'open') return;
    this.#state = 'failed';
    this.#failure = reason;
    this.#wake?.();
  }

  /** Credit counts bytes, memory counts objects: a window of chunks of one byte would take 80 MB. */
  #addSmall(chunk: Uint8Array<ArrayBuffer>): void {
    let gather = this.#gather;
    if (gather === undefined || gather.length + chunk.length > GATHER_BYTES) {
      gather = new Uint8Array(new ArrayBuffer(GATHER_BYTES), 0, 0);
      this.#queue.push(gather);
    }
    const grown = new Uint8Array(gather.buffer, 0, gather.length + chunk.length);
    grown.set(chunk, gather.length);
    this.#gather = grown;
    this.#queue[this.#queue.length - 1] = grown;
  }

  async #pull(): Promise<void> {
    if (this.#queue.length === 0 && this.#state === 'open') {
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
      this.#wake = undefined;
    }
    const chunk = this.#queue.shift();
    if (this.#queue.length === 0) this.#gather = undefined;
    if (chunk !== undefined) {
      this.#controller?.enqueue(chunk);
      this.#consumed(chunk);
    } else if (this.#state === 'ended') {
      this.#controller?.close();
    } else if (this.#state === 'failed') {
      this.#controller?.error(this.#failure);
    }
  }

  #cancel(): void {
    this.#state = 'abandoned';
    this.#queue.forEach((chunk) => this.#consumed(chunk));
    this.#queue = [];
    this.#gather = undefined;
    this.#options.onCancel?.();
  }

  #consumed(chunk: Uint8Array): void {
    const grant = this.#credit.consume(chunk.length);
    if (grant > 0) this.#options.grant(grant);
  }
}
