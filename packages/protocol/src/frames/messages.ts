/** Frames whose payload is JSON or text: they are rare, so clarity wins. */
import { logLevels, type LogLevel, type LogLine } from '../execution.ts';
import { FrameError } from './frame-reader.ts';

/** Facts that turn a blank into the worker of one deployment. Travels as JSON in front of code and cache. */
export interface LoadMessage {
  readonly projectId: string;
  readonly functionId: string;
  readonly functionName: string;
  readonly deploymentId: string;
  /** `bundle`: one CommonJS script in the frame. `module`: one ES module in the frame. `tree`: `<treeRoot>/<entrypoint>` on disk. */
  readonly format: 'bundle' | 'module' | 'tree';
  readonly entrypoint: string;
  /** Where the tree is mounted; empty unless the format is `tree`. */
  readonly treeRoot: string;
  readonly env: Readonly<Record<string, string>>;
  readonly logging: boolean;
  readonly logBytes: number;
  readonly logLineBytes: number;
  readonly requestBodyBytes: number;
  /** Address of the egress proxy inside the sandbox, and the token that tells it who asks; undefined: no way out. */
  readonly egress: { readonly socketPath: string; readonly token: string } | undefined;
}

/** Lengths of the parts that follow the JSON of a load frame. */
interface LoadParts {
  readonly message: LoadMessage;
  readonly code: Buffer;
  readonly sourceMap: Buffer;
  readonly codeCache: Buffer;
}

export function writeLoad({
  message,
  code,
  sourceMap,
  codeCache,
}: {
  message: LoadMessage;
  code: Uint8Array;
  sourceMap: Uint8Array;
  codeCache: Uint8Array;
}): Buffer {
  const json = Buffer.from(JSON.stringify(message));
  const lengths = Buffer.allocUnsafe(16);
  [json, code, sourceMap, codeCache].forEach((part, index) => lengths.writeUInt32LE(part.length, index * 4));
  return Buffer.concat([lengths, json, code, sourceMap, codeCache]);
}

export function readLoad(payload: Buffer): LoadParts {
  let at = 16;
  const next = (index: number): Buffer => {
    const length = payload.readUInt32LE(index * 4);
    at += length;
    return Buffer.from(payload.subarray(at - length, at));
  };
  return { message: JSON.parse(next(0).toString()) as LoadMessage, code: next(1), sourceMap: next(2), codeCache: next(3) };
}

/** Ways in which an execution fails inside a worker that lives on. */
export const failureKinds = ['threw', 'no_response', 'response_invalid', 'load_failed', 'body_too_large'] as const;

export interface LoadedMessage {
  /** Which shape the handler has. */
  readonly handler: 'request' | 'fetch' | 'deno' | 'appwrite';
  /** True when V8 refused the cache; it is then made anew. */
  readonly cacheRejected: boolean;
  readonly loadMs: number;
}

export interface FailureMessage {
  readonly kind: (typeof failureKinds)[number];
  readonly name: string;
  readonly message: string;
  /** Source-mapped; for the record only, never for a caller. */
  readonly stack: string;
}

export const writeJson = (message: LoadedMessage | FailureMessage): Buffer => Buffer.from(JSON.stringify(message));

/** Log payload: u8 level · u8 stream · f64 time · text. */
export function writeLog(line: LogLine): Buffer {
  const text = Buffer.from(line.text);
  const payload = Buffer.allocUnsafe(10 + text.length);
  payload[0] = logLevels.indexOf(line.level);
  payload[1] = line.stream === 'errors' ? 1 : 0;
  payload.writeDoubleLE(line.time, 2);
  text.copy(payload, 10);
  return payload;
}

/** @throws {FrameError} */
export function readLog(payload: Buffer): LogLine {
  const level: LogLevel | undefined = logLevels[payload[0] as number];
  if (payload.length < 10 || level === undefined) throw new FrameError('Cannot read a log line: it has not the agreed form');
  const time = payload.readDoubleLE(2);
  return {
    level,
    stream: payload[1] === 1 ? 'errors' : 'logs',
    time: Number.isFinite(time) ? time : 0,
    text: payload.toString('utf8', 10),
  };
}
