/** The server's side of the wall against a worker that breaks every rule it can without breaking the form of a frame. */
import type { Duplex } from 'node:stream';
import {
  FRAME_HEADER_BYTES,
  FrameType,
  FrameWriter,
  writeLog,
  writeResponse,
  type RequestHead,
  type SentResponse,
} from '@martlet/protocol/frames';
import { describe, expect, test, vi } from 'vitest';
import { RunningExecution } from '../../src/services/invoke/running-execution.ts';
import type { ExchangeEvents } from '../../src/services/workers/exchange.ts';
import { Worker } from '../../src/services/workers/worker.ts';
import { createFakeProcess, noWorkerEvents, type FakeProcess } from './fake-process.ts';

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
const ignoring: ExchangeEvents = { onAnswer() {}, onLog() {}, onLogDropped() {}, onEnd() {} };
const NOTHING = new Uint8Array(0);

describe('a hostile worker cannot fill the memory with', () => {
  test('chunks without bytes', async () => {
    const fake = await startWorker();
    fake.worker.execute(head, NOTHING, ignoring);
    fake.inside.write(responseFrame());
    await writeMany(fake, frame(FrameType.responseChunk, 1), 1_000_000);
    await untilKilled(fake);
    expect(fake.worker.endReason).toBe('broke_protocol');
  });

  test('chunks of one byte', async () => {
    const fake = await startWorker();
    let body: ReadableStream<Uint8Array> | undefined;
    fake.worker.execute(head, NOTHING, {
      ...ignoring,
      onAnswer(answer) {
        if (answer.kind === 'response' && answer.body instanceof ReadableStream) body = answer.body;
      },
    });
    fake.inside.write(responseFrame());
    // A little less than the credit that a worker has at first.
    await writeMany(fake, frame(FrameType.responseChunk, 1, new Uint8Array(1)), 262_000);
    fake.inside.write(frame(FrameType.responseEnd, 1));
    await vi.waitFor(() => expect(fake.inside.writableLength).toBe(0), { timeout: 10_000 });
    let [chunks, bytes] = [0, 0];
    for await (const chunk of body ?? []) {
      chunks += 1;
      bytes += chunk.length;
    }
    expect(bytes).toBe(262_000);
    expect(chunks).toBeLessThan(100);
  });

  test('a code cache that nobody asked for', async () => {
    const fake = await startWorker();
    await writeMany(fake, frame(FrameType.codeCacheChunk, 0, new Uint8Array(1)), 1_000_000);
    await untilKilled(fake);
    expect([fake.worker.endReason, fake.codeCaches]).toEqual(['broke_protocol', []]);
  });

  test('descriptions of its input', async () => {
    const unasked = await startWorker();
    unasked.inside.write(frame(FrameType.inputDescription, 0, Buffer.from('{"declared":false}')));
    await untilKilled(unasked);
    const nested = await startWorker();
    const answer = nested.worker.describeInput();
    const deep = `{"declared":true,"vendor":"x","schema":${'{"not":'.repeat(5000)}{}${'}'.repeat(5000)}}`;
    nested.inside.write(frame(FrameType.inputDescription, 0, Buffer.from(deep)));
    await untilKilled(nested);
    expect([unasked.worker.endReason, nested.worker.endReason]).toEqual(['broke_protocol', 'broke_protocol']);
    expect(await answer).toBeUndefined();
  });

  test('empty log lines', async () => {
    const fake = await startWorker();
    const execution = createExecution({ id: 'e' });
    execution.exchange = fake.worker.execute(head, NOTHING, execution);
    await writeMany(fake, frame(FrameType.log, 1, writeLog({ level: 'info', stream: 'logs', time: 0, text: '' })), 2_000_000);
    await untilKilled(fake);
    expect(fake.worker.endReason).toBe('broke_protocol');
    expect(execution.lines().length).toBeLessThan(100_000);
  });
});

