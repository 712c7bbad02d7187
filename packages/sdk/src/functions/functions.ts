/** Functions by the name under which they are called. */
import type {
  DataArguments,
  FunctionData,
  FunctionInput,
  FunctionName,
  FunctionOutput,
  Sendable,
  TypedFunctionName,
  UntypedFunctionName,
} from '../registry.ts';
import type { ServerSentEvent } from '../streams/sse-parser.ts';
import { formatOf, readStream, type StreamFormat } from '../streams/read-stream.ts';
import { startDeadline, type Deadline, type DeadlineOptions } from '../transport/deadline.ts';
import { encodeName, functionPath } from '../transport/function-path.ts';
import type { Http } from '../transport/http.ts';
import { executionIdOf } from '../transport/read-body.ts';
import { functionError, readResult, type FunctionResult } from './answer.ts';
import { createFunctionExecutions, type FunctionExecutions } from './function-executions.ts';
import { payloadOf } from './payload.ts';

export interface InvokeOptions extends DeadlineOptions {
  /** Headers of the request; they win over the client's. */
  readonly headers?: HeadersInit | undefined;
}

export interface StreamOptions extends InvokeOptions {
  /** Default: by the content type of the answer. */
  readonly as?: StreamFormat | undefined;
  /** Called once, before the first item. */
  readonly onResponse?: ((answer: Omit<FunctionResult, 'data'>) => void) | undefined;
}

export interface FetchInit extends RequestInit, Pick<DeadlineOptions, 'timeout'> {}

export interface Functions extends FunctionExecutions {
  /**
   * Calls a function with named parameters: as JSON, or as a form as soon as one of them is or holds a `File` or `Blob`.
   * A `FormData` is sent as it is.
   * @throws {FunctionError} when it answers with another status than 200–299
   * @throws {NetworkError | TimeoutError | AbortError} when no answer comes
   * @throws {TypeError} for data that is no object
   */
  invoke<Name extends TypedFunctionName>(
    name: Name,
    ...data: DataArguments<FunctionInput<Name>, InvokeOptions>
  ): Promise<FunctionResult<FunctionOutput<Name>>>;
  /** Who says the type of the output, `invoke<Output>(…)`, is believed, whatever is known of the function. */
  invoke<Output = never>(
    name: [Output] extends [never] ? UntypedFunctionName : FunctionName,
    data?: FunctionData,
    options?: InvokeOptions,
  ): Promise<FunctionResult<[Output] extends [never] ? unknown : Output>>;

  /**
   * Calls a function, or a path below it, with any method and body, and gives the native `Response`, whatever its status.
   * `timeout` bounds the time to the head of the answer.
   * @throws {NetworkError | TimeoutError | AbortError}
   */
  fetch(path: string, init?: FetchInit): Promise<Response>;

  /**
   * Calls a function like `invoke` and gives what it sends while it sends it: events, the values of JSON lines, or text.
   * The call begins with the first item; leaving the loop ends it.
   */
  stream<Name extends FunctionName>(
    name: Name,
    data: Sendable<FunctionInput<Name>> | undefined,
    options: StreamOptions & { readonly as: 'sse' },
  ): FunctionStream<ServerSentEvent>;
  stream<Name extends FunctionName>(
    name: Name,
    data: Sendable<FunctionInput<Name>> | undefined,
    options: StreamOptions & { readonly as: 'text' },
  ): FunctionStream<string>;
  stream<Name extends FunctionName>(
    name: Name,
    data: Sendable<FunctionInput<Name>> | undefined,
    options: StreamOptions & { readonly as: 'bytes' },
  ): FunctionStream<Uint8Array>;
  stream<Name extends TypedFunctionName>(name: Name, ...data: DataArguments<FunctionInput<Name>, StreamOptions>): FunctionStream<unknown>;
  stream<Item = unknown>(name: UntypedFunctionName, data?: FunctionData, options?: StreamOptions): FunctionStream<Item>;
}

export type FunctionStream<Item> = AsyncGenerator<Item, void, undefined>;

interface Call {
  readonly path: string;
  readonly init: RequestInit;
}

export function createFunctions(http: Http): Functions {
  const { project } = http.server;
  const root = project === undefined ? '/functions/' : `/api/apps/${project}/functions/`;

  /** What is wrong with a call is known before anything is sent. */
  function post(name: string, data: unknown, { headers: own, accept }: InvokeOptions & { accept: string }): Call {
    const path = root + encodeName(name);
    const payload = payloadOf(name, data);
    const headers = new Headers(own);
    if (!headers.has('accept')) headers.set('accept', accept);
    // Only the runtime knows the boundary of a form.
    if ('form' in payload) headers.delete('content-type');
    else if (!headers.has('content-type')) headers.set('content-type', 'application/json');
    return { path, init: { method: 'POST', headers, body: 'form' in payload ? payload.form : payload.json } };
  }

  async function invoke(name: string, data?: unknown, options: InvokeOptions = {}): Promise<FunctionResult> {
    const { path, init } = post(name, data, { ...options, accept: 'application/json, */*;q=0.5' });
    const deadline = startDeadline(options);
    try {
      return await readResult(name, await http.send(path, { ...init, signal: deadline.signal }));
    } catch (error) {
      throw deadline.explain(error, `invoke "${name}"`);
    } finally {
      deadline.end();
    }
  }

  async function open(name: string, { path, init }: Call, deadline: Deadline): Promise<Response> {
    try {
      const response = await http.send(path, { ...init, signal: deadline.signal });
      if (response.ok) return response;
      throw await functionError(name, response);
    } catch (error) {
      throw deadline.explain(error, `invoke "${name}"`);
    }
  }

  async function* stream(name: string, data?: unknown, options: StreamOptions = {}): FunctionStream<unknown> {
    const call = post(name, data, { ...options, accept: 'text/event-stream, application/x-ndjson, */*;q=0.5' });
    const deadline = startDeadline(options);
    try {
      const response = await open(name, call, deadline);
      const { status, headers } = response;
      options.onResponse?.({ status, headers, executionId: executionIdOf(response) });
      yield* explained(readStream(response, options.as ?? formatOf(headers.get('content-type') ?? '')), name, deadline);
    } finally {
      deadline.stop();
    }
  }

  return {
    ...createFunctionExecutions(http),
    invoke: invoke as Functions['invoke'],
    stream: stream as Functions['stream'],

    async fetch(path, { timeout, ...init } = {}) {
      const url = root + functionPath(path);
      const deadline = startDeadline({ signal: init.signal, timeout });
      try {
        // A body that is sent as a stream goes half duplex, and every runtime wants that said.
        const duplex = typeof ReadableStream !== 'undefined' && init.body instanceof ReadableStream ? { duplex: 'half' } : {};
        const response = await http.send(url, { ...init, ...duplex, signal: deadline.signal });
        deadline.endTimer();
        return response;
      } catch (error) {
        deadline.end();
        throw deadline.explain(error, `fetch "${path.split(/[?#]/, 1)[0]}"`);
      }
    },
  };
}

async function* explained(items: AsyncGenerator<unknown, void, undefined>, name: string, deadline: Deadline): FunctionStream<unknown> {
  try {
    yield* items;
  } catch (error) {
    throw deadline.explain(error, `read the stream of "${name}"`);
  }
}
