/**
 * Heads of requests and responses on the wall. They are text joined by NUL, which no URL and no header value can hold:
 * splitting costs a third of parsing JSON. Latin-1 keeps header bytes exactly as `node:http` gives them.
 */
import { FrameError } from './frame-reader.ts';
import { FrameType } from './frame-types.ts';
import type { FrameWriter } from './frame-writer.ts';
import { RecentTexts } from './recent-texts.ts';

/** Set when the body is in the same frame, whole; otherwise chunks follow until an end frame. */
const INLINE_BODY = 1;
/** Response only: nothing of the execution runs any longer; no `finished` frame follows. */
const FINISHED = 2;
const REQUEST_FIXED = 10;
const RESPONSE_FIXED = 15;
const REQUEST_FACTS = 10;
/** Methods travel as a number, since nearly every function looks at its method, and many at nothing else. 0: in words, as a fact. */
const METHODS = ['', 'GET', 'POST', 'PUT', 'PATCH', 'DELETE', 'HEAD', 'OPTIONS'];
const HEADERS_MAX = 2000;
const EMPTY = Buffer.alloc(0);

/** Facts about a request that only the platform may state; the worker makes the platform headers from them. */
export interface RequestHead {
  readonly executionId: string;
  /** Token of this execution for calls back to the platform; ends with the execution. */
  readonly token: string;
  readonly trigger: string;
  readonly method: string;
  /** Absolute URL as the function shall see it. */
  readonly url: string;
  readonly clientIp: string;
  /** Empty when nobody is signed in. */
  readonly userId: string;
  readonly userToken: string;
  /** Event name, empty unless the trigger is an event. */
  readonly event: string;
  /** Origin at which the function reaches the platform. */
  readonly platformUrl: string;
  readonly timeoutMs: number;
  /** Flat: name, value, name, value, … in the order of arrival; names in any case. */
  readonly headers: readonly string[];
}

export interface ResponseHead {
  readonly status: number;
  readonly headers: readonly string[];
  /** The headers as they came, joined by NUL: what is known of them is found by this. */
  readonly headerText: string;
  /** Whole body, or undefined when chunks follow. */
  readonly body: ShortBody | Buffer | undefined;
  readonly usage: Usage | undefined;
}

/** Longer bodies are bytes: as a text they would be copied once more on their way out than they are as bytes. */
export const SHORT_BODY_BYTES_MAX = 8192;

/**
 * A whole, short body. It came in one frame with its head and leaves in one system call with it, so it is kept as what is
 * joined there: a text of one character per byte (Latin-1). Bytes in between cost three views and a copy.
 */
export class ShortBody {
  readonly text: string;

  constructor(text: string) {
    this.text = text;
  }

  get length(): number {
    return this.text.length;
  }

  get bytes(): Uint8Array {
    return Buffer.from(this.text, 'latin1');
  }
}

/** What an execution used, as its worker saw it; executions that overlap share the processor time. */
export interface Usage {
  readonly cpuMicros: number;
  /** Peak of the worker so far. */
  readonly memoryKb: number;
}

/** A request to be sent. `body`: bytes = whole, undefined = chunks follow. */
export interface SentRequest {
  readonly head: RequestHead;
  readonly body: Uint8Array | undefined;
}

export function writeRequest(writer: FrameWriter, stream: number, { head, body }: SentRequest): void {
  const method = Math.max(0, METHODS.indexOf(head.method));
  const facts = `${head.executionId}\0${head.token}\0${head.trigger}\0${method === 0 ? head.method : ''}\0${head.url}\0${head.clientIp}\0${head.userId}\0${head.userToken}\0${head.event}\0${head.platformUrl}`;
  const text = head.headers.length === 0 ? facts : `${facts}\0${head.headers.join('\0')}`;
  const at = writer.begin(FrameType.request, stream, REQUEST_FIXED + text.length + (body?.length ?? 0));
  const { slab } = writer;
  slab[at] = body === undefined ? 0 : INLINE_BODY;
  slab[at + 1] = method;
  slab.writeUInt32LE(head.timeoutMs, at + 2);
  slab.writeUInt32LE(text.length, at + 6);
  slab.write(text, at + REQUEST_FIXED, 'latin1');
  if (body !== undefined && body.length > 0) slab.set(body, at + REQUEST_FIXED + text.length);
}

export function readRequest(payload: Buffer): { head: RequestHead; body: Buffer | undefined } {
  const end = REQUEST_FIXED + payload.readUInt32LE(6);
  // The payload is a view into a read buffer that will be overwritten; head and body outlive it.
  const head = new ReceivedHead({
    method: METHODS[payload[1] as number],
    timeoutMs: payload.readUInt32LE(2),
    text: payload.toString('latin1', REQUEST_FIXED, end),
  });
  return { head, body: payload[0] === INLINE_BODY ? copy(payload, end) : undefined };
}

/** A head that is taken apart when somebody asks for more than the method: twelve strings per request otherwise. */
class ReceivedHead implements RequestHead {
  readonly timeoutMs: number;
  readonly #method: string | undefined;
  readonly #text: string;
  #facts: readonly string[] | undefined;
  #headers: readonly string[] | undefined;

  constructor({ method, timeoutMs, text }: { method: string | undefined; timeoutMs: number; text: string }) {
    this.timeoutMs = timeoutMs;
    this.#method = method === '' ? undefined : method;
    this.#text = text;
  }

  get executionId(): string {
    return this.#fact(0);
  }

  get token(): string {
    return this.#fact(1);
  }

  get trigger(): string {
    return this.#fact(2);
  }

