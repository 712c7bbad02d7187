/**
 * The `Response` that functions construct. Text and bytes are kept as they are instead of being wrapped into a stream
 * (10 µs each way in Node 24); everything else behaves as the native class, from which it descends.
 */
const NativeResponse = globalThis.Response;
const TEXT = 'text/plain;charset=UTF-8';
const NULL_BODY_STATUSES = new Set([101, 103, 204, 205, 304]);

export class FunctionResponse extends NativeResponse {
  #raw: string | Uint8Array<ArrayBuffer> | undefined;
  #used = false;
  /** What `headers` get as soon as somebody asks for them: to go through them takes longer than all else of a short answer. */
  #type: string | undefined;

  constructor(body?: BodyInit | null, init?: ResponseInit) {
    const raw = rawOf(body);
    super(raw === undefined ? body : null, init);
    if (raw === undefined) return;
    if (init?.status !== undefined && NULL_BODY_STATUSES.has(init.status)) {
      throw new TypeError(`Cannot construct a response of status ${init.status} with a body`);
    }
    this.#raw = raw;
    if (typeof raw !== 'string') return;
    if (init?.headers === undefined) this.#type = TEXT;
    else if (!super.headers.has('content-type')) super.headers.set('content-type', TEXT);
  }

  static override json(data: unknown, init?: ResponseInit): Response {
    const text = JSON.stringify(data);
    if (text === undefined) throw new TypeError('Cannot make a JSON response: the value is not JSON serializable');
    const response = new FunctionResponse(text, init);
    // A string body has set text/plain by now unless the caller named a type of its own.
    if (response.#type !== undefined) response.#type = 'application/json';
    else if (init?.headers === undefined || !new Headers(init.headers).has('content-type'))
      response.headers.set('content-type', 'application/json');
    return response;
  }

  /** Responses of `fetch` are native ones; for user code they are all `Response`. Subclasses of authors are their own. */
  static override [Symbol.hasInstance](value: unknown): boolean {
    return this === FunctionResponse ? NativeResponse[Symbol.hasInstance](value) : Function.prototype[Symbol.hasInstance].call(this, value);
  }

  /** The body of a response that was made here from text or bytes and is untouched; else undefined. */
  static rawBody(response: Response): string | Uint8Array<ArrayBuffer> | undefined {
    return #raw in response && !response.#used ? response.#raw : undefined;
  }

  /** The type of a response that has no other header and whose headers nobody has looked at; else undefined. */
  static onlyType(response: Response): string | undefined {
    if (!(#type in response)) return undefined;
    // A subclass may have headers of its own, and so may an object on which they were defined.
    const isPlain = Object.getPrototypeOf(response) === FunctionResponse.prototype && !Object.hasOwn(response, 'headers');
    return isPlain ? response.#type : undefined;
  }

  override get headers(): Headers {
    const headers = super.headers;
    if (this.#type !== undefined) headers.set('content-type', this.#type);
    this.#type = undefined;
    return headers;
  }

  override get body(): ReadableStream<Uint8Array<ArrayBuffer>> | null {
    return this.#native()?.body ?? super.body;
  }

  override get bodyUsed(): boolean {
    return this.#raw === undefined ? (this.#inner?.bodyUsed ?? super.bodyUsed) : this.#used;
  }

  override async text(): Promise<string> {
    return typeof this.#raw === 'string' && !this.#used ? this.#takeText(this.#raw) : (this.#native()?.text() ?? super.text());
  }

  override async json(): Promise<unknown> {
    return typeof this.#raw === 'string' && !this.#used ? JSON.parse(this.#takeText(this.#raw)) : (this.#native()?.json() ?? super.json());
  }

  override async arrayBuffer(): Promise<ArrayBuffer> {
    return this.#native()?.arrayBuffer() ?? super.arrayBuffer();
  }

  override async bytes(): Promise<Uint8Array<ArrayBuffer>> {
    return this.#native()?.bytes() ?? super.bytes();
  }

  override async blob(): Promise<Blob> {
    return this.#native()?.blob() ?? super.blob();
  }

  override async formData(): Promise<FormData> {
    return this.#native()?.formData() ?? super.formData();
  }

  override clone(): Response {
    const native = this.#native();
    if (native === undefined) return super.clone();
    const { status, statusText, headers } = this;
    return new NativeResponse(native.clone().body, { status, statusText, headers });
  }

  #inner: Response | undefined;

  /** A native response around the raw body, made when somebody wants a stream; it then owns the body, used or not. */
  #native(): Response | undefined {
    if (this.#raw !== undefined) {
      const type = this.headers.get('content-type');
      this.#inner = new NativeResponse(this.#used ? '' : this.#raw, { headers: type === null ? {} : { 'content-type': type } });
      if (this.#used) void this.#inner.text();
      this.#raw = undefined;
    }
    return this.#inner;
  }

  /** As it comes back from UTF-8: without a byte order mark and without lone surrogates. */
  #takeText(raw: string): string {
    this.#used = true;
    return (raw.startsWith('\uFEFF') ? raw.slice(1) : raw).toWellFormed();
  }
}

/** Bytes are copied, since the author may write into the buffer after handing it over. */
function rawOf(body: BodyInit | null | undefined): string | Uint8Array<ArrayBuffer> | undefined {
  if (typeof body === 'string') return body;
  if (body instanceof ArrayBuffer) return new Uint8Array(body.slice(0));
  if (ArrayBuffer.isView(body)) return new Uint8Array(Buffer.from(body.buffer, body.byteOffset, body.byteLength));
  return undefined;
}
