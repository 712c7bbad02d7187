/** Starts servers as child processes, and ends them with everything below them. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { connect, createServer } from 'node:net';
import { createInterface } from 'node:readline';
import { setTimeout as wait } from 'node:timers/promises';

export interface ServerCommand<Ready extends object> {
  readonly command: string;
  readonly args: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
  readonly cwd?: string;
  /** Reads a line of stdout; what it returns first, other than undefined, says that the server is ready. */
  readonly ready: (line: string) => Ready | undefined;
  /** For a server that says nothing: resolves when it is ready. */
  readonly silent?: () => Promise<Ready>;
}

export interface ChildServer<Ready extends object = object> {
  readonly pid: number;
  readonly ready: Ready;
  /** Milliseconds from the spawn to the line that said ready. */
  readonly startMs: number;
  /** SIGTERM, and SIGKILL when that does not help. Resolves when the process has ended. */
  stop(): Promise<void>;
}

const START_MS_MAX = 60_000;
const STOP_MS_MAX = 15_000;
const STDERR_KEPT = 4000;

export async function startServer<Ready extends object>(options: ServerCommand<Ready>): Promise<ChildServer<Ready>> {
  const began = performance.now();
  const child = spawn(options.command, options.args, {
    env: { ...process.env, ...options.env },
    cwd: options.cwd,
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let stderr = '';
  child.stderr.on('data', (chunk: Buffer) => (stderr = (stderr + chunk.toString()).slice(-STDERR_KEPT)));
  const ready = Promise.withResolvers<Ready>();
  const fail = (why: string) => ready.reject(new Error(`Cannot start ${options.command} ${options.args.join(' ')}: ${why}\n${stderr}`));
  createInterface({ input: child.stdout }).on('line', (line) => {
    const facts = options.ready(line);
    if (facts !== undefined) ready.resolve(facts);
  });
  options.silent?.().then(ready.resolve, ready.reject);
  child.once('error', (error) => fail(error.message));
  child.once('exit', (code, signal) => fail(`it ended with ${code ?? signal}`));
  const timer = setTimeout(() => fail('it was not ready in time'), START_MS_MAX);
  try {
    const facts = await ready.promise;
    return { pid: child.pid ?? 0, ready: facts, startMs: performance.now() - began, stop: () => stop(child) };
  } catch (error) {
    child.kill('SIGKILL');
    throw error;
  } finally {
    clearTimeout(timer);
  }
}

/** Resolves when something accepts connections on the port: for servers that do not say when they are ready. */
export async function untilListening(port: number): Promise<void> {
  const deadline = performance.now() + START_MS_MAX;
  while (!(await accepts(port))) {
    if (performance.now() > deadline) throw new Error(`Cannot use the server: nothing listens on port ${port}`);
    await wait(20);
  }
}

function accepts(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ port, host: '127.0.0.1' });
    const end = (accepted: boolean) => {
      socket.destroy();
      resolve(accepted);
    };
    socket.once('connect', () => end(true));
    socket.once('error', () => end(false));
  });
}

/** A port that was free a moment ago, for servers that cannot say which one they took. */
export async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  server.close();
  await once(server, 'close');
  if (address === null || typeof address === 'string') throw new Error('Cannot find a free port');
  return address.port;
}

async function stop(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const ended = once(child, 'exit');
  const timer = setTimeout(() => child.kill('SIGKILL'), STOP_MS_MAX);
  child.kill('SIGTERM');
  await ended;
  clearTimeout(timer);
}
