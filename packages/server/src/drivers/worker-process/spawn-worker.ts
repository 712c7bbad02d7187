/**
 * What the sandbox drivers have in common, and no driver itself: starting a process with a byte channel on its fd 3,
 * keeping the end of its stderr, and telling when and how it ended.
 */
import { spawn, type ChildProcess } from 'node:child_process';
import { constants } from 'node:os';
import type { Duplex, Readable } from 'node:stream';
import { PlatformError } from '@martlet/protocol';

export interface WorkerCommand {
  readonly command: string;
  readonly args: readonly string[];
  /** Open descriptors of this process that the child gets as 4, 5, …; they stay the caller's to close. */
  readonly descriptors?: readonly number[];
  readonly cwd?: string;
  /** Makes the process the leader of a group, so that a signal to `-pid` reaches what it started. Default false. */
  readonly ownGroup?: boolean;
}

export interface WorkerProcess {
  readonly pid: number;
  readonly channel: Duplex;
  stderr(): string;
  /** Settles when the process ended and its stderr was read. Never rejects. */
  readonly ended: Promise<WorkerEnd>;
}

export interface WorkerEnd {
  readonly exitCode: number | null;
  readonly signal: string | null;
  /** V8 gave up because its heap was full. */
  readonly heapExhausted: boolean;
}

const STDERR_BYTES = 16 * 1024;
/** Reading pauses after so many bytes: a worker that floods stderr blocks itself instead of this process. */
const FLOOD_BYTES = 256 * 1024;
const FLOOD_PAUSE_MS = 100;
/** How long the streams of an ended process may stay open: whoever still holds their other side is not ours. */
const STREAMS_GRACE_MS = 1000;

/** @throws {PlatformError} `worker_start_failed` when the command cannot be started at all */
export async function spawnWorker(command: WorkerCommand): Promise<WorkerProcess> {
  const child = spawn(command.command, command.args, {
    // Inside, /proc/1/environ shows what the outermost process was started with, whatever it cleared afterwards.
    env: {},
    stdio: ['ignore', 'ignore', 'pipe', 'pipe', ...(command.descriptors ?? [])],
    detached: command.ownGroup ?? false,
    ...(command.cwd === undefined ? {} : { cwd: command.cwd }),
  });
  const started = new Promise<void>((resolve, reject) => {
    child.once('spawn', resolve);
    child.once('error', reject);
  });
  // Registered before anything is awaited: a process may end within the turn that started it.
  const stderr = keepTail(child.stderr as Readable);
  const channel = child.stdio[3] as Duplex;
  // EPIPE and ECONNRESET only say that the worker is gone, and the end of the channel and `ended` say so as well.
  channel.on('error', () => channel.destroy());
  const ended = endOf(child, stderr);
  try {
    await started;
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw new PlatformError('worker_start_failed', { message: `Cannot start ${command.command}: ${reason}`, cause });
  }
  return { pid: child.pid as number, channel, stderr, ended };
}

function keepTail(stream: Readable): () => string {
  let tail = Buffer.alloc(0);
  let sincePause = 0;
  stream.on('data', (chunk: Buffer) => {
    tail = Buffer.concat([tail, chunk]).subarray(-STDERR_BYTES);
    sincePause += chunk.length;
    if (sincePause < FLOOD_BYTES) return;
    sincePause = 0;
    stream.pause();
    setTimeout(() => stream.resume(), FLOOD_PAUSE_MS);
  });
  // A pipe that breaks has no more to say than one that ends.
  stream.on('error', () => stream.destroy());
  return () => tail.toString();
}

function endOf(child: ChildProcess, stderr: () => string): Promise<WorkerEnd> {
  return new Promise((resolve) => {
    child.once('exit', (code, signal) => {
      const settle = (): void => resolve(describeEnd(code, signal, stderr()));
      const grace = setTimeout(() => {
        for (const stream of child.stdio) stream?.destroy();
      }, STREAMS_GRACE_MS);
      // Only stderr is waited for: the channel may hold data that its reader takes its time with.
      if (child.stderr?.closed !== false) settle();
      else child.stderr.once('close', settle);
      child.once('close', () => clearTimeout(grace));
    });
  });
}

/** Some numbers have a second, older name further down the list: the first one is to win. */
const signalNames = new Map(
  Object.entries(constants.signals)
    .toReversed()
    .map(([name, number]) => [number, name]),
);

function describeEnd(code: number | null, signal: string | null, stderr: string): WorkerEnd {
  // Shells and bubblewrap report the signal that ended the process inside as 128 and its number.
  const inner = code !== null && code > 128 ? signalNames.get(code - 128) : undefined;
  const ending = inner === undefined ? { exitCode: code, signal } : { exitCode: null, signal: inner };
  const heapExhausted = ending.signal !== null && /heap out of memory|FatalProcessOutOfMemory/.test(stderr);
  return { ...ending, heapExhausted };
}
