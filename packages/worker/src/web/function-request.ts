/**
 * The `Request` that a function is handed. For its author it is a native one; the native object, its headers, body and
 * signal are made when they are asked for: constructing them takes 1 µs, a body stream 9 µs more, and most functions
 * read just the URL or one `json()`.
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
    super(isFunctionRequest(input) ? input.toNative() : input, init);
  }

  static override [Symbol.hasInstance](value: unknown): boolean {
    return NativeRequest[Symbol.hasInstance](value);
  }
}

/** A URL of these characters, without dot segments, is what the parser would make of it. */
const NORMAL_URL = /^https?:\/\/[a-z0-9.:-]+\/[\w.~!$&'()*+,;=:@%/-]*(?:\?[\w.~!$&()*+,;=:@%/?-]*)?$/;

function isNormal(url: string): boolean {
  return NORMAL_URL.test(url) && !url.includes('/.') && !url.includes('%2');
}

class LazyRequest {
  readonly #parts: RequestParts;
  #url: string | undefined;
  #headers: Headers | undefined;
  #plain: Request | undefined;
  #used = false;

  constructor(parts: RequestParts) {
    this.#parts = parts;
  }

  static is(value: unknown): value is LazyRequest {
    return typeof value === 'object' && value !== null && #parts in value;
  }

  get url(): string {
    return (this.#url ??= isNormal(this.#parts.url) ? this.#parts.url : new URL(this.#parts.url).href);
  }

  get method(): string {
    return this.#parts.method;
  }

  get headers(): Headers {
    return (this.#headers ??= this.#parts.headers());
  }

  get signal(): AbortSignal {
    return this.#parts.signal();
  }

  get body(): ReadableStream<Uint8Array<ArrayBuffer>> | null {
    return this.#parts.body.stream();
  }

  get bodyUsed(): boolean {
    if (this.#used) return true;
    return this.#parts.body.inline === undefined && (this.#parts.body.stream()?.locked ?? false);
  }

  /** A native request for what is the same for every request that arrives: mode, credentials, cache, … */
  get plain(): Request {
    return (this.#plain ??= new NativeRequest(this.url, { method: this.method }));
  }

  async text(): Promise<string> {
    return decode(await this.#take());
  }

  async json(): Promise<unknown> {
    return JSON.parse(decode(await this.#take()));
  }

  async bytes(): Promise<Uint8Array<ArrayBuffer>> {
    return this.#take();
  }

  async arrayBuffer(): Promise<ArrayBuffer> {
    const bytes = await this.#take();
    return bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.length);
  }

  async blob(): Promise<Blob> {
    return new Blob([await this.#take()], { type: this.headers.get('content-type') ?? '' });
  }

  async formData(): Promise<FormData> {
    const type = this.headers.get('content-type') ?? '';
    return new NativeResponse(await this.#take(), { headers: { 'content-type': type } }).formData();
  }

  clone(): Request {
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

const PLAIN = [
  'destination',
  'referrer',
  'referrerPolicy',
  'mode',
  'credentials',
  'cache',
  'redirect',
  'integrity',
  'keepalive',
  'isReloadNavigation',
  'isHistoryNavigation',
  'duplex',
];
for (const name of PLAIN) {
  Object.defineProperty(LazyRequest.prototype, name, {
    get(this: LazyRequest): unknown {
      return Reflect.get(this.plain, name);
    },
    configurable: true,
    enumerable: true,
  });
}
// A request by its prototype, so that `instanceof`, printing and whatever the platform adds later work.
Object.setPrototypeOf(LazyRequest.prototype, NativeRequest.prototype);

export const FunctionRequest = LazyRequest as unknown as new (parts: RequestParts) => Request;

function isFunctionRequest(value: unknown): value is LazyRequest {
  return LazyRequest.is(value);
}

/** What `globalThis.fetch` becomes: `fetch(request)` forwards what the function was handed. */
export const patchedFetch: typeof fetch = (input, init) => nativeFetch(isFunctionRequest(input) ? input.toNative() : input, init);

const decoder = new TextDecoder();
/** Native `text()` drops a byte order mark, as `TextDecoder` does; `toString('utf8')` is twice as fast without one. */
function decode(bytes: Uint8Array): string {
  return bytes[0] === 0xef ? decoder.decode(bytes) : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString('utf8');
}
