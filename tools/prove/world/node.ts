/** One server as a process of its own, that is killed, frozen and started again at the same port and data folder. */
import { spawn, type ChildProcess } from 'node:child_process';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';

export interface ServerNode {
  readonly url: string;
  readonly alive: boolean;
  /** Resolves with the key that the first start of an empty platform prints. */
  start(env?: Readonly<Record<string, string>>): Promise<string | undefined>;
  /** As kill -9 does. Resolves when it is gone. */
  kill(): Promise<void>;
  freeze(): void;
  thaw(): void;
  /** Resolves when the process has ended by itself, or after `ms`. @returns whether it has */
  endsWithin(ms: number): Promise<boolean>;
  stop(): Promise<void>;
  /** The last of what it wrote. */
  output(): string;
}

export interface NodeOptions {
  readonly port: number;
  readonly home: string;
  readonly data: string;
  readonly env: Readonly<Record<string, string>>;
}

const MARTLET = fileURLToPath(new URL('../../../packages/cli/bin/martlet.mjs', import.meta.url));
const READY_MS_MAX = 90_000;
const STOP_MS_MAX = 20_000;
const OUTPUT_KEPT = 20_000;
/** Servers that are up: none of them may outlive the proof, also when somebody ends it. */
const living = new Set<ChildProcess>();
process.once('exit', () => living.forEach((child) => child.kill('SIGKILL')));
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => process.exit(1));

export function createServerNode({ port, home, data, env }: NodeOptions): ServerNode {
  let child: ChildProcess | undefined;
  let ended: Promise<unknown> = Promise.resolve();
  let output = '';

  async function endsWithin(ms: number): Promise<boolean> {
    const timer = Promise.withResolvers<boolean>();
    const handle = setTimeout(() => timer.resolve(false), ms);
    const has = await Promise.race([ended.then(() => true), timer.promise]);
    clearTimeout(handle);
    return has;
  }
  async function signal(name: NodeJS.Signals): Promise<void> {
    child?.kill(name);
    await ended;
  }
  return {
    url: `http://127.0.0.1:${port}`,
    get alive() {
      return child !== undefined && child.exitCode === null && child.signalCode === null;
    },
    start(more = {}) {
      const started = spawn(process.execPath, [MARTLET, '--json', 'serve', '--port', String(port), '--data', data], {
        cwd: home,
        env: { ...process.env, ...env, ...more },
        stdio: ['ignore', 'pipe', 'pipe'],
      });
      child = started;
      living.add(started);
      started.once('exit', () => living.delete(started));
      ended = new Promise((resolve) => started.once('close', resolve));
      started.stderr.on('data', (chunk: Buffer) => (output = (output + chunk.toString()).slice(-OUTPUT_KEPT)));
      return readyOf(started, ended, () => output);
    },
    kill: () => signal('SIGKILL'),
    freeze: () => void child?.kill('SIGSTOP'),
    thaw: () => void child?.kill('SIGCONT'),
    endsWithin,
    async stop() {
      child?.kill('SIGCONT');
      child?.kill('SIGTERM');
      if (!(await endsWithin(STOP_MS_MAX))) await signal('SIGKILL');
    },
    output: () => output,
  };
}

function readyOf(child: ChildProcess, ended: Promise<unknown>, output: () => string): Promise<string | undefined> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => reject(new Error(`A server was not ready within ${READY_MS_MAX} ms:\n${output()}`)), READY_MS_MAX);
    void ended.then(() => {
      clearTimeout(timer);
      reject(new Error(`A server ended before it was ready (${child.signalCode ?? child.exitCode}):\n${output()}`));
    });
    if (child.stdout === null) throw new Error('The server has no stdout.');
    createInterface({ input: child.stdout }).on('line', (line) => {
      if (!line.startsWith('{"event":"ready"')) return;
      clearTimeout(timer);
      resolve((JSON.parse(line) as { apiKey?: string }).apiKey);
    });
  });
}
