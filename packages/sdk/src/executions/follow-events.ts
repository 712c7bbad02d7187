/** Server-sent events of the control API over as many connections as it takes. */
import { ApiError, NetworkError } from '../errors.ts';
import { readStream } from '../streams/read-stream.ts';
import type { ServerSentEvent } from '../streams/sse-parser.ts';
import type { Http } from '../transport/http.ts';
import { pause } from '../transport/pause.ts';

export interface FollowOptions {
  readonly path: string;
  readonly query?: Readonly<Record<string, unknown>> | undefined;
  readonly signal: AbortSignal | undefined;
  /** Called before the first event of each connection. */
  readonly onOpen: () => void;
}

/** Waits between attempts; each event that comes begins the row anew. */
const WAITS_MS = [250, 500, 1000, 2000, 4000, 8000];

/**
 * Does not end by itself: who takes the events knows which is the last.
 * @throws {ApiError} when the server refuses
 * @throws {NetworkError} when it cannot be reached again and again
 */
export async function* followEvents(http: Http, options: FollowOptions): AsyncGenerator<ServerSentEvent, void, undefined> {
  const { path, signal } = options;
  for (let failures = 0; ; failures += 1) {
    try {
      for await (const event of connect(http, options)) {
        failures = 0;
        yield event;
      }
      // Only a server that goes down ends such a stream before its last event.
      throw new NetworkError(`Cannot follow ${path}: the server ended the stream.`);
    } catch (error) {
      const wait = WAITS_MS[failures];
      if (signal?.aborted === true || wait === undefined || !mayPass(error)) throw error;
      await pause(wait, signal);
    }
  }
}

async function* connect(http: Http, { path, query, signal, onOpen }: FollowOptions): AsyncGenerator<ServerSentEvent, void, undefined> {
  const { response, deadline } = await http.openApi('GET', path, { query, signal, headers: { accept: 'text/event-stream' } });
  try {
    onOpen();
    yield* readStream(response, 'sse') as AsyncGenerator<ServerSentEvent, void, undefined>;
  } catch (error) {
    throw deadline.explain(error, `follow ${path}`);
  } finally {
    deadline.stop();
  }
}

function mayPass(error: unknown): boolean {
  return error instanceof NetworkError || (error instanceof ApiError && (error.status >= 500 || error.status === 429));
}
