/**
 * Dials several addresses of one name as RFC 8305 advises: the next one starts a moment after the former, or at once
 * when the former fails; the first that connects wins. Every address here was checked before.
 */
import type { Socket } from 'node:net';
import type { Endpoint } from './thread-messages.ts';

/** Starts to connect to an address literal, and returns the socket before it is connected. */
export type Dial = (endpoint: Endpoint) => Socket;

const NEXT_ADDRESS_MS = 250;

/** Resolves with a connected socket. Rejects with the last error, or with the signal's reason when it aborts. */
export function dialFirst(endpoints: readonly Endpoint[], dial: Dial, signal: AbortSignal): Promise<Socket> {
  const { promise, resolve, reject } = Promise.withResolvers<Socket>();
  const waiting = [...endpoints];
  const dialled = new Set<Socket>();
  let next: NodeJS.Timeout | undefined;

  function settle(winner?: Socket): void {
    clearTimeout(next);
    signal.removeEventListener('abort', abort);
    waiting.length = 0;
    for (const socket of dialled) if (socket !== winner) socket.destroy();
    dialled.clear();
  }
  function abort(): void {
    settle();
    reject(signal.reason);
  }
  function dialNext(): void {
    clearTimeout(next);
    const endpoint = waiting.shift();
    if (endpoint === undefined) return;
    const socket = dial(endpoint);
    dialled.add(socket);
    socket.once('connect', () => {
      if (!dialled.has(socket)) return;
      settle(socket);
      resolve(socket);
    });
    // Stays for good: a socket that lost or was cut may still report an error, and nobody is left to hear it.
    socket.on('error', (error) => {
      if (!dialled.delete(socket)) return;
      if (waiting.length > 0) return dialNext();
      if (dialled.size > 0) return;
      settle();
      reject(error);
    });
    if (waiting.length > 0) next = setTimeout(dialNext, NEXT_ADDRESS_MS);
  }

  if (signal.aborted) abort();
  else {
    signal.addEventListener('abort', abort, { once: true });
    dialNext();
  }
  return promise;
}
