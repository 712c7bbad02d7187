/** Turns what is written to a standard stream into lines. A line without its end waits for the rest of it. */
import { StringDecoder } from 'node:string_decoder';
import { createConsoleStates } from './console-state.ts';

/** A program that never ends its line must not fill the memory. */
const PENDING_MAX = 65_536;

export interface StreamCapture {
  /** Whether anything was ever written; most functions leave the standard streams alone, and need no flush. */
  readonly used: boolean;
  /** Stands in for `stream.write`. */
  readonly write: (chunk: unknown, encoding?: unknown, callback?: unknown) => boolean;
  /** Writes what is left of a scope's last line. */
  flush(scope: object | undefined): void;
}

interface Pending {
  readonly decoder: StringDecoder;
  text: string;
}

export function createStreamCapture(writeLine: (line: string) => void, scope: () => object | undefined): StreamCapture {
  const pendingOf = createConsoleStates<Pending>(() => ({ decoder: new StringDecoder('utf8'), text: '' }));
  let used = false;
  return {
    get used() {
      return used;
    },
    write(chunk, encoding, callback) {
      used = true;
      const pending = pendingOf(scope());
      const lines = (pending.text + decode(chunk, encoding, pending.decoder)).split('\n');
      pending.text = lines.pop() ?? '';
      for (const line of lines) writeLine(line.endsWith('\r') ? line.slice(0, -1) : line);
      if (pending.text.length > PENDING_MAX) {
        writeLine(pending.text);
        pending.text = '';
      }
      const done = typeof encoding === 'function' ? encoding : callback;
      if (typeof done === 'function') process.nextTick(done);
      return true;
    },
    flush(of) {
      const pending = pendingOf(of);
      const rest = pending.text + pending.decoder.end();
      pending.text = '';
      if (rest !== '') writeLine(rest);
    },
  };
}

/** @throws {TypeError} like a stream does for what is neither text nor bytes */
function decode(chunk: unknown, encoding: unknown, decoder: StringDecoder): string {
  if (typeof chunk === 'string') {
    return typeof encoding === 'string' && Buffer.isEncoding(encoding) ? decoder.write(Buffer.from(chunk, encoding)) : chunk;
  }
  if (ArrayBuffer.isView(chunk)) return decoder.write(Buffer.from(chunk.buffer, chunk.byteOffset, chunk.byteLength));
  throw Object.assign(new TypeError('The "chunk" argument must be of type string or an instance of Buffer, TypedArray, or DataView.'), {
    code: 'ERR_INVALID_ARG_TYPE',
  });
}
