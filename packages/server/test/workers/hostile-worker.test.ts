/** The server's side of the wall against a worker that breaks every rule it can without breaking the form of a frame. */
import { duplexPair, type Duplex } from 'node:stream';
import { FRAME_HEADER_BYTES, FrameType, FrameWriter, layOutResponse, writeLog, type RequestHead } from '@martlet/protocol/frames';
import { describe, expect, test } from 'vitest';
import type { SandboxExit, SandboxProcess } from '../../src/ports/sandbox.ts';
import { Worker } from '../../src/services/workers/worker.ts';
import { RunningExecution } from '../../src/services/invoke/running-execution.ts';

function fakeProcess(): { process: SandboxProcess; inside: Duplex; exit: (exit?: Partial<SandboxExit>) => void; killed: () => boolean } {
  const [outside, inside] = duplexPair();
  let exited: (exit: SandboxExit) => void = () => undefined;
  let killed = false;
  const done = new Promise<SandboxExit>((resolve) => (exited = resolve));
  const exit = (how: Partial<SandboxExit> = {}): void => exited({ exitCode: 0, signal: null, outOfMemory: false, ...how });
  return {
    inside,
    exit,
    killed: () => killed,
    process: {
      pid: 1,
      channel: outside,
      egressSocketInside: undefined,
      treeInside: undefined,
      stderr: () => '',
      exited: done,
      setMemoryLimit: () => undefined,
      memoryBytes: () => 0,
      kill() {
        killed = true;
        setTimeout(exit, 5);
      },
    },
  };
}
const nobody = { onLoaded: () => undefined, onCodeCache: () => undefined, onIdleChange: () => undefined, onDead: () => undefined };
const head: RequestHead = {
  executionId: 'e',
  token: 't',
  trigger: 'http',
  method: 'GET',
  url: 'http://x/',
  clientIp: '',
  userId: '',
  userToken: '',
  event: '',
  platformUrl: '',
  timeoutMs: 1000,
  headers: [],
};
const turn = (ms = 20) => new Promise((resolve) => setTimeout(resolve, ms));
function frame(type: number, stream: number, payload: Uint8Array = new Uint8Array(0)): Buffer {
  const bytes = Buffer.alloc(FRAME_HEADER_BYTES + payload.length);
  bytes.writeUInt32LE(payload.length, 0);
  bytes.writeUInt32LE(stream, 4);
  bytes[8] = type;
  bytes.set(payload, FRAME_HEADER_BYTES);
  return bytes;
}
function live() {
  const fake = fakeProcess();
  const caches: number[] = [];
  const worker = new Worker(fake.process, { ...nobody, onCodeCache: (_w, b) => caches.push(b.length) });
  fake.inside.resume();
  fake.inside.write(frame(FrameType.ready, 0));
  return { ...fake, worker, caches };
}
const gc = () => {
  for (let i = 0; i < 3; i += 1) globalThis.gc?.();
  return process.memoryUsage();
};
async function writeMany(inside: Duplex, one: Buffer, count: number) {
  const block = Buffer.concat(Array.from({ length: 1000 }, () => one));
  for (let i = 0; i < count / 1000; i += 1) if (!inside.write(block)) await new Promise((r) => inside.once('drain', r));
}

describe('a hostile worker cannot fill the memory with', () => {
  test('chunks without bytes', async () => {
    const { worker, inside, killed } = live();
    await turn();
    worker.execute(head, new Uint8Array(0), {
      onAnswer: () => undefined,
      onLog: () => undefined,
      onLogDropped: () => undefined,
      onEnd: () => undefined,
    });
    inside.write(layOut());
    const before = gc();
    await writeMany(inside, frame(FrameType.responseChunk, 1), 1_000_000).catch(() => undefined);
    const after = gc();
    console.log('empty chunks: killed', killed(), 'MB', (after.rss - before.rss) / 1e6);
    expect(killed()).toBe(true);
  });
  test('chunks of one byte', async () => {
    const { worker, inside } = live();
    await turn();
    let body: ReadableStream<Uint8Array> | undefined;
    worker.execute(head, new Uint8Array(0), {
      onAnswer: (a) => {
        if (a.kind === 'response' && !(a.body instanceof Uint8Array)) body = a.body;
      },
      onLog: () => undefined,
      onLogDropped: () => undefined,
      onEnd: () => undefined,
    });
    inside.write(layOut());
    await writeMany(inside, frame(FrameType.responseChunk, 1, new Uint8Array(1)), 262_000);
    inside.write(frame(FrameType.responseEnd, 1));
    await turn(200);
    let [chunks, bytes] = [0, 0];
    for await (const chunk of body ?? []) {
      chunks += 1;
      bytes += chunk.length;
    }
    expect(bytes).toBe(262_000);
    expect(chunks).toBeLessThan(100);
  });
  test('a code cache that nobody asked for', async () => {
    const { inside, killed, caches } = live();
    await turn();
    const before = gc();
    await writeMany(inside, frame(FrameType.codeCacheChunk, 0, new Uint8Array(1)), 1_000_000);
    await turn(100);
    console.log('code cache: killed', killed(), 'MB', (gc().rss - before.rss) / 1e6, caches);
    expect(killed()).toBe(true);
  });
  test('empty log lines', async () => {
    const { worker, inside, killed } = live();
    await turn();
    const execution = new RunningExecution({
      id: 'e',
      token: 't',
      request: { principal: { kind: 'anonymous' }, headers: [], body: new Uint8Array(0) } as never,
      routed: { fn: { id: 'f', projectId: 'p' }, deployment: null } as never,
      limits: { logBytes: 1_000_000, logLineBytes: 8000 },
      now: 0,
      onLine: undefined,
      onEnd: () => undefined,
    });
    execution.exchange = worker.execute(head, new Uint8Array(0), execution);
    const before = gc();
    await writeMany(inside, frame(FrameType.log, 1, writeLog({ level: 'info', stream: 'logs', time: 0, text: '' })), 2_000_000);
    await turn(100);
    console.log('log: killed', killed(), 'MB', (gc().rss - before.rss) / 1e6, 'lines', execution.lines().length);
    expect(execution.lines().length).toBeLessThan(200_000);
  }, 60_000);
});
function layOut(): Buffer {
  const f = layOutResponse({ status: 200, headers: [], body: undefined, usage: undefined });
  return Buffer.from(frame(FrameType.response, 1, f.subarray(FRAME_HEADER_BYTES)));
}

describe('a worker', () => {
  test('that closes its end of the wall is ended', async () => {
    const { inside, killed } = live();
    await turn();
    inside.end();
    await turn(3000);
    expect(killed()).toBe(true);
  });
  test('that died while its code was fetched is not made live again', async () => {
    const { worker, exit } = live();
    await turn();
    exit();
    await turn();
    expect(worker.state).toBe('dead');
    const message = { deploymentId: 'd' } as never;
    try {
      worker.load({ message, code: new Uint8Array(0), sourceMap: new Uint8Array(0), codeCache: new Uint8Array(0) });
    } catch {
      // A worker that has died refuses; either way its executions must end.
    }
    let ended = false;
    worker.execute(head, new Uint8Array(0), {
      onAnswer: () => undefined,
      onLog: () => undefined,
      onLogDropped: () => undefined,
      onEnd: () => {
        ended = true;
      },
    });
    await turn();
    expect({ state: worker.state, ended }).toEqual({ state: 'dead', ended: true });
  });
});
void FrameWriter;
