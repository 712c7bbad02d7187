/** Executes the function once: request in, handler, response or failure out. */
import type { FailureMessage, LoadMessage } from '@martlet/protocol/frames';
import { createAppwriteContext, toResponseParts } from '../appwrite/appwrite-handler.ts';
import { formatAppwriteLog } from '../appwrite/format-appwrite-log.ts';
import { ExecutionContext } from './execution-context.ts';
import type { Execution } from './execution.ts';
import { FunctionRequest, type RequestParts } from '../web/function-request.ts';
import { HandlerFailure } from './handler-failure.ts';
import type { AppwriteHandler, Handler } from './handler.ts';
import { platformHeaders, requestHeaders } from './platform-headers.ts';
import { BodyTooLarge, type RequestBody } from '../web/request-body.ts';
import { ResponseInvalid, sendParts, sendResponse } from './send-response.ts';

const UNSHOWABLE = '[a value that cannot be shown]';

export interface ServedFunction {
  readonly message: LoadMessage;
  readonly handler: Handler;
  describeError(error: unknown): Omit<FailureMessage, 'kind'>;
}

/**
 * Starts the handler; what it returns, now or later, becomes the answer, and what goes wrong the failure of the execution.
 * Written without `async`, since each function of it costs a promise and three turns of the microtask queue per request.
 */
export function serve(execution: Execution, body: RequestBody, served: ServedFunction): void {
  const onFailure = (error: unknown): void => fail(execution, error, served);
  const onResult = (result: unknown): void => {
    try {
      answer(execution, result)?.catch(onFailure);
    } catch (error) {
      onFailure(error);
    }
  };
  try {
    const result = callHandler(execution, body, served);
    if (result instanceof Promise) result.then(onResult, onFailure);
    else onResult(result);
  } catch (error) {
    onFailure(error);
  }
}

function callHandler(execution: Execution, body: RequestBody, { message, handler }: ServedFunction): unknown {
  if (handler.shape === 'appwrite') return callAppwrite(execution, body, { message, call: handler.call });
  const request = new FunctionRequest(new ExecutedRequest(execution, body, message.projectId));
  const result = handler.call(request, new ExecutionContext(execution, message));
  // A promise of another realm, or of a library, is still something to wait for.
  return isThenable(result) && !(result instanceof Promise) ? Promise.resolve(result) : result;
}

/** The parts of the request, taken from the execution when the function asks for them. */
class ExecutedRequest implements RequestParts {
  readonly body: RequestBody;
  readonly #execution: Execution;
  readonly #projectId: string;

  constructor(execution: Execution, body: RequestBody, projectId: string) {
    this.body = body;
    this.#execution = execution;
    this.#projectId = projectId;
  }

  get url(): string {
    return this.#execution.head.url;
  }

  get method(): string {
    return this.#execution.head.method;
  }

  headers(): Headers {
    return requestHeaders(this.#execution.head, this.#projectId);
  }

  signal(): AbortSignal {
    return this.#execution.signal;
  }
}

async function callAppwrite(
  execution: Execution,
  body: RequestBody,
  { message, call }: { message: LoadMessage; call: AppwriteHandler },
): Promise<unknown> {
  const { head } = execution;
  const result = await call(
    createAppwriteContext({
      request: { method: head.method, url: head.url, headers: head.headers },
      bodyBytes: await body.bytes(),
      platformHeaders: platformHeaders(head, message.projectId),
      log: (...values) => execution.log('info', 'logs', formatAppwriteLog(values)),
      error: (...values) => execution.log('error', 'errors', formatAppwriteLog(values)),
    }),
  );
  // Also nothing, or a plain object, is an answer of such a handler, or a failure in the contract's own words.
  return isResponse(result) ? result : new AppwriteAnswer(result);
}

class AppwriteAnswer {
  readonly output: unknown;

  constructor(output: unknown) {
    this.output = output;
  }
}

/** @returns a promise where there is something left to send */
function answer(execution: Execution, result: unknown): Promise<void> | undefined {
  if (isResponse(result)) return sendResponse(execution, result);
  if (result instanceof AppwriteAnswer) return answerWithParts(execution, result.output);
  // An Appwrite handler whose parameter the detection did not recognise still returns what `res` made.
  if (typeof result === 'object' && result !== null && 'statusCode' in result) return answerWithParts(execution, result);
  throw new HandlerFailure('no_response', `Cannot answer: the handler returned ${describe(result)} instead of a Response.`);
}

function answerWithParts(execution: Execution, output: unknown): Promise<void> | undefined {
  const { status, headers, body } = toResponseParts(output);
  return sendParts(execution, { status, headers, body });
}

function fail(execution: Execution, error: unknown, { describeError }: ServedFunction): void {
  let failure: FailureMessage;
  try {
    failure = { kind: failureKind(error), ...describeError(error) };
  } catch {
    // What was thrown may throw again when it is looked at; an error here would be nobody's, and the execution would hang.
    failure = { kind: 'threw', name: 'Error', message: UNSHOWABLE, stack: UNSHOWABLE };
  }
  execution.log('error', 'errors', failure.stack);
  execution.fail(failure);
}

function isThenable(value: unknown): value is PromiseLike<unknown> {
  return typeof value === 'object' && value !== null && 'then' in value && typeof value.then === 'function';
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