describe('a worker', () => {
  test('that closes its end of the wall and lives on is killed', async () => {
    const fake = await startWorker();
    fake.inside.end();
    await untilKilled(fake);
    expect(fake.worker.endReason).toBe('crashed');
  });

  test('that died while its code was fetched is not made live again, and ends what it is given', async () => {
    const { worker, exit } = await startWorker();
    exit();
    await worker.dead;
    const message = { deploymentId: 'd' } as never;
    expect(() => worker.load({ message, code: NOTHING, sourceMap: NOTHING, codeCache: NOTHING })).toThrow('it ended before it was loaded');
    const ended = new Promise((resolve) => {
      worker.execute(head, NOTHING, { ...ignoring, onEnd: resolve });
    });
    expect(await ended).toBeUndefined();
    expect(worker.state).toBe('dead');
  });
});

describe('answers that come in one piece', () => {
  test('are told one after the other, each before the record of its execution and before the next is read', async () => {
    const fake = await startWorker();
    const told: string[] = [];
    for (const id of ['a', 'b']) {
      const execution = createExecution({ id, onEnd: () => told.push(`${id} ended`) });
      execution.onAnswered(({ outcome }) => told.push(`${id} ${outcome.kind}`));
      execution.exchange = fake.worker.execute(head, NOTHING, execution);
    }
    fake.inside.write(Buffer.concat([1, 2].map((stream) => responseFrame(stream, { body: 'x', usage: { cpuMicros: 1, memoryKb: 1 } }))));
    await vi.waitFor(() => expect(told).toEqual(['a response', 'a ended', 'b response', 'b ended']));
  });

  test('are told to a listener that comes late, too', async () => {
    const execution = createExecution({ id: 'a' });
    execution.fail('execution_canceled', 'gone');
    const told: unknown[] = [];
    execution.onAnswered((invoked) => told.push(invoked.outcome));
    expect(told).toEqual([{ kind: 'failed', code: 'execution_canceled', message: 'gone' }]);
  });
});

interface FakeWorker extends FakeProcess {
  readonly worker: Worker;
  /** The length of each code cache that was taken from it. */
  readonly codeCaches: readonly number[];
}

async function startWorker(): Promise<FakeWorker> {
  const fake = createFakeProcess();
  const codeCaches: number[] = [];
  const worker = new Worker(fake.process, { ...noWorkerEvents, onCodeCache: (_worker, bytes) => codeCaches.push(bytes.length) });
  fake.inside.resume();
  fake.inside.write(frame(FrameType.ready, 0));
  expect(await worker.ready).toBe(true);
  return { ...fake, worker, codeCaches };
}

/** Writes a frame many times, as fast as the server takes it, until all are written or the worker was killed for it. */
async function writeMany({ inside, killed }: { inside: Duplex; killed: () => boolean }, one: Buffer, count: number): Promise<void> {
  const block = Buffer.concat(Array.from({ length: 1000 }, () => one));
  for (let written = 0; written < count && !killed(); written += 1000) {
    inside.write(block);
    while (inside.writableNeedDrain && !killed()) await new Promise((resolve) => setImmediate(resolve));
  }
}

async function untilKilled({ killed }: FakeProcess): Promise<void> {
  await vi.waitFor(() => expect(killed()).toBe(true), { timeout: 10_000 });
}

function createExecution({ id, onEnd = () => undefined }: { id: string; onEnd?: () => void }): RunningExecution {
  const request = { principal: { kind: 'anonymous' }, headers: [], body: NOTHING } as never;
  const routed = { fn: { id: 'f', projectId: 'p' }, deployment: null } as never;
  const limits = { logBytes: 1_000_000, logLineBytes: 8000 };
  return new RunningExecution({ id, token: 't', request, routed, now: 0 }, { limits, onLine: undefined, onEnd });
}

function responseFrame(stream = 1, { body, usage }: Partial<SentResponse> = {}): Buffer {
  const sent: Buffer[] = [];
  const writer = new FrameWriter({ destroyed: false, write: (bytes) => sent.push(bytes) });
  writeResponse(writer, stream, { status: 200, headers: [], body, usage });
  writer.flush();
  return Buffer.concat(sent);
}

function frame(type: number, stream: number, payload: Uint8Array = new Uint8Array(0)): Buffer {
  const bytes = Buffer.alloc(FRAME_HEADER_BYTES + payload.length);
  bytes.writeUInt32LE(payload.length, 0);
  bytes.writeUInt32LE(stream, 4);
  bytes[8] = type;
  bytes.set(payload, FRAME_HEADER_BYTES);
  return bytes;
}
