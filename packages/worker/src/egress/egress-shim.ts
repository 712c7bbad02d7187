/**
 * The way out of the sandbox for code that knows nothing of it: every TCP connection of the process is made to the
 * egress proxy's unix socket, and begins with an HTTP CONNECT that names the host. This is convenience, not the wall:
 * the kernel gives the sandbox no network, so what goes around this file reaches nothing.
 *
 * One patch serves all: `net.connect`, `tls.connect`, `node:http`, `fetch` and `WebSocket` all end in
 * `net.Socket.prototype.connect`, and TLS sockets inherit it. No name is resolved here; that is the proxy's part.
 */
import dns from 'node:dns';
import { syncBuiltinESMExports } from 'node:module';
import { Socket } from 'node:net';
import { failingLookup, failingLookupPromise } from './failing-lookup.ts';
import { handOver, hasOwnBuffer, prepareHandOver } from './hand-over.ts';
import { readConnectArguments } from './connect-target.ts';
import { openTunnel } from './tunnel.ts';

export interface EgressOptions {
  /** Unix socket of the proxy as seen from inside. */
  readonly socketPath: string;
  /** Tells the proxy who asks. */
  readonly token: string;
}

/** Node's own, whatever was installed over it. */
const connectDirectly = Socket.prototype.connect;

/**
 * Sends every new TCP connection through the proxy; sockets with a `path` are left alone.
 * A refused connection ends in an error with the code of the proxy (`EGRESS_DENIED`, `ECONNREFUSED`, `ENOTFOUND`, …).
 * @returns undoes it
 */
export function installEgress(options: EgressOptions): () => void {
  prepareHandOver();
  const { lookup } = dns;
  const lookupPromise = dns.promises.lookup;
  replaceConnect(function connect(this: Socket, ...args: unknown[]): Socket {
    const { target, path, onConnect } = readConnectArguments(args);
    if (target === undefined || path !== undefined) return Reflect.apply(connectDirectly, this, args);
    if (onConnect !== undefined) this.once('connect', onConnect);
    connectThroughProxy(this, target, options);
    return this;
  });
  replaceLookup(failingLookup(lookup), failingLookupPromise(lookupPromise));
  return () => {
    replaceConnect(connectDirectly);
    replaceLookup(lookup, lookupPromise);
  };
}

function connectThroughProxy(socket: Socket, target: { host: string; port: number }, options: EgressOptions): void {
  prepareHandOver(socket);
  const tunnel = openTunnel({
    ...target,
    ...options,
    exact: hasOwnBuffer(socket),
    dial: (raw, path) => Reflect.apply(connectDirectly, raw, [{ path }]),
    onOpen(raw, firstBytes) {
      socket.off('close', abandon);
      handOver(raw, socket, firstBytes);
    },
    onError(error) {
      socket.off('close', abandon);
      socket.destroy(error);
    },
  });
  const abandon = (): void => {
    tunnel.destroy();
  };
  socket.once('close', abandon);
}

function replaceConnect(value: unknown): void {
  Object.defineProperty(Socket.prototype, 'connect', { value, writable: true, configurable: true, enumerable: true });
}

function replaceLookup(lookup: typeof dns.lookup, promise: typeof dns.promises.lookup): void {
  dns.lookup = lookup;
  dns.promises.lookup = promise;
  // Code that is an ES module imports the name, not the object.
  syncBuiltinESMExports();
}
