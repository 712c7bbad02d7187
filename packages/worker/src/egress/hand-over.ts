/**
 * Moves an open connection from one socket object to another, so that a program's own socket (plain or TLS) goes on
 * where the tunnel has ended. It uses what Node itself uses when it tries the next address of a host: a socket can be
 * given a new handle while it is connecting. Copying bytes between two sockets instead would cost every function two
 * more stream stages, and TLS its fast path in C++.
 */
// oxlint-disable no-underscore-dangle -- these are Node's names
import { Socket } from 'node:net';

interface Handle {
  reading: boolean;
  readStop(): number;
  /** TLS only: bytes that were read before it was in charge. */
  receive?(bytes: Buffer): void;
}

/** The part of a socket that Node does not document. */
interface SocketInternals {
  _handle: Handle | null;
  connecting: boolean;
  _unrefTimer(): void;
  _undestroy(): void;
  [key: symbol]: unknown;
}

const REINITIALIZE = Object.getOwnPropertySymbols(Socket.prototype).find((symbol) => symbol.description === 'kReinitializeHandle');

/**
 * Puts a socket into the state of connecting, without a connection.
 * @throws {Error} when this Node does not have what a hand-over needs
 */
export function prepareHandOver(socket?: Socket): void {
  if (REINITIALIZE === undefined)
    throw new Error(`Cannot install the way out: Node ${process.version} cannot give a new handle to a socket`);
  if (socket === undefined) return;
  const inner = internals(socket);
  // A socket that was closed may connect anew, as with Node's own connect().
  if (socket.destroyed) {
    inner._handle = null;
    inner._undestroy();
  }
  inner._unrefTimer();
  inner.connecting = true;
}

/** Ends the state of connecting: `to` owns the connection of `from`, and tells its listeners. */
export function handOver(from: Socket, to: Socket, firstBytes: Buffer): void {
  const source = internals(from);
  const target = internals(to);
  const handle = source._handle;
  if (handle === null || to.destroyed || REINITIALIZE === undefined) {
    from.destroy();
    return;
  }
  handle.readStop();
  handle.reading = false;
  source._handle = null;
  from.destroy();
  giveHandle(target, handle, REINITIALIZE);
  target.connecting = false;
  target._unrefTimer();
  to.emit('connect');
  to.emit('ready');
  if (to.destroyed) return;
  if (firstBytes.length > 0) feed(to, target._handle, firstBytes);
  if (to.readable && !to.isPaused()) to.read(0);
}

/** A new handle also resets the state of the streams, which would forget an `end()` that was called while connecting. */
function giveHandle(target: SocketInternals, handle: Handle, reinitialize: symbol): void {
  Object.defineProperty(target, '_undestroy', { value: () => undefined, configurable: true });
  try {
    (target[reinitialize] as (handle: Handle) => void).call(target, handle);
  } finally {
    Reflect.deleteProperty(target, '_undestroy');
  }
}

function feed(socket: Socket, handle: Handle | null, bytes: Buffer): void {
  if (handle?.receive === undefined) socket.push(bytes);
  else handle.receive(bytes);
}

/** Whether the program reads into a buffer of its own (`onread`), past the stream that other bytes could be put into. */
export function hasOwnBuffer(socket: Socket): boolean {
  const inner = internals(socket);
  return Object.getOwnPropertySymbols(socket).some((symbol) => symbol.description === 'kBuffer' && Boolean(inner[symbol]));
}

function internals(socket: Socket): SocketInternals {
  return socket as unknown as SocketInternals;
}
