/** The body of one request as it arrives over the wall: whole in the first frame, or in chunks with credit. */
import { ReceivedBody } from '@martlet/protocol/frames';

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

/** A body in chunks; the serving side calls `push`, `end` and `fail`. */
export class StreamedBody implements RequestBody {
  readonly inline = undefined;
  readonly #limit: number;
  readonly #received: ReceivedBody;

  constructor(limit: number, grant: (bytes: number) => void) {
    this.#limit = limit;
    this.#received = new ReceivedBody({ grant });
  }

  stream(): ReadableStream<Uint8Array<ArrayBuffer>> {
    return this.#received.stream;
  }

  async bytes(): Promise<Uint8Array<ArrayBuffer>> {
    const chunks: Uint8Array[] = [];
    let length = 0;
    for await (const chunk of this.#received.stream) {
      length += chunk.length;
      if (length > this.#limit) throw new BodyTooLarge(this.#limit);
      chunks.push(chunk);
    }
    return Buffer.concat(chunks, length);
  }

  push(chunk: Uint8Array<ArrayBuffer>): void {
    this.#received.push(chunk);
  }

  end(): void {
    this.#received.end();
  }

  fail(reason: unknown): void {
    this.#received.fail(reason);
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
