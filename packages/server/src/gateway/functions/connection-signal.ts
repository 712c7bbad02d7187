/**
 * Tells an execution that its caller has gone away. One listener per connection serves all its requests: a listener for
 * each response costs half a microsecond, mostly in taking it off again.
 */
import type { Socket } from 'node:net';
import type { CallerSignal } from '../../services/invoke/invocation.ts';
import type { LeanResponse } from './lean-http.ts';

const LATEST = Symbol('latest request');
type TrackedSocket = Socket & { [LATEST]?: ConnectionSignal };

/** Aborts when the connection closes before the response is out. */
export function signalOf(socket: TrackedSocket, response: LeanResponse): CallerSignal {
  const earlier = socket[LATEST];
  if (earlier === undefined) socket.on('close', () => socket[LATEST]?.abort());
  // Only a caller that pipelines has another request open; a finished one must not be kept alive by the next.
  const signal = new ConnectionSignal(response, earlier?.isOpen === true ? earlier : undefined);
  socket[LATEST] = signal;
  return signal;
}

class ConnectionSignal implements CallerSignal {
  aborted = false;
  readonly #response: LeanResponse;
  readonly #earlier: ConnectionSignal | undefined;
  #listener: (() => void) | undefined;

  constructor(response: LeanResponse, earlier: ConnectionSignal | undefined) {
    this.#response = response;
    this.#earlier = earlier;
  }

  get isOpen(): boolean {
    return !this.#response.isOut;
  }

  abort(): void {
    this.#earlier?.abort();
    if (this.aborted || !this.isOpen) return;
    this.aborted = true;
    this.#listener?.();
  }

  /** There is one listener: the execution. */
  addEventListener(_type: 'abort', listener: () => void): void {
    this.#listener = listener;
  }
}
