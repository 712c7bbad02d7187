/** Makes the one argument of an Appwrite handler. Everything about the request that costs work is done when it is read. */
import { appwriteResponse, type AppwriteResponse } from './appwrite-response.ts';
import { parseQuery, splitUrl } from './request-url.ts';

export interface AppwriteContextOptions {
  readonly request: {
    readonly method: string;
    /** Absolute, as the function shall see it. */
    readonly url: string;
    /** Flat: name, value, name, value, … */
    readonly headers: readonly string[];
  };
  readonly bodyBytes: Uint8Array;
  /** Set over whatever the caller sent. Names in lower case. */
  readonly platformHeaders: Iterable<readonly [name: string, value: string]>;
  readonly log: (...values: unknown[]) => void;
  readonly error: (...values: unknown[]) => void;
}

export interface AppwriteRequest {
  readonly body: unknown;
  readonly bodyRaw: string;
  readonly bodyText: string;
  /** @throws {SyntaxError} when the body is not JSON, an empty one included */
  readonly bodyJson: unknown;
  readonly bodyBinary: Buffer;
  readonly headers: Record<string, string>;
  readonly method: string;
  readonly host: string;
  readonly scheme: string;
  readonly query: Record<string, string>;
  readonly queryString: string;
  readonly port: number;
  readonly url: string;
  readonly path: string;
}

export interface AppwriteContext {
  readonly req: AppwriteRequest;
  readonly res: AppwriteResponse;
  readonly log: (...values: unknown[]) => void;
  readonly error: (...values: unknown[]) => void;
}

export function createAppwriteContext(options: AppwriteContextOptions): AppwriteContext {
  return { req: createRequest(options), res: appwriteResponse, log: options.log, error: options.error };
}

/** Own enumerable getters in the order of the contract: handlers print, spread and destructure the request. */
function createRequest({ request, bodyBytes, platformHeaders }: AppwriteContextOptions): AppwriteRequest {
  const bytes = Buffer.from(bodyBytes.buffer, bodyBytes.byteOffset, bodyBytes.byteLength);
  const text = once(() => bytes.toString('utf8'));
  const headers = once(() => collectHeaders(request.headers, platformHeaders));
  const url = once(() => splitUrl(request.url));
  const query = once(() => parseQuery(url().queryString));
  return {
    get body() {
      const isJson = (headers()['content-type'] ?? '').toLowerCase().startsWith('application/json');
      if (!isJson) return text();
      return bytes.length === 0 ? {} : (JSON.parse(text()) as unknown);
    },
    get bodyRaw() {
      return text();
    },
    get bodyText() {
      return text();
    },
    get bodyJson() {
      return JSON.parse(text()) as unknown;
    },
    get bodyBinary() {
      return bytes;
    },
    get headers() {
      return headers();
    },
    method: request.method.toUpperCase(),
    get host() {
      return url().host;
    },
    get scheme() {
      return url().scheme;
    },
    get query() {
      return query();
    },
    get queryString() {
      return url().queryString;
    },
    get port() {
      return url().port;
    },
    get url() {
      return url().url;
    },
    get path() {
      return url().path;
    },
  };
}

/** Of these a second one is ignored, like in `node:http`; other headers that come twice are joined. */
const SINGLE = new Set([
  'age',
  'authorization',
  'content-length',
  'content-type',
  'etag',
  'expires',
  'from',
  'host',
  'if-modified-since',
  'if-unmodified-since',
  'last-modified',
  'location',
  'max-forwards',
  'proxy-authorization',
  'referer',
  'retry-after',
  'server',
  'user-agent',
]);

function collectHeaders(flat: readonly string[], platform: Iterable<readonly [string, string]>): Record<string, string> {
  const headers: Record<string, string> = {};
  for (let at = 0; at + 1 < flat.length; at += 2) {
    const name = (flat[at] ?? '').toLowerCase();
    const value = flat[at + 1] ?? '';
    const known = Object.hasOwn(headers, name) ? headers[name] : undefined;
    if (name.startsWith('x-open-runtimes-') || (known !== undefined && SINGLE.has(name))) continue;
    setHeader(headers, name, known === undefined ? value : `${known}${name === 'cookie' ? '; ' : ', '}${value}`);
  }
  for (const [name, value] of platform) setHeader(headers, name, value);
  for (const [name, value] of headersOfVariable()) setHeader(headers, name.toLowerCase(), String(value));
  return headers;
}

/** The variable `OPEN_RUNTIMES_HEADERS` of the function, whose entries override all others (contract, section 7.2). */
function headersOfVariable(): [string, unknown][] {
  const json = process.env['OPEN_RUNTIMES_HEADERS'];
  if (json === undefined || json === '') return [];
  try {
    return Object.entries(JSON.parse(json) as object);
  } catch (cause) {
    throw new TypeError('Cannot read the variable OPEN_RUNTIMES_HEADERS: it is not a JSON object', { cause });
  }
}

/** `__proto__` is a legal header name, and must not be lost or touch the prototype. */
function setHeader(headers: Record<string, string>, name: string, value: string): void {
  if (name === '__proto__') Object.defineProperty(headers, name, { value, writable: true, enumerable: true, configurable: true });
  else headers[name] = value;
}

function once<T>(make: () => T): () => T {
  let made: { readonly value: T } | undefined;
  return () => (made ??= { value: make() }).value;
}
