/** Copies bytes between two sockets until both directions have ended or one of them breaks. */
import type { Socket } from 'node:net';
import type { Count } from './thread-messages.ts';

export interface SpliceOptions {
  readonly idleTimeoutMs: number;
  readonly count: Count;
  /** Called once, when nothing of the connection is left. */
  readonly closed: () => void;
}

const NOTHING = Buffer.alloc(0);

/** `client` is the side of the function. Returns what cuts the connection at once. */
export function splice(client: Socket, upstream: Socket, { idleTimeoutMs, count, closed }: SpliceOptions): () => void {
  let open = 2;
  const cut = () => {
    client.destroy();
    upstream.destroy();
  };
  const sideClosed = (other: Socket) => () => {
    // After both directions ended the other side still flushes; otherwise nothing can reach anyone any longer.
    if (!other.writableEnded) other.destroy();
    open -= 1;
    if (open === 0) closed();
  };
  for (const socket of [client, upstream]) {
    socket.on('error', cut);
    socket.setTimeout(idleTimeoutMs, cut);
  }
  client.on('close', sideClosed(upstream));
  upstream.on('close', sideClosed(client));
  client.on('data', (chunk: Buffer) => count('bytesOut', chunk.length));
  upstream.on('data', (chunk: Buffer) => count('bytesIn', chunk.length));
  // A client that went away looks like one that has finished sending. Writing nothing tells them apart: the kernel
  // answers EPIPE when nobody is left to read, and the upstream is then closed at once and not when it next speaks.
  client.on('end', () => {
    if (client.writable) client.write(NOTHING);
  });
  client.pipe(upstream);
  upstream.pipe(client);
  return cut;
}
