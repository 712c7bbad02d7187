/** A worker as the server knows it: a process of its own, spoken to in frames over its fd 3. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import type { Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  FRAME_HEADER_BYTES,
  FrameReader,
  FrameType,
  readLog,
  WORKER_FRAME_BYTES_MAX,
  writeLoad,
  type LoadMessage,
} from '@martlet/protocol/frames';
import { bundleWorker } from '../../src/bundle.ts';

interface Frame {
  readonly type: number;
  readonly stream: number;
  readonly payload: Buffer;
}

export interface WorkerProcess {
  /** Sends all of them in one write, so that they arrive in one chunk. */
  send(...frames: Buffer[]): void;
  /** Resolves when so many frames of a type are there. */
  until(type: FrameType, count: number): Promise<void>;
  /** Frames of a type, by stream. */
  of(type: FrameType): Map<number, Buffer>;
  logs(stream: number): string[];
  stop(): Promise<void>;
}

export async function startWorkerProcess(): Promise<WorkerProcess> {
  const folder = await mkdtemp(join(tmpdir(), 'martlet-worker-'));
  const file = join(folder, 'worker.cjs');
  await bundleWorker(file);
  const child = spawn(process.execPath, [file], { cwd: folder, env: {}, stdio: ['ignore', 'inherit', 'inherit', 'pipe'] });
  const wall = child.stdio[3] as Socket;
  const frames: Frame[] = [];
  let wake = (): void => undefined;
  const reader = new FrameReader(WORKER_FRAME_BYTES_MAX, (type, stream, payload) => {
    frames.push({ type, stream, payload: Buffer.from(payload) });
  });
  wall.on('data', (bytes: Buffer) => {
    reader.push(bytes);
    wake();
  });
  return {
    send: (...sent) => void wall.write(Buffer.concat(sent)),
    async until(type, count) {
      while (frames.filter((frame) => frame.type === type).length < count) await new Promise<void>((resolve) => (wake = resolve));
    },
    of: (type) => new Map(frames.filter((frame) => frame.type === type).map(({ stream, payload }) => [stream, payload])),
    logs: (stream) =>
      frames.filter((frame) => frame.type === FrameType.log && frame.stream === stream).map(({ payload }) => readLog(payload).text),
    async stop() {
      child.kill('SIGKILL');
      await once(child, 'close');
      await rm(folder, { recursive: true, force: true });
    },
  };
}

export function frameOf(type: FrameType, stream: number, payload: Uint8Array = new Uint8Array(0)): Buffer {
  const header = Buffer.alloc(FRAME_HEADER_BYTES);
  header.writeUInt32LE(payload.length, 0);
  header.writeUInt32LE(stream, 4);
  header[8] = type;
  return Buffer.concat([header, payload]);
}

export function loadFrame(code: string): Buffer {
  const [sourceMap, codeCache] = [Buffer.alloc(0), Buffer.alloc(0)];
  return frameOf(FrameType.load, 0, writeLoad({ message, code: Buffer.from(code), sourceMap, codeCache }));
}

const message: LoadMessage = {
  projectId: 'p',
  functionId: 'f',
  functionName: 'f',
  deploymentId: 'd',
  format: 'bundle',
  entrypoint: '',
  treeRoot: '',
  env: {},
  logging: true,
  logBytes: 1_000_000,
  logLineBytes: 8000,
  requestBodyBytes: 1_000_000,
  egress: undefined,
};
