/** Starts the command `martlet` as people start it, in a process of its own, on a free port and a data folder of its own. */
import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import type { ExecutionResource } from '@martlet/protocol';

export const REPOSITORY = fileURLToPath(new URL('../', import.meta.url));
const MARTLET = join(REPOSITORY, 'packages/cli/bin/martlet.mjs');
const READY_WITHIN_MS = 120_000;
const LIVE_WITHIN_MS = 120_000;

interface ReadyLine {
  readonly url: string;
  readonly project: string;
  /** `serve` prints it at its first start only. */
  readonly apiKey?: string;
  readonly tier: string;
  /** Of the server itself, which is not always the process that was started. */
  readonly pid: number;
}

export interface Ready extends ReadyLine {
  readonly apiKey: string;
}

export interface Martlet {
  readonly ready: Ready;
  /** What the process wrote to stderr so far. */
  output(): string;
  /** Calls a function; while it is still being built, again. */
  call(path: string, init?: RequestInit): Promise<Response>;
  /** Reads from the control API with the key of the server. */
  api(path: string): Promise<Response>;
  /** The record of the execution that gave this answer, once it has ended. */
  executionOf(response: Response): Promise<ExecutionResource>;
  /** Resolves with the exit code once the process has ended, whoever ended it; null after a signal. */
  readonly ended: Promise<number | null>;
  /** Asks the server to end, waits until it has, removes a data folder that it was not given. Resolves with its exit code. */
  stop(): Promise<number | null>;
}

export interface StartOptions {
  /** The launcher to start; default: the one of this repository. */
  readonly command?: readonly [string, ...string[]];
  readonly cwd?: string;
  readonly env?: Readonly<Record<string, string>>;
  /** Data folder, which then stays; default: a new one. */
  readonly data?: string;
  /** Key for the control API where the ready line has none. */
  readonly apiKey?: string;
}

/** `args` as after `martlet`, e.g. `['dev', folder]`; port and data folder are added. */
export async function startMartlet(args: readonly string[], options: StartOptions = {}): Promise<Martlet> {
  const data = options.data ?? (await mkdtemp(join(tmpdir(), 'martlet-e2e-data-')));
  const [program, ...first] = options.command ?? [process.execPath, MARTLET];
  const child = spawn(program, [...first, '--json', ...args, '--port', '0', '--data', data], {
    cwd: options.cwd ?? REPOSITORY,
    env: { ...process.env, ...options.env },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let output = '';
  child.stderr.on('data', (chunk: Buffer) => {
    output += chunk.toString();
  });
  const ended = new Promise<number | null>((resolve) => child.once('close', resolve));
  const stop = async () => {
    child.kill('SIGTERM');
    const code = await Promise.race([ended, sleep(30_000, undefined, { ref: false }).then(() => killed(child, ended))]);
    if (options.data === undefined) await rm(data, { recursive: true, force: true });
    return code;
  };
  try {
    const ready = { apiKey: options.apiKey ?? '', ...(await readyLine(child, ended)) };
    return { ready, output: () => output, ended, stop, ...client(ready) };
  } catch (error) {
    await stop();
    throw new Error(`${(error as Error).message}\n${output}`, { cause: error });
  }
}

function client(ready: Ready): Pick<Martlet, 'call' | 'api' | 'executionOf'> {
  const api = (path: string) =>
    fetch(`${ready.url}/v1${path}`, { headers: { 'x-martlet-project': ready.project, 'x-martlet-key': ready.apiKey } });
  return {
    api,
    async call(path, init) {
      const deadline = Date.now() + LIVE_WITHIN_MS;
      for (;;) {
        const response = await fetch(`${ready.url}/functions/${path}`, init);
        const building = response.status === 503 || response.status === 404;
        if (!building || Date.now() > deadline) return response;
        await response.arrayBuffer();
        await sleep(250);
      }
    },
    async executionOf(response) {
      const id = response.headers.get('x-martlet-execution-id');
      const deadline = Date.now() + 15_000;
      for (;;) {
        const answer = await api(`/executions/${id}`);
        const body = (await answer.json()) as ExecutionResource;
        if (answer.ok && (body.status === 'completed' || body.status === 'failed')) return body;
        if (Date.now() > deadline) throw new Error(`Cannot read execution ${id}: ${answer.status} ${JSON.stringify(body)}`);
        await sleep(50);
      }
    },
  };
}

function readyLine(child: ChildProcess, ended: Promise<number | null>): Promise<ReadyLine> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => reject(new Error(`The server was not ready within ${READY_WITHIN_MS} ms.`)), READY_WITHIN_MS);
    void ended.then((code) => {
      clearTimeout(timer);
      reject(new Error(`The server ended with exit code ${code} before it was ready.`));
    });
    if (child.stdout === null) throw new Error('The server has no stdout.');
    createInterface({ input: child.stdout }).on('line', (line) => {
      if (!line.startsWith('{"event":"ready"')) return;
      clearTimeout(timer);
      resolve(JSON.parse(line) as ReadyLine);
    });
  });
}

async function killed(child: ChildProcess, ended: Promise<number | null>): Promise<number | null> {
  child.kill('SIGKILL');
  return ended;
}
