/** Turns the response of a function into frames: whole when its body is at hand and short, in chunks otherwise. */
import { CHUNK_BYTES, INLINE_BODY_BYTES } from '@martlet/protocol/frames';
import type { Execution } from './execution.ts';
import { FunctionResponse } from '../web/function-response.ts';

/** Fits into one frame whatever its characters are; it becomes bytes in there. */
const SHORT_TEXT_LENGTH = Math.floor(INLINE_BODY_BYTES / 3);
const EMPTY = new Uint8Array(0);
/** Names with values, as many as the server takes. */
const HEADERS_MAX = 1000;
/** A worker's frame holds at most four times this; the server answers 500 to a longer head. */
const HEAD_LENGTH_MAX = 65_536;

/** What `Headers` lets through and HTTP does not: control characters but the tab. */
const FORBIDDEN = /[^\t\x20-\x7e\x80-\xff]/;

/** Thrown for a response that HTTP does not allow. */
export class ResponseInvalid extends Error {
  override readonly name = 'ResponseInvalid';
}

/** @returns a promise when the body is sent in chunks */
export function sendResponse(execution: Execution, response: Response): Promise<void> | undefined {
  const { status } = response;
  const onlyType = FunctionResponse.onlyType(response);
  const headers = onlyType === undefined ? flatten(response.headers) : ['content-type', onlyType];
  if (status < 200 || status > 599) throw new ResponseInvalid(`Cannot answer with status ${status}: it must be from 200 to 599`);
  const raw = FunctionResponse.rawBody(response);
  if (typeof raw === 'string' && raw.length <= SHORT_TEXT_LENGTH) {
    execution.respond(status, headers, raw);
    return undefined;
  }
  const body = typeof raw === 'string' ? Buffer.from(raw) : (raw ?? response.body ?? undefined);
  return sendParts(execution, { status, headers, body });
}

export interface SentParts {
  readonly status: number;
  /** Flat name, value, …; checked. */
  readonly headers: readonly string[];
  readonly body: Uint8Array | ReadableStream<Uint8Array> | undefined;
}

export function sendParts(execution: Execution, { status, headers, body = EMPTY }: SentParts): Promise<void> | undefined {
  if (!(body instanceof Uint8Array) || body.length > INLINE_BODY_BYTES) return sendInChunks(execution, { status, headers, body });
  execution.respond(status, headers, body);
  return undefined;
}

async function sendInChunks(execution: Execution, { status, headers, body }: SentParts): Promise<void> {
  if (!execution.beginResponse(status, headers)) return;
  if (body instanceof Uint8Array) await sendBytes(execution, body);
  else if (body !== undefined) await sendStream(execution, body);
  execution.endResponse();
}

async function sendStream(execution: Execution, body: ReadableStream<Uint8Array>): Promise<void> {
  const reader = body.getReader();
  let stopped: Promise<void> | undefined;
  const stop = (): void => {
    stopped = reader.cancel(execution.signal.reason).catch(() => undefined);
  };
  execution.signal.addEventListener('abort', stop, { once: true });
  if (execution.aborted) stop();
  for (;;) {
    const { done, value } = await reader.read();
    if (done) break;
    if (!(value instanceof Uint8Array))
      throw new ResponseInvalid('Cannot send a chunk of the response: it is not bytes. Encode text with TextEncoder.');
    await sendBytes(execution, value);
  }
  execution.signal.removeEventListener('abort', stop);
  // What the author does on cancel belongs to the execution, its log lines too.
  await stopped;
}

async function sendBytes(execution: Execution, bytes: Uint8Array): Promise<void> {
  const { credit } = execution;
  let at = 0;
  while (at < bytes.length && !execution.aborted) {
    if (credit.left <= 0) await credit.available();
    const end = Math.min(bytes.length, at + Math.min(CHUNK_BYTES, credit.left));
    execution.sendChunk(bytes.subarray(at, end));
    credit.take(end - at);
    at = end;
  }
}

function flatten(headers: Headers): string[] {
  const flat: string[] = [];
  let length = 0;
  for (const [name, value] of headers) {
    if (FORBIDDEN.test(value))
      throw new ResponseInvalid(`Cannot answer with the header ${name}: its value has a character that HTTP does not allow`);
    flat.push(name, value);
    length += name.length + value.length;
  }
  if (flat.length > HEADERS_MAX * 2)
    throw new ResponseInvalid(`Cannot answer with ${flat.length / 2} headers: at most ${HEADERS_MAX} are allowed`);
  if (length > HEAD_LENGTH_MAX)
    throw new ResponseInvalid(`Cannot answer with ${length} characters of headers: at most ${HEAD_LENGTH_MAX} are allowed`);
  return flat;
}
