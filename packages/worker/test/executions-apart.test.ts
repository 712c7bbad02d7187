/** Requests that arrive in one chunk run in one turn of the worker's event loop, and yet have nothing of each other. */
import { FrameType, FrameWriter, writeRequest } from '@martlet/protocol/frames';
import { afterEach, expect, test } from 'vitest';
import { frameOf, loadFrame, startWorkerProcess, type WorkerProcess } from './support/worker-process.ts';

/** Logs what each step of it sees, and carries a context of its own, as libraries for tracing do. */
const CODE = `
const { AsyncLocalStorage } = require('node:async_hooks');
const own = new AsyncLocalStorage();
console.log('loads');
module.exports = async (request) => {
  const name = new URL(request.url).pathname;
  console.log(name, 'begins after', own.getStore());
  own.enterWith(name);
  request.signal.addEventListener('abort', () => {
    console.log(name, 'is aborted in', own.getStore());
    own.enterWith('the abortion of ' + name);
  });
  if (request.method === 'POST') for await (const chunk of request.body) console.log(name, 'reads', Buffer.from(chunk).toString());
  else await new Promise((done) => setTimeout(done, 20));
  console.log(name, 'ends in', own.getStore());
  return Response.json(name);
};`;

let worker: WorkerProcess;
afterEach(() => worker.stop());

test('executions of one chunk keep their logs and their contexts apart', async () => {
  worker = await startWorkerProcess();
  worker.send(
    loadFrame(CODE),
    request(1, 'POST', '/first'),
    request(2, 'GET', '/second'),
    frameOf(FrameType.requestChunk, 1, Buffer.from('one')),
  );
  await worker.until(FrameType.response, 1);
  worker.send(
    request(3, 'GET', '/third'),
    request(4, 'POST', '/fourth'),
    frameOf(FrameType.requestChunk, 1, Buffer.from('two')),
    request(5, 'GET', '/fifth'),
    frameOf(FrameType.requestEnd, 1),
    frameOf(FrameType.cancel, 5, Buffer.from('enough')),
    frameOf(FrameType.requestEnd, 4),
    request(6, 'GET', '/sixth'),
  );
  await worker.until(FrameType.response, 6);
  expect([1, 2, 3, 4, 5, 6].map((stream) => worker.logs(stream))).toEqual([
    ['loads', '/first begins after undefined', '/first reads one', '/first reads two', '/first ends in /first'],
    ['/second begins after undefined', '/second ends in /second'],
    ['/third begins after undefined', '/third ends in /third'],
    ['/fourth begins after undefined', '/fourth ends in /fourth'],
    ['/fifth begins after undefined', '/fifth is aborted in undefined', '/fifth ends in /fifth'],
    ['/sixth begins after undefined', '/sixth ends in /sixth'],
  ]);
});

test('a frame that cannot be understood fails no execution that arrived with it', async () => {
  worker = await startWorkerProcess();
  worker.send(loadFrame(CODE), request(1, 'GET', '/warm'));
  await worker.until(FrameType.response, 1);
  worker.send(request(2, 'GET', '/first'), frameOf(99 as FrameType, 2), request(3, 'GET', '/second'), frameOf(99 as FrameType, 0));
  await worker.until(FrameType.response, 3);
  expect([worker.logs(2), worker.logs(3), worker.of(FrameType.failed).size]).toEqual([
    ['/first begins after undefined', '/first ends in /first'],
    ['/second begins after undefined', '/second ends in /second'],
    0,
  ]);
});

/** A GET has no body, the body of a POST follows in chunks. */
function request(stream: number, method: 'GET' | 'POST', path: string): Buffer {
  const sent: Buffer[] = [];
  const writer = new FrameWriter({ destroyed: false, write: (bytes) => sent.push(bytes) });
  writeRequest(writer, stream, {
    head: { ...head, method, url: `http://x${path}` },
    body: method === 'GET' ? new Uint8Array(0) : undefined,
  });
  writer.flush();
  return Buffer.concat(sent);
}

const head = {
  executionId: 'e',
  token: 't',
  trigger: 'http',
  clientIp: '',
  userId: '',
  userToken: '',
  event: '',
  platformUrl: '',
  timeoutMs: 10_000,
  headers: [],
} as const;
