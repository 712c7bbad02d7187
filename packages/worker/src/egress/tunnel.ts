/** One connection to the egress proxy: sends the CONNECT, reads the answer, and says what became of it. */
import { Socket } from 'node:net';
import { authority } from './connect-target.ts';

/** An answer is a status line and two headers; more than this is not from our proxy. */
const ANSWER_BYTES_MAX = 8192;
const STATUS = /^HTTP\/1\.[01] (\d{3})(?: |\r\n)/;
const ERROR_CODE = /^[A-Z][A-Z0-9_]{1,40}$/;

export interface TunnelOptions {
  readonly host: string;
  readonly port: number;
  readonly socketPath: string;
  readonly token: string;
  /** Reads not a byte more than the answer of the proxy: slower, for sockets that can be given none from elsewhere. */
  readonly exact: boolean;
  /** Connects a socket to a path with Node's own `connect`. */
  readonly dial: (socket: Socket, path: string) => void;
  /** The way is open; `firstBytes` of the other side came together with the answer, often none. */
  readonly onOpen: (socket: Socket, firstBytes: Buffer) => void;
  readonly onError: (error: Error) => void;
}

export interface Tunnel {
  /** Gives up; neither callback is called after it. */
  destroy(): void;
}

export function openTunnel(options: TunnelOptions): Tunnel {
  const socket = new Socket(options.exact ? { onread: oneByteAtATime((byte) => onData(byte)) } : {});
  const name = authority(options);
  let answer: Buffer = Buffer.alloc(0);
  const fail = (reason: string, code: string): void => {
    close();
    options.onError(connectError(options, reason, code));
  };
  const onData = (chunk: Buffer): void => {
    answer = answer.length === 0 ? chunk : Buffer.concat([answer, chunk]);
    const end = answer.indexOf('\r\n\r\n');
    if (end === -1) {
      if (answer.length > ANSWER_BYTES_MAX) fail('the egress proxy gave an answer that is not understood', 'EPROTO');
      return;
    }
    const refusal = readRefusal(answer.toString('latin1', 0, end + 2));
    if (refusal !== undefined) {
      fail(refusal.reason, refusal.code);
      return;
    }
    socket.removeAllListeners();
    options.onOpen(socket, answer.subarray(end + 4));
  };
  const close = (): void => {
    socket.removeAllListeners();
    // Its own errors are of no interest any more, but an 'error' without a listener would end the process.
    socket.on('error', () => undefined);
    socket.destroy();
  };
  socket.on('data', onData);
  socket.on('error', (error: NodeJS.ErrnoException) =>
    fail(`the egress proxy cannot be reached (${error.code ?? error.message})`, 'EGRESS_UNREACHABLE'),
  );
  socket.on('end', () => fail('the egress proxy closed the connection', 'ECONNRESET'));
  if (name === undefined) {
    process.nextTick(fail, 'the host is not a valid name', 'ENOTFOUND');
  } else {
    options.dial(socket, options.socketPath);
    socket.write(`CONNECT ${name} HTTP/1.1\r\nHost: ${name}\r\nProxy-Authorization: Bearer ${options.token}\r\n\r\n`, 'latin1');
  }
  return { destroy: close };
}

/** The bytes after the last one asked for stay in the kernel. Reading stops when the socket is handed over or closed. */
function oneByteAtATime(onByte: (byte: Buffer) => void): { buffer: Buffer; callback: (count: number, buffer: Uint8Array) => boolean } {
  return {
    buffer: Buffer.alloc(1),
    callback(count, buffer) {
      onByte(Buffer.from(buffer.subarray(0, count)));
      return true;
    },
  };
}

function readRefusal(head: string): { reason: string; code: string } | undefined {
  const status = STATUS.exec(head)?.[1];
  if (status === '200') return undefined;
  if (status === undefined) return { reason: 'the egress proxy gave an answer that is not understood', code: 'EPROTO' };
  const code = header(head, 'x-martlet-code');
  const fallback = status === '504' ? 'ETIMEDOUT' : 'EGRESS_DENIED';
  return {
    // The sentence of the proxy names the host as ours does; once is enough.
    reason: header(head, 'x-martlet-reason')?.replace(/^Cannot reach \S+: /, '') ?? `the egress proxy answered ${status}`,
    code: code !== undefined && ERROR_CODE.test(code) ? code : fallback,
  };
}

function header(head: string, name: string): string | undefined {
  const line = head.split('\r\n').find((text) => text.toLowerCase().startsWith(`${name}:`));
  return line?.slice(name.length + 1).trim();
}

/** In the form of Node's own connection errors, so that what handles those handles these. */
function connectError({ host, port }: TunnelOptions, reason: string, code: string): Error {
  const error = new Error(`Cannot connect to ${host}:${port}: ${reason}`);
  return Object.assign(error, { code, syscall: 'connect', host, port });
}
