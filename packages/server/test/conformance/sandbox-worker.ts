/** A worker for tests of sandboxes: does what lines of JSON on fd 3 tell it to, and answers each with a line. */
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { expect } from 'vitest';
import type { SandboxProcess } from '../../src/ports/sandbox.ts';

/** CommonJS, to be written to a file and run in a sandbox. A request is the body of an async function. */
export const testWorkerSource = `
const net = require('node:net');
const channel = new net.Socket({ fd: 3 });
const AsyncFunction = (async () => {}).constructor;
channel.on('end', () => process.exit(0));
channel.on('error', () => process.exit(0));
require('node:readline').createInterface({ input: channel }).on('line', async (line) => {
  let answer;
  try {
    answer = { ok: true, value: await new AsyncFunction('require', 'process', JSON.parse(line))(require, process) };
  } catch (error) {
    answer = { ok: false, code: error.code ?? error.name, message: error.message };
  }
  channel.write(JSON.stringify(answer) + '\\n');
});
channel.write('"ready"\\n');
`;

export interface Answer {
  readonly ok: boolean;
  readonly value?: unknown;
  readonly code?: string;
  readonly message?: string;
}

export interface TestWorker {
  readonly sandbox: SandboxProcess;
  /** Runs code inside and returns what came of it. */
  run(code: string): Promise<Answer>;
  /** Runs code that ends the process, so that no answer comes. */
  send(code: string): void;
}

/** Waits until the worker says that it is ready. */
export async function talkTo(sandbox: SandboxProcess): Promise<TestWorker> {
  const lines = createInterface({ input: sandbox.channel })[Symbol.asyncIterator]();
  const next = async (): Promise<string> => {
    const line = await lines.next();
    if (line.done) throw new Error(`the worker went away: ${JSON.stringify(await sandbox.exited)} ${sandbox.stderr()}`);
    return line.value;
  };
  expect(JSON.parse(await next())).toBe('ready');
  const send = (code: string): void => void sandbox.channel.write(`${JSON.stringify(code)}\n`);
  return {
    sandbox,
    send,
    async run(code) {
      send(code);
      return JSON.parse(await next()) as Answer;
    },
  };
}

/** Throws unless the code ran; returns its value. */
export async function valueOf(worker: TestWorker, code: string): Promise<unknown> {
  const answer = await worker.run(code);
  if (!answer.ok) throw new Error(`${answer.code}: ${answer.message}`);
  return answer.value;
}

export async function channelEnds(sandbox: SandboxProcess): Promise<void> {
  if (!sandbox.channel.closed) await once(sandbox.channel.resume(), 'close');
}