  get method(): string {
    return this.#method ?? this.#fact(3);
  }

  get url(): string {
    return this.#fact(4);
  }

  get clientIp(): string {
    return this.#fact(5);
  }

  get userId(): string {
    return this.#fact(6);
  }

  get userToken(): string {
    return this.#fact(7);
  }

  get event(): string {
    return this.#fact(8);
  }

  get platformUrl(): string {
    return this.#fact(9);
  }

  get headers(): readonly string[] {
    return (this.#headers ??= this.#split().slice(REQUEST_FACTS));
  }

  #fact(index: number): string {
    return this.#split()[index] as string;
  }

  #split(): readonly string[] {
    return (this.#facts ??= this.#text.split('\0'));
  }
}

/** A response to be sent. `body`: undefined = chunks follow. `usage`: the execution has finished with it. */
export interface SentResponse {
  readonly status: number;
  readonly headers: readonly string[];
  readonly body: string | Uint8Array | undefined;
  readonly usage: Usage | undefined;
}

export function writeResponse(writer: FrameWriter, stream: number, { status, headers, body, usage }: SentResponse): void {
  const text = headers.join('\0');
  const bodyBytes = typeof body === 'string' ? Buffer.byteLength(body) : (body?.length ?? 0);
  const at = writer.begin(FrameType.response, stream, RESPONSE_FIXED + text.length + bodyBytes);
  const { slab } = writer;
  slab[at] = (body === undefined ? 0 : INLINE_BODY) | (usage === undefined ? 0 : FINISHED);
  slab.writeUInt16LE(status, at + 1);
  slab.writeUInt32LE(usage?.cpuMicros ?? 0, at + 3);
  slab.writeUInt32LE(usage?.memoryKb ?? 0, at + 7);
  slab.writeUInt32LE(text.length, at + 11);
  slab.write(text, at + RESPONSE_FIXED, 'latin1');
  if (typeof body === 'string') slab.write(body, at + RESPONSE_FIXED + text.length, 'utf8');
  else if (bodyBytes > 0 && body !== undefined) slab.set(body, at + RESPONSE_FIXED + text.length);
}

/** @throws {FrameError} for a head that no honest worker writes */
export function readResponse(payload: Buffer): ResponseHead {
  if (payload.length < RESPONSE_FIXED) throw new FrameError('Cannot read a response head: it is too short');
  const flags = payload[0] as number;
  const status = payload.readUInt16LE(1);
  const end = RESPONSE_FIXED + payload.readUInt32LE(11);
  if (flags > 3 || status < 200 || status > 599 || end > payload.length)
    throw new FrameError('Cannot read a response head: its fields are out of range');
  const inline = (flags & INLINE_BODY) !== 0;
  if (!inline && (end !== payload.length || (flags & FINISHED) !== 0))
    throw new FrameError('Cannot read a response head: it contradicts itself');
  const isShort = inline && payload.length - end <= SHORT_BODY_BYTES_MAX;
  // One decoding for both.
  const text = payload.toString('latin1', RESPONSE_FIXED, isShort ? payload.length : end);
  const lookup = isShort ? text.slice(0, end - RESPONSE_FIXED) : text;
  const known = knownHeaders.get(lookup) ?? splitHeaders(payload.toString('latin1', RESPONSE_FIXED, end));
  return {
    status,
    headers: known.headers,
    headerText: known.text,
    body: isShort ? new ShortBody(text.slice(end - RESPONSE_FIXED)) : inline ? Buffer.from(payload.subarray(end)) : undefined,
    usage: (flags & FINISHED) === 0 ? undefined : { cpuMicros: payload.readUInt32LE(3), memoryKb: payload.readUInt32LE(7) },
  };
}

interface KnownHeaders {
  readonly text: string;
  readonly headers: readonly string[];
}

/** Answers of one function mostly have the same headers. */
const knownHeaders = new RecentTexts<KnownHeaders>();

/**
 * The text must be its own, no slice: it and its pieces outlive the frame.
 * @throws {FrameError}
 */
function splitHeaders(text: string): KnownHeaders {
  const headers = text === '' ? [] : text.split('\0');
  if (headers.length % 2 !== 0 || headers.length > HEADERS_MAX)
    throw new FrameError('Cannot read a response head: its headers are not pairs');
  // Many executions share it.
  Object.freeze(headers);
  const known = { text, headers };
  knownHeaders.keep(text, known);
  return known;
}

export function writeUsage(usage: Usage): Buffer {
  const payload = Buffer.allocUnsafe(8);
  payload.writeUInt32LE(usage.cpuMicros, 0);
  payload.writeUInt32LE(usage.memoryKb, 4);
  return payload;
}

/** @throws {FrameError} */
export function readUsage(payload: Buffer): Usage {
  if (payload.length !== 8) throw new FrameError('Cannot read usage: it does not have eight bytes');
  return { cpuMicros: payload.readUInt32LE(0), memoryKb: payload.readUInt32LE(4) };
}

/** A count of bytes as a payload of four bytes: credit, dropped log. */
export function writeByteCount(bytes: number): Buffer {
  const payload = Buffer.allocUnsafe(4);
  payload.writeUInt32LE(bytes, 0);
  return payload;
}

/** @throws {FrameError} */
export function readByteCount(payload: Buffer): number {
  if (payload.length !== 4) throw new FrameError('Cannot read a count of bytes: it does not have four bytes');
  return payload.readUInt32LE(0);
}

function copy(payload: Buffer, from: number): Buffer {
  return from === payload.length ? EMPTY : Buffer.from(payload.subarray(from));
}
