/** The server's end of one thread: numbers requests, matches replies, and fails everything when the thread is gone. */
import { Worker } from 'node:worker_threads';
import { PlatformError } from '@martlet/protocol';
import type { Log } from '../../ports/system/log.ts';
import { OPENED, type Reply, type RequestName, type ThreadData } from './thread-messages.ts';

export interface ThreadLink {
  /** Resolves when the thread has its database open. */
  readonly opened: Promise<void>;
  ask(name: RequestName, input: unknown): Promise<unknown>;
  /** Answers what was asked before, then ends the thread. */
  close(): Promise<void>;
}

interface Waiting {
  readonly resolve: (result: unknown) => void;
  readonly reject: (error: PlatformError) => void;
}

export interface ThreadWatch {
  readonly log: Log;
  /** Called when the thread is lost, which only a new process heals. */
  readonly onFatal?: ((error: PlatformError) => void) | undefined;
}

export function startThread(url: URL, data: ThreadData, { log, onFatal }: ThreadWatch): ThreadLink {
  // No arguments and no environment: a thread of SQL needs neither a debugger's port nor the server's secrets.
  const worker = new Worker(url, { workerData: data, name: `martlet-store-${data.role}`, execArgv: [], env: {} });
  const waiting = new Map<number, Waiting>();
  const ended = Promise.withResolvers<void>();
  let last = OPENED;
  let gone: PlatformError | undefined;

  function request(number: number, post: () => void): Promise<unknown> {
    if (gone !== undefined) return Promise.reject(gone);
    return new Promise((resolve, reject) => {
      post();
      waiting.set(number, { resolve, reject });
    });
  }

  function ask(name: RequestName, input: unknown): Promise<unknown> {
    last += 1;
    const number = last;
    // oxlint-disable-next-line require-post-message-target-origin -- a thread is no window
    return request(number, () => worker.postMessage([number, name, input]));
  }

  function lose(reason: string, cause: unknown): void {
    if (gone !== undefined) return;
    gone = new PlatformError('store_unavailable', { message: `The store does not answer: ${reason}.`, cause });
    if (waiting.size > 0 || cause !== undefined)
      log.error({ err: cause, thread: data.role, unanswered: waiting.size }, `the store's thread has ended: ${reason}`);
    for (const { reject } of waiting.values()) reject(gone);
    waiting.clear();
  }

  worker.on('message', (replies: readonly Reply[]) => {
    for (const [number, ok, value] of replies) {
      const asker = waiting.get(number);
      waiting.delete(number);
      if (ok) asker?.resolve(value);
      else asker?.reject(new PlatformError(value.code, value.message));
    }
  });
  worker.on('error', (error) => {
    lose(`its ${data.role} thread failed: ${error.message}`, error);
    if (gone !== undefined) onFatal?.(gone);
  });
  worker.on('exit', () => {
    lose('it is closed', undefined);
    ended.resolve();
  });

  return {
    opened: request(OPENED, () => undefined).then(() => undefined),
    ask,
    async close() {
      // A thread that dies here is closed too, and lose() has told the log.
      await ask('close', null).catch(() => undefined);
      await ended.promise;
    },
  };
}
