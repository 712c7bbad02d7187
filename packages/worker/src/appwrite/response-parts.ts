/** Turns what an Appwrite handler returned into a response, or says why it is none. */
import { HandlerFailure } from '../execution/handler-failure.ts';
import { toBytes } from './appwrite-response.ts';

export interface ResponseParts {
  readonly status: number;
  /** Flat: name, value, name, value, …; names in lower case. */
  readonly headers: string[];
  /** Empty for the statuses that have none. */
  readonly body: Uint8Array;
}

const TOKEN = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/;
/** What a header value may hold: Latin-1 without control characters. */
const VALUE = /^[\t\x20-\x7e\x80-\xff]*$/;
const HEADERS_MAX = 1000;
const HEADER_BYTES_MAX = 65_536;
const BODILESS = new Set([204, 304]);
/** The length is the server's to state. */
const FRAMING = new Set(['content-length', 'transfer-encoding']);
const EMPTY = new Uint8Array(0);

/**
 * @throws {HandlerFailure} `no_response` when there is no output object, `response_invalid` for a status or header that
 *   HTTP does not allow
 */
export function toResponseParts(output: unknown): ResponseParts {
  if (output === undefined || output === null) {
    throw new HandlerFailure('no_response', 'Return statement missing. return context.res.empty() if no response is expected.');
  }
  if (typeof output !== 'object') {
    throw new HandlerFailure(
      'no_response',
      `Cannot answer with a ${typeof output}: return context.res.text(…), or another function of context.res.`,
    );
  }
  const parts: { statusCode?: unknown; headers?: unknown; body?: unknown } = output;
  const status = readStatus(parts.statusCode);
  const headers = readHeaders(parts.headers);
  return { status, headers, body: BODILESS.has(status) ? EMPTY : readBody(parts.body) };
}

function readStatus(value: unknown): number {
  // Text with a number is taken, as `node:http` does.
  const status = value === undefined || value === null ? 200 : Math.trunc(Number(typeof value === 'symbol' ? Number.NaN : value));
  if (status >= 200 && status <= 599) return status;
  throw new HandlerFailure('response_invalid', `Cannot answer with the status ${show(value)}: it must be a whole number from 200 to 599.`);
}

function readHeaders(value: unknown): string[] {
  const flat: string[] = [];
  let contentType: string | undefined;
  let bytes = 0;
  for (const [given, content] of headerEntries(value)) {
    const name = given.toLowerCase();
    if (name.startsWith('x-open-runtimes-') || FRAMING.has(name)) continue;
    if (!TOKEN.test(name))
      throw new HandlerFailure(
        'response_invalid',
        `Cannot answer with the header ${show(given)}: it is not a header name (ERR_INVALID_HTTP_TOKEN).`,
      );
    for (const item of Array.isArray(content) ? content : [content]) {
      const text = readValue(name, item);
      bytes += name.length + text.length;
      if (name === 'content-type') contentType = text;
      else flat.push(name, text);
    }
  }
  if (flat.length > HEADERS_MAX * 2 || bytes > HEADER_BYTES_MAX) {
    throw new HandlerFailure(
      'response_invalid',
      `Cannot answer with ${flat.length / 2} headers of ${bytes} bytes: at most ${HEADERS_MAX} headers of ${HEADER_BYTES_MAX} bytes are allowed.`,
    );
  }
  flat.push('content-type', withCharset(contentType ?? 'text/plain'));
  return flat;
}

/** A plain object, or the web's `Headers`. Of names that differ in case only, the last wins, as when they were set one after the other. */
function headerEntries(value: unknown): Iterable<[string, unknown]> {
  if (value === undefined || value === null) return [];
  if (typeof value !== 'object')
    throw new HandlerFailure('response_invalid', `Cannot answer with headers of type ${typeof value}: they must be an object.`);
  if (value instanceof Headers) return value.entries();
  const last = new Map<string, [string, unknown]>();
  for (const [name, content] of Object.entries(value)) last.set(name.toLowerCase(), [name, content]);
  return last.values();
}

function readValue(name: string, value: unknown): string {
  if (value === undefined)
    throw new HandlerFailure(
      'response_invalid',
      `Cannot answer with the header "${name}": its value is undefined (ERR_HTTP_INVALID_HEADER_VALUE).`,
    );
  const text = String(value);
  if (VALUE.test(text)) return text;
  throw new HandlerFailure(
    'response_invalid',
    `Cannot answer with the header "${name}": its value has a character that a header cannot hold (ERR_INVALID_CHAR).`,
  );
}

/** Contract, section 7.4: text gets a charset, and the whole value is lowered unless it names one itself. */
function withCharset(contentType: string): string {
  const lower = contentType.toLowerCase();
  return lower.startsWith('multipart/') || lower.includes('charset=') ? contentType : `${lower}; charset=utf-8`;
}

function readBody(value: unknown): Uint8Array {
  if (value === undefined || value === null) return EMPTY;
  const bytes = toBytes(value);
  if (bytes instanceof Uint8Array) return bytes;
  const text = typeof bytes === 'object' ? JSON.stringify(bytes) : String(bytes);
  return Buffer.from(text ?? '', 'utf8');
}

function show(value: unknown): string {
  return typeof value === 'string' ? JSON.stringify(value.slice(0, 100)) : String(value).slice(0, 100);
}
