/** The one place where outcomes and refusals of the data plane become HTTP. */
import { errorSpecs, isPlatformError, PlatformError, type ErrorCode } from '@martlet/protocol';
import { ShortBody } from '@martlet/protocol/frames';
import type { Invoked } from '../../services/invoke/invocation.ts';
import { beginHead } from './known-heads.ts';
import type { LeanResponse } from './lean-http.ts';
import { isPassedOn } from './passed-headers.ts';

const BODILESS = new Set([204, 205, 304]);
/** Where the platform answers for an origin, a second answer beside its own would be none for a browser. */
const CORS_ANSWERS = new Set(['access-control-allow-origin', 'access-control-allow-credentials']);

export function writeOutcome(response: LeanResponse, invoked: Invoked, extraHeaders: readonly string[]): Promise<void> | undefined {
  const { outcome, id: executionId } = invoked;
  if (outcome.kind === 'failed') {
    writeError(response, { code: outcome.code, message: messageForCaller(outcome.code, outcome.message), executionId, extraHeaders });
    return undefined;
  }
  const { status, body } = outcome;
  if (body instanceof ShortBody && extraHeaders.length === 0 && sendShort(response, invoked, body)) return undefined;
  const headers = responseHeaders(outcome.headers, executionId, extraHeaders);
  const isHead = response.req.method === 'HEAD';
  if (!(body instanceof ReadableStream)) {
    if (!BODILESS.has(status) && !isHead) headers.push('content-length', String(body.length));
    if (!writeHead(response, { status, headers, executionId })) return undefined;
    if (BODILESS.has(status) || isHead) response.end();
    // With the head in one system call; bytes take a second buffer and a `writev`.
    else if (body instanceof ShortBody) response.endShort(body.text);
    else response.end(body);
    return undefined;
  }
  if (!writeHead(response, { status, headers, executionId })) {
    void body.cancel('The response cannot be sent');
    return undefined;
  }
  if (isHead || BODILESS.has(status)) {
    response.end();
    return body.cancel('A response of this kind has no body');
  }
  beginStream(response);
  return pipe(body, response);
}

/** The way of nearly every answer. @returns false, with nothing done, where Node must make the head */
function sendShort(response: LeanResponse, { outcome, id: executionId }: Invoked, body: ShortBody): boolean {
  if (outcome.kind === 'failed' || BODILESS.has(outcome.status) || !response.takesWhole) return false;
  const { status, headers, headerText } = outcome;
  const head = beginHead({ status, headers, headerText, executionId, length: body.length });
  if (head === undefined) return false;
  response.sendWhole(status, head, body.text);
  return true;
}

/**
 * A stream may take its time to its first chunk; the caller shall know at once that it has begun. A chunk that is here
 * already is read before this turn ends and leaves with the head.
 */
function beginStream(response: LeanResponse): void {
  const { socket } = response;
  socket?.cork();
  response.flushHeaders();
  process.nextTick(() => socket?.uncork());
}

export interface WrittenError {
  readonly code: ErrorCode;
  readonly message: string;
  readonly executionId?: string;
  readonly retryAfterSeconds?: number | undefined;
  readonly extraHeaders?: readonly string[];
}

/** The envelope satisfies the Base44 clients (`error`, `message`, `detail`, `code`); it never holds a stack. */
export function writeError(response: LeanResponse, error: WrittenError): void {
  if (response.headersSent || response.destroyed) {
    response.destroy();
    return;
  }
  const { code, message, executionId } = error;
  const body = Buffer.from(
    JSON.stringify({
      error: message,
      message,
      detail: message,
      code: code.toUpperCase(),
      ...(executionId !== undefined && { executionId }),
    }),
  );
  const headers = ['content-type', 'application/json; charset=utf-8', 'content-length', String(body.length), ...(error.extraHeaders ?? [])];
  if (executionId !== undefined) headers.push('x-martlet-execution-id', executionId);
  if (error.retryAfterSeconds !== undefined) headers.push('retry-after', String(error.retryAfterSeconds));
  response.writeHead(errorSpecs[code].status, headers);
  response.end(body);
}

/** A refusal as it is; anything else is a failure of ours, of which the caller learns nothing but that. */
export function toRefusal(error: unknown): PlatformError {
  return isPlatformError(error) ? error : new PlatformError('general_server_error', { cause: error });
}

/** What user code says of its own failure is for its record; callers learn the kind. */
function messageForCaller(code: ErrorCode, message: string): string {
  return code === 'execution_threw' ||
    code === 'execution_load_failed' ||
    code === 'execution_response_invalid' ||
    code === 'execution_no_response'
    ? errorSpecs[code].message
    : message;
}

function responseHeaders(headers: readonly string[], executionId: string, extraHeaders: readonly string[]): string[] {
  const kept: string[] = [];
  for (let at = 0; at + 1 < headers.length; at += 2) {
    const name = headers[at] as string;
    const lower = name.toLowerCase();
    if (!isPassedOn(lower)) continue;
    if (extraHeaders.length > 0 && CORS_ANSWERS.has(lower)) continue;
    kept.push(name, headers[at + 1] as string);
  }
  kept.push('x-martlet-execution-id', executionId, 'x-appwrite-execution-id', executionId, ...extraHeaders);
  return kept;
}

/** Node refuses what would break the framing of HTTP; the caller then gets an error instead. */
function writeHead(
  response: LeanResponse,
  { status, headers, executionId }: { status: number; headers: string[]; executionId: string },
): boolean {
  try {
    response.writeHead(status, headers);
    return true;
  } catch {
    writeError(response, { code: 'execution_response_invalid', message: errorSpecs.execution_response_invalid.message, executionId });
    return false;
  }
}

async function pipe(body: ReadableStream<Uint8Array>, response: LeanResponse): Promise<void> {
  const reader = body.getReader();
  const stop = (): void => void reader.cancel('The caller went away').catch(() => undefined);
  response.on('close', stop);
  try {
    for (;;) {
      const { done, value } = await reader.read();
      if (done) break;
      if (!response.write(value)) await drained(response);
    }
    response.end();
  } catch {
    // The head goes out in any case: the only honest sign left is a connection that breaks before its end.
    response.socket?.uncork();
    response.destroy();
  } finally {
    response.off('close', stop);
  }
}

function drained(response: LeanResponse): Promise<void> {
  return new Promise((resolve) => {
    const done = (): void => {
      response.off('drain', done);
      response.off('close', done);
      resolve();
    };
    response.on('drain', done);
    response.on('close', done);
  });
}
