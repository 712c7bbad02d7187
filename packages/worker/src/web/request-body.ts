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
  /** The same body for a second reader; both get all of it. */
  branch(): RequestBody;
}

/** A body that came whole. */
export class InlineBody implements RequestBody {
  readonly inline: Uint8Array<ArrayBuffer>;
  #stream: ReadableStream<Uint8Array<ArrayBuffer>> | undefined;

  constructor(inline: Uint8Array<ArrayBuffer>) {
    this.inline = inline;
  }

  stream(): ReadableStream<Uint8Array<ArrayBuffer>> | null {
    return this.inline.length === 0 ? null : (this.#stream ??= streamOf(this.inline));
  }

  bytes(): Promise<Uint8Array<ArrayBuffer>> {
    return Promise.resolve(this.inline);
  }

  branch(): RequestBody {
    return new InlineBody(this.inline);
  }
}

/** The body of every request that has none. Its bytes are new ones each time, as who gets them may hand them over to a thread. */
export const emptyBody: RequestBody = {
  inline: new Uint8Array(0),
  stream: () => null,
  bytes: () => Promise.resolve(new Uint8Array(0)),
  branch: () => emptyBody,
};

/** The body of a native object, which knows whether it was used. */
export function bodyOfResponse(response: Response): RequestBody {
  return {
    inline: response.body === null ? new Uint8Array(0) : undefined,
    stream: () => response.body,
    bytes: () => response.bytes(),
    branch: () => bodyOfResponse(response.clone()),
  };
}

function streamedBranch(stream: ReadableStream<Uint8Array<ArrayBuffer>>, limit: number): RequestBody {
  let own = stream;
  return {
    inline: undefined,
    stream: () => own,
    bytes: () => readWhole(own, limit),
    branch() {
      const [mine, other] = own.tee();
      own = mine;
      return streamedBranch(other, limit);
    },
  };
}

async function readWhole(stream: ReadableStream<Uint8Array<ArrayBuffer>>, limit: number): Promise<Uint8Array<ArrayBuffer>> {
  const chunks: Uint8Array[] = [];
  let length = 0;
  for await (const chunk of stream) {
    length += chunk.length;
    if (length > limit) throw new BodyTooLarge(limit);
    chunks.push(chunk);
  }
  return Buffer.concat(chunks, length);
}

/** A body in chunks; the serving side calls `push`, `end` and `fail`. */
export class StreamedBody implements RequestBody {
  readonly inline = undefined;
  readonly #received: ReceivedBody;
  readonly #body: RequestBody;

  constructor(limit: number, grant: (bytes: number) => void) {
    this.#received = new ReceivedBody({ grant });
    this.#body = streamedBranch(this.#received.stream, limit);
  }

  stream(): ReadableStream<Uint8Array<ArrayBuffer>> | null {
    return this.#body.stream();
  }

  bytes(): Promise<Uint8Array<ArrayBuffer>> {
    return this.#body.bytes();
  }

  branch(): RequestBody {
    return this.#body.branch();
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
