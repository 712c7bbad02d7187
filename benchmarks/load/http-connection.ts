/**
 * One keep-alive connection that has one request under way at a time. It reads no more of a reply than where it ends,
 * so that the generator costs as little as it can beside the server.
 */
import { connect, type Socket } from 'node:net';

export interface HttpConnection {
  /** Sends a whole request. `done` gets the status when its reply is complete, 0 when the connection broke. */
  send(request: Buffer, done: (status: number) => void): void;
  close(): void;
}

export interface RequestFacts {
  readonly method: 'GET' | 'POST';
  readonly path: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body?: string | undefined;
}

/** The bytes of a request. */
export function encodeRequest({ method, path, headers, body }: RequestFacts): Buffer {
  const content = body === undefined ? {} : { 'content-type': 'application/json', 'content-length': String(Buffer.byteLength(body)) };
  const lines = Object.entries({ host: '127.0.0.1', ...headers, ...content }).map(([name, value]) => `${name}: ${value}`);
  return Buffer.from(`${method} ${path} HTTP/1.1\r\n${lines.join('\r\n')}\r\n\r\n${body ?? ''}`);
}

export function openConnection(port: number): HttpConnection {
  let socket: Socket | undefined;
  let waiting: ((status: number) => void) | undefined;
  let received = Buffer.alloc(0);

  function settle(status: number): void {
    const done = waiting;
    waiting = undefined;
    received = Buffer.alloc(0);
    done?.(status);
  }
  function open(): Socket {
    const opened = connect({ port, host: '127.0.0.1', noDelay: true });
    opened.on('data', (chunk: Buffer) => {
      received = received.length === 0 ? Buffer.from(chunk) : Buffer.concat([received, chunk]);
      const status = completeStatus(received);
      if (status !== undefined) settle(status);
    });
    opened.on('error', () => opened.destroy());
    opened.on('close', () => {
      // A server may end a connection that was idle; the next request opens another.
      if (socket === opened) socket = undefined;
      settle(0);
    });
    return opened;
  }
  return {
    send(request, done) {
      waiting = done;
      socket ??= open();
      socket.write(request);
    },
    close() {
      waiting = undefined;
      socket?.destroy();
    },
  };
}

/** The status of a reply once it is complete: by its length, or by the last chunk. */
function completeStatus(reply: Buffer): number | undefined {
  const headEnd = reply.indexOf('\r\n\r\n');
  if (headEnd === -1) return undefined;
  const head = reply.toString('latin1', 0, headEnd);
  const status = Number(head.slice(9, 12));
  const length = /\r\ncontent-length: *(\d+)/i.exec(head)?.[1];
  if (length !== undefined) return reply.length >= headEnd + 4 + Number(length) ? status : undefined;
  const lastChunk = reply.subarray(Math.max(headEnd + 2, reply.length - 7)).toString('latin1');
  return lastChunk.endsWith('\r\n0\r\n\r\n') ? status : undefined;
}
