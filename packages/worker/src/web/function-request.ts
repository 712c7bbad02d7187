/**
 * The `Request` that a function is handed. It is a real one, but its headers, body and signal are made when they are
 * asked for: the native constructor spends 9 µs on a body stream that most functions read with one `json()`.
 */
import type { RequestBody } from './request-body.ts';

const NativeRequest = globalThis.Request;
const NativeResponse = globalThis.Response;
const nativeFetch = globalThis.fetch;

export interface RequestParts {
  readonly url: string;
  readonly method: string;
  /** Called at most once. */
  headers(): Headers;
  signal(): AbortSignal;
  readonly body: RequestBody;
}

/** What `globalThis.Request` becomes, so that `new Request(request)` sees the parts of a `FunctionRequest`. */
export class PatchedRequest extends NativeRequest {
  constructor(input: RequestInfo | URL, init?: RequestInit) {
    super(input instanceof FunctionRequest ? input.toNative() : input, init);
  }

  static override [Symbol.hasInstance](value: unknown): boolean {
    return NativeRequest[Symbol.hasInstance](value);
  }
}

export class FunctionRequest extends NativeRequest {
  readonly #parts: RequestParts;
  #headers: Headers | undefined;
  #used = false;

  constructor(parts: RequestParts) {
    super(parts.url, { method: parts.method });
    this.#parts = parts;
  }

  override get headers(): Headers {
    return (this.#headers ??= this.#parts.headers());
  }

  override get signal(): AbortSignal {
    return this.#parts.signal();
  }

  override get body(): ReadableStream<Uint8Array<ArrayBuffer>> | null {
    return this.#parts.body.stream();
  }

  override get bodyUsed(): boolean {
    if (this.#used) return true;
    return this.#parts.body.inline === undefined && (this.#parts.body.stream()?.locked ?? false);
  }

  override async text(): Promise<string> {
    return decode(await this.#take());
  }

  override async json(): Promise<unknown> {
    return JSON.parse(decode(await this.#take()));
  }

  override async bytes(): Promise<Uint8Array<ArrayBuffer>> {
    return this.#take();
  }

  override async arrayBuffer(): Promise<ArrayBuffer> {
    const bytes = await this.#take();
    return bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.length);
  }

  override async blob(): Promise<Blob> {
    return new Blob([await this.#take()], { type: this.headers.get('content-type') ?? '' });
  }

  override async formData(): Promise<FormData> {
    const type = this.headers.get('content-type') ?? '';
    return new NativeResponse(await this.#take(), { headers: { 'content-type': type } }).formData();
  }

  override clone(): Request {
    if (this.bodyUsed) throw new TypeError('Cannot clone a request whose body has been used');
    const { body } = this.#parts;
    if (body.inline !== undefined) return new FunctionRequest({ ...this.#parts, headers: () => new Headers(this.headers) });
    return this.toNative();
  }

  /** A native request with the same parts, for the insides of the platform's own fetch; it takes the body along. */
  toNative(): Request {
    const bodyless = this.method === 'GET' || this.method === 'HEAD';
    const body = bodyless ? null : (this.#parts.body.inline ?? this.body);
    if (body !== null) this.#used = true;
    return new NativeRequest(this.url, {
      method: this.method,
      headers: this.headers,
      signal: this.signal,
      body,
      duplex: 'half',
    } as RequestInit);
  }

  async #take(): Promise<Uint8Array<ArrayBuffer>> {
    if (this.bodyUsed) throw new TypeError('Cannot read the body: it has been used already');
    this.#used = true;
    return this.#parts.body.bytes();
  }
}

/** What `globalThis.fetch` becomes: `fetch(request)` forwards what the function was handed. */
export const patchedFetch: typeof fetch = (input, init) => nativeFetch(input instanceof FunctionRequest ? input.toNative() : input, init);

const decoder = new TextDecoder();
/** Native `text()` drops a byte order mark, as `TextDecoder` does; `toString('utf8')` is twice as fast without one. */
function decode(bytes: Uint8Array): string {
  return bytes[0] === 0xef ? decoder.decode(bytes) : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString('utf8');
}
