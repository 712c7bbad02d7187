/** Executes the function once: request in, handler, response or failure out. */
import type { FailureMessage, LoadMessage } from '@martlet/protocol/frames';
import { createAppwriteContext, toResponseParts } from '../appwrite/appwrite-handler.ts';
import { formatAppwriteLog } from '../appwrite/format-appwrite-log.ts';
import { ExecutionContext } from './execution-context.ts';
import type { Execution } from './execution.ts';
import { FunctionRequest } from '../web/function-request.ts';
import { HandlerFailure } from './handler-failure.ts';
import type { AppwriteHandler, Handler, RequestHandler } from './handler.ts';
import { platformHeaders, requestHeaders } from './platform-headers.ts';
import { BodyTooLarge, type RequestBody } from '../web/request-body.ts';
import { ResponseInvalid, sendResponse } from './send-response.ts';

export interface ServedFunction {
  readonly message: LoadMessage;
  readonly handler: Handler;
  describeError(error: unknown): Omit<FailureMessage, 'kind'>;
}

/** Never rejects: what goes wrong becomes the failure of the execution. */
export async function serve(execution: Execution, body: RequestBody, served: ServedFunction): Promise<void> {
  try {
    const { handler } = served;
    if (handler.shape === 'appwrite') await serveAppwrite(execution, body, { ...served, call: handler.call });
    else await serveRequest(execution, body, { ...served, call: handler.call });
  } catch (error) {
    const failure = { kind: failureKind(error), ...served.describeError(error) };
    execution.log('error', 'errors', failure.stack);
    execution.fail(failure);
  }
}

async function serveRequest(
  execution: Execution,
  body: RequestBody,
  { message, call }: ServedFunction & { call: RequestHandler },
): Promise<void> {
  const request = new FunctionRequest({
    url: execution.head.url,
    method: execution.head.method,
    headers: () => requestHeaders(execution.head, message.projectId),
    signal: () => execution.signal,
    body,
  });
  const result = await call(request, new ExecutionContext(execution, message));
  if (isResponse(result)) {
    await sendResponse(execution, result);
    return;
  }
  // An Appwrite handler whose parameter the detection did not recognise still returns what `res` made.
  if (typeof result === 'object' && result !== null && 'statusCode' in result) respondWithParts(execution, result);
  else throw new HandlerFailure('no_response', `Cannot answer: the handler returned ${describe(result)} instead of a Response.`);
}

async function serveAppwrite(
  execution: Execution,
  body: RequestBody,
  { message, call }: ServedFunction & { call: AppwriteHandler },
): Promise<void> {
  const { head } = execution;
  const context = createAppwriteContext({
    request: { method: head.method, url: head.url, headers: head.headers },
    bodyBytes: await body.bytes(),
    platformHeaders: platformHeaders(head, message.projectId),
    log: (...values) => execution.log('info', 'logs', formatAppwriteLog(values)),
    error: (...values) => execution.log('error', 'errors', formatAppwriteLog(values)),
  });
  const result = await call(context);
  if (isResponse(result)) await sendResponse(execution, result);
  else respondWithParts(execution, result);
}

function respondWithParts(execution: Execution, output: unknown): void {
  const { status, headers, body } = toResponseParts(output);
  if (body === undefined || body.length <= 65_536) {
    execution.respond(status, headers, body ?? new Uint8Array(0));
    return;
  }
  const pairs: [string, string][] = [];
  for (let at = 0; at + 1 < headers.length; at += 2) pairs.push([headers[at] as string, headers[at + 1] as string]);
  void sendResponse(execution, new Response(Buffer.from(body), { status, headers: pairs }));
}

/** Also true for the `Response` of another realm or of the npm package undici. */
function isResponse(value: unknown): value is Response {
  return (
    value instanceof Response ||
    (typeof value === 'object' && value !== null && Object.prototype.toString.call(value) === '[object Response]')
  );
}

function failureKind(error: unknown): FailureMessage['kind'] {
  if (error instanceof HandlerFailure) return error.kind;
  if (error instanceof ResponseInvalid) return 'response_invalid';
  if (error instanceof BodyTooLarge) return 'body_too_large';
  return 'threw';
}

function describe(value: unknown): string {
  return value === undefined ? 'nothing' : value === null ? 'null' : `a value of type ${typeof value}`;
}
