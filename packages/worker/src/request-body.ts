/** The body of one request as it arrives over the wall: whole in the first frame, or in chunks with credit. */
import { ReceiveCredit } from '@martlet/protocol/frames';

/** A body read as a whole is over the limit; the caller is answered with 413 unless the function handles it. */
export class BodyTooLarge extends Error {
  override readonly name = 'BodyTooLarge';
  constructor(limit: number) {
    super(`Cannot read the request body as a whole: it is larger than ${limit} bytes. Read request.body as a stream instead.`);
  }
}

export interface RequestBody {
  /** The whole body when it came with the first frame. */
  readonly inline: Uint8Array<ArrayBuffer> | undefined;
  /** The body as a stream; one stream, however often it is asked for. Null when there is no body. */
  stream(): ReadableStream<Uint8Array<ArrayBuffer>> | null;
  /** Reads everything. @throws {BodyTooLarge} */
  bytes(): Promise<Uint8Array<ArrayBuffer>>;
}

export function inlineBody(inline: Uint8Array<ArrayBuffer>): RequestBody {
  let stream: ReadableStream<Uint8Array<ArrayBuffer>> | null | undefined;
  return {
    inline,
    stream: () => (stream ??= inline.length === 0 ? null : streamOf(inline)),
    bytes: () => Promise.resolve(inline),
  };
}

/** A body in chunks. The serving side calls `push`, `end` and `fail`; `grant` sends credit back. */
export class StreamedBody implements RequestBody {
  readonly inline = undefined;
  readonly #limit: number;
  readonly #grant: (bytes: number) => void;
  readonly #credit = new ReceiveCredit();
  readonly #stream: ReadableStream<Uint8Array<ArrayBuffer>>;
  #controller: ReadableStreamDefaultController<Uint8Array<ArrayBuffer>> | undefined;
  #queue: Uint8Array<ArrayBuffer>[] = [];
  #state: 'open' | 'ended' | 'canceled' = 'open';
  #wake: (() => void) | undefined;

  constructor(limit: number, grant: (bytes: number) => void) {
    this.#limit = limit;
    this.#grant = grant;
    this.#stream = new ReadableStream(
      {
        start: (controller) => {
          this.#controller = controller;
        },
        pull: () => this.#pull(),
        cancel: () => {
          this.#state = 'canceled';
          this.#queue.forEach((chunk) => this.#consumed(chunk));
          this.#queue = [];
        },
      },
      { highWaterMark: 0 },
    );
  }

  stream(): ReadableStream<Uint8Array<ArrayBuffer>> {
    return this.#stream;
  }

  async bytes(): Promise<Uint8Array<ArrayBuffer>> {
    const chunks: Uint8Array[] = [];
    let length = 0;
    for await (const chunk of this.#stream) {
      length += chunk.length;
      if (length > this.#limit) throw new BodyTooLarge(this.#limit);
      chunks.push(chunk);
    }
    return Buffer.concat(chunks, length);
  }

  push(chunk: Uint8Array<ArrayBuffer>): void {
    this.#credit.receive(chunk.length);
    if (this.#state === 'canceled') {
      this.#consumed(chunk);
      return;
    }
    this.#queue.push(chunk);
    this.#wake?.();
  }

  end(): void {
    if (this.#state === 'open') this.#state = 'ended';
    this.#wake?.();
  }

  fail(reason: unknown): void {
    if (this.#state !== 'open') return;
    this.#state = 'canceled';
    this.#controller?.error(reason);
    this.#wake?.();
  }

  async #pull(): Promise<void> {
    if (this.#queue.length === 0 && this.#state === 'open') {
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
      this.#wake = undefined;
    }
    const chunk = this.#queue.shift();
    if (chunk !== undefined) {
      this.#controller?.enqueue(chunk);
      this.#consumed(chunk);
    } else if (this.#state === 'ended') {
      this.#controller?.close();
    }
  }

  #consumed(chunk: Uint8Array): void {
    const grant = this.#credit.consume(chunk.length);
    if (grant > 0) this.#grant(grant);
  }
}

function streamOf(bytes: Uint8Array<ArrayBuffer>): ReadableStream<Uint8Array<ArrayBuffer>> {
  return new ReadableStream({
    start(controller) {
      controller.enqueue(bytes);
      controller.close();
    },
  });
}
