/** `Deno.serve`: remembers the handler instead of listening; the platform is the listener. */

export interface DenoServeInfo {
  readonly remoteAddr: { readonly transport: 'tcp'; readonly hostname: string; readonly port: number };
  /** Settles when the execution has ended. */
  readonly completed: Promise<void>;
}

export type DenoHandler = (request: Request, info?: unknown) => unknown;

interface ServeOptions {
  readonly handler?: unknown;
  readonly onListen?: unknown;
  readonly onError?: unknown;
  readonly hostname?: unknown;
  readonly port?: unknown;
  readonly signal?: unknown;
}

interface Address {
  readonly transport: 'tcp';
  readonly hostname: string;
  readonly port: number;
}

interface DenoServer {
  readonly finished: Promise<void>;
  readonly addr: Address;
  shutdown(): Promise<void>;
  ref(): void;
  unref(): void;
  [Symbol.asyncDispose](): Promise<void>;
}

const DEFAULT_PORT = 8000;

/** The second argument of a handler. The port of a client is not known behind the platform. */
export function denoServeInfo(clientIp: string, completed: Promise<void>): DenoServeInfo {
  return { remoteAddr: { transport: 'tcp', hostname: clientIp, port: 0 }, completed };
}

/** Makes `Deno.serve` in its three forms: `(handler)`, `(options, handler)`, `({ handler })`. */
export function createServe(register: (handler: DenoHandler) => void): (first: unknown, second?: unknown) => DenoServer {
  return (first, second) => {
    const options: ServeOptions = typeof first === 'object' && first !== null ? first : {};
    const handler = [first, second, options.handler].find(isHandler);
    if (handler === undefined) throw new TypeError('Cannot serve: Deno.serve needs a handler function');
    register(isHandler(options.onError) ? withOnError(handler, options.onError) : handler);
    return createServer(options);
  };
}

function createServer(options: ServeOptions): DenoServer {
  const addr: Address = {
    transport: 'tcp',
    hostname: typeof options.hostname === 'string' ? options.hostname : '0.0.0.0',
    port: typeof options.port === 'number' ? options.port : DEFAULT_PORT,
  };
  const { promise: finished, resolve } = Promise.withResolvers<void>();
  const shutdown = async (): Promise<void> => resolve();
  if (options.signal instanceof AbortSignal) options.signal.addEventListener('abort', shutdown, { once: true });
  // Deno tells of the address after serve() has returned.
  const { onListen } = options;
  if (typeof onListen === 'function') queueMicrotask(() => Reflect.apply(onListen, undefined, [addr]));
  return { finished, addr, shutdown, ref: () => undefined, unref: () => undefined, [Symbol.asyncDispose]: shutdown };
}

function withOnError(handler: DenoHandler, onError: (error: unknown) => unknown): DenoHandler {
  return async (request, info) => {
    try {
      return await handler(request, info);
    } catch (error) {
      return await onError(error);
    }
  };
}

function isHandler(value: unknown): value is (...values: unknown[]) => unknown {
  return typeof value === 'function';
}
