/** How the proxy says no: a status, one sentence, and the end of the connection. */
import { STATUS_CODES } from 'node:http';
import type { Duplex } from 'node:stream';

export interface Refusal {
  readonly status: 400 | 403 | 407 | 429 | 502 | 504;
  /** One sentence with the host, the resolved address where there is one, and the reason. */
  readonly reason: string;
  /** Code of the system call that failed, e.g. `ECONNREFUSED`; only with 502 and 504. */
  readonly code?: string;
}

const REASON_LENGTH_MAX = 500;
/** How long a client may take to read why it was refused. */
const LINGER_MS = 1000;

export function writeRefusal(socket: Duplex, refusal: Refusal): void {
  const lines = [
    `HTTP/1.1 ${refusal.status} ${STATUS_CODES[refusal.status]}`,
    `x-martlet-reason: ${asHeaderValue(refusal.reason)}`,
    ...(refusal.code === undefined ? [] : [`x-martlet-code: ${asHeaderValue(refusal.code)}`]),
    'content-length: 0',
    'connection: close',
  ];
  socket.on('error', () => socket.destroy());
  // What the client still sends is drained: closing with unread bytes would reset the connection under the answer.
  socket.resume();
  socket.end(`${lines.join('\r\n')}\r\n\r\n`);
  const timer = setTimeout(() => socket.destroy(), LINGER_MS);
  socket.once('close', () => clearTimeout(timer));
}

/** Hosts come from functions and resolvers: a line break in one of them would be a header of its own. */
export function asHeaderValue(text: string): string {
  return text.replaceAll(/[^\u0020-\u007e]/g, '?').slice(0, REASON_LENGTH_MAX);
}
