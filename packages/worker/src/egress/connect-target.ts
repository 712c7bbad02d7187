/** Reads the many forms of `socket.connect(…)` as Node does, and checks what will stand in the head of a CONNECT. */
import { isIPv6 } from 'node:net';
import { domainToASCII } from 'node:url';

export interface ConnectArguments {
  /** Where to over TCP; undefined when the call is for Node to judge: a path, or nothing at all. */
  readonly target: { readonly host: string; readonly port: number } | undefined;
  readonly path: string | undefined;
  readonly onConnect: (() => void) | undefined;
}

interface ConnectOptions {
  readonly host?: unknown;
  readonly port?: unknown;
  readonly path?: unknown;
}

/** @throws {RangeError} for a port that is none, like Node */
export function readConnectArguments(args: readonly unknown[]): ConnectArguments {
  // `net.connect()` hands over arguments that it has normalised: one array of options and listener.
  const list: readonly unknown[] = Array.isArray(args[0]) ? args[0] : args;
  const options = readOptions(list);
  const listener = list.findLast((value) => typeof value === 'function');
  const onConnect = listener === undefined ? undefined : (listener as () => void);
  if (typeof options.path === 'string' && options.path !== '') return { target: undefined, path: options.path, onConnect };
  if (options.port === undefined) return { target: undefined, path: undefined, onConnect };
  const host = typeof options.host === 'string' && options.host !== '' ? options.host : 'localhost';
  return { target: { host, port: readPort(options.port) }, path: undefined, onConnect };
}

/** The `host:port` of a CONNECT. Undefined for a host that cannot be one, so that no line break gets into the head. */
export function authority({ host, port }: { host: string; port: number }): string | undefined {
  if (isIPv6(host)) return `[${host}]:${port}`;
  const ascii = domainToASCII(host);
  return ascii === '' ? undefined : `${ascii}:${port}`;
}

function readOptions(list: readonly unknown[]): ConnectOptions {
  const [first, second] = list;
  if (typeof first === 'object' && first !== null) return first;
  const isPath = typeof first === 'string' && !(Number(first) >= 0);
  return isPath ? { path: first } : { port: first, host: typeof second === 'string' ? second : undefined };
}

function readPort(value: unknown): number {
  const port = typeof value === 'number' || (typeof value === 'string' && value.trim() !== '') ? Number(value) : Number.NaN;
  if (Number.isInteger(port) && port >= 0 && port <= 65_535) return port;
  throw Object.assign(new RangeError(`Port should be >= 0 and < 65536. Received ${String(value)}.`), { code: 'ERR_SOCKET_BAD_PORT' });
}
