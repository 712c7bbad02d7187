/**
 * The `Request` that a function is handed. For its author it is a native one; the native object, its headers, body and
 * signal are made when they are asked for: constructing them takes 1 µs, a body stream 9 µs more, and most functions
 * read just the URL or one `json()`.
 */
import { bodyOfResponse, type RequestBody } from './request-body.ts';

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
    super(isFunctionRequest(input) ? input.toNative(init?.body !== undefined && init.body !== null) : input, init);
  }

  /** Subclasses of authors inherit this, and only their own objects are theirs. */
  static override [Symbol.hasInstance](value: unknown): boolean {
    return this === PatchedRequest ? NativeRequest[Symbol.hasInstance](value) : Function.prototype[Symbol.hasInstance].call(this, value);
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
  /** Owns the body once somebody wants more of it than to read it as a whole; from then on all is as native. */
  #holder: Response | undefined;
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
    return this.#hold().body;
  }

  get bodyUsed(): boolean {
    return this.#used || (this.#holder?.bodyUsed ?? false);
  }

  /** A native request for what is the same for every request that arrives: mode, credentials, cache, … */
  get plain(): Request {
    return (this.#plain ??= new NativeRequest(this.url, { method: this.method }));
  }

  async text(): Promise<string> {
    return this.#holder === undefined ? decode(await this.#take()) : this.#holder.text();
  }

  async json(): Promise<unknown> {
    return this.#holder === undefined ? JSON.parse(decode(await this.#take())) : this.#holder.json();
  }

  async bytes(): Promise<Uint8Array<ArrayBuffer>> {
    // A copy, since a buffer of Node's pool can neither be handed over nor shown as a whole.
    return this.#holder === undefined ? new Uint8Array(await this.#take()) : this.#holder.bytes();
  }

  async arrayBuffer(): Promise<ArrayBuffer> {
    return (await this.bytes()).buffer;
  }

  async blob(): Promise<Blob> {
    return (await this.#whole()).blob();
  }

  async formData(): Promise<FormData> {
    return (await this.#whole()).formData();
  }

  clone(): Request {
    if (this.bodyUsed || this.#holder?.body?.locked === true) throw new TypeError('Cannot clone a request whose body has been used');
    const body = this.#holder === undefined ? this.#parts.body.branch() : bodyOfResponse(this.#holder.clone());
    const { url, method } = this.#parts;
    return new FunctionRequest({ url, method, headers: () => new Headers(this.headers), signal: () => this.signal, body });
  }

  /**
   * A native request with the same parts, for the insides of the platform's own fetch; it takes the body along.
   * @throws {TypeError} when the body has been used
   */
  toNative(withoutBody = false): Request {
    const head = { method: this.method, headers: this.headers, signal: this.signal };
    if (withoutBody || this.#isEmpty || this.method === 'GET' || this.method === 'HEAD') return new NativeRequest(this.url, head);
    if (this.bodyUsed || this.#holder?.body?.locked === true) throw new TypeError('Cannot use a request whose body has been used already');
    const body = this.#holder?.body ?? this.#parts.body.inline ?? this.#parts.body.stream();
    this.#holder = undefined;
    this.#used = true;
    return new NativeRequest(this.url, { ...head, body, duplex: 'half' } as RequestInit);
  }

  get #isEmpty(): boolean {
    return this.#parts.body.inline?.length === 0;
  }

  /** The rest of a life in which the body is a stream, or was read before. */
  #hold(): Response {
    if (this.#holder !== undefined) return this.#holder;
    const { body } = this.#parts;
    const type = this.headers.get('content-type');
    const content = this.#used ? '' : this.#isEmpty ? null : (body.inline ?? body.stream());
    this.#holder = new NativeResponse(content, { headers: type === null ? {} : { 'content-type': type } });
    if (this.#used) void this.#holder.text();
    return this.#holder;
  }

  /** The whole body in an object that knows what its type makes of it. */
  async #whole(): Promise<Response> {
    if (this.#holder !== undefined) return this.#holder;
    const type = this.headers.get('content-type');
    return new NativeResponse(await this.#take(), { headers: type === null ? {} : { 'content-type': type } });
  }

  async #take(): Promise<Uint8Array<ArrayBuffer>> {
    if (this.#used) throw new TypeError('Cannot read the body: it has been used already');
    // No body can be read any number of times.
    this.#used = !this.#isEmpty;
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
export const patchedFetch: typeof fetch = async (input, init) =>
  nativeFetch(isFunctionRequest(input) ? input.toNative(init?.body !== undefined && init.body !== null) : input, init);

const decoder = new TextDecoder();
/** Native `text()` drops a byte order mark, as `TextDecoder` does; `toString('utf8')` is twice as fast without one. */
function decode(bytes: Uint8Array): string {
  return bytes[0] === 0xef ? decoder.decode(bytes) : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString('utf8');
}
