/** Blanks: workers that have booted and know no function yet. A boot costs some 65 ms of processor time. */
import { PlatformError } from '@martlet/protocol';
import type { Log } from '../../ports/system/log.ts';
import type { LaunchOptions, Sandbox, SandboxProcess } from '../../ports/sandbox.ts';
import type { Worker } from './worker.ts';

export interface BlankPoolOptions {
  readonly sandbox: Sandbox;
  readonly log: Log;
  readonly launch: LaunchOptions;
  readonly blanks: number;
  readonly createWorker: (process: SandboxProcess) => Worker;
}

export interface BlankPool {
  readonly size: number;
  /** A blank, at once when one is ready. @throws {PlatformError} `worker_start_failed` */
  take(): Promise<Worker>;
  /** A fresh worker with options of its own. @throws {PlatformError} `worker_start_failed` */
  launch(options: LaunchOptions): Promise<Worker>;
  /** Fills up when cold starts have paused, so that boots do not compete with them. */
  refillSoon(): void;
  fill(): Promise<void>;
  close(): void;
}

/** Boots at the same time. They are bound by the processor; more of them only make each one later. */
const BOOTS_AT_ONCE = 4;
/** Boots that nobody waits for go one at a time. */
const REFILLS_AT_ONCE = 1;
const REFILL_AFTER_MS = 20;
/** A boot takes 70 ms; one that takes this long will not end, and executions wait for it. */
const BOOT_MS_MAX = 15_000;
/** A host that cannot boot a worker must not be kept busy trying. */
const RETRY_AFTER_MS = 1000;

export function createBlankPool(options: BlankPoolOptions): BlankPool {
  const ready: Worker[] = [];
  const waiting: { resolve: (worker: Worker) => void; reject: (error: unknown) => void }[] = [];
  let booting = 0;
  let closed = false;
  let timer: NodeJS.Timeout | undefined;

  return {
    get size() {
      return ready.length;
    },
    take() {
      for (let worker = ready.shift(); worker !== undefined; worker = ready.shift())
        if (worker.state === 'blank') return Promise.resolve(worker);
      return new Promise((resolve, reject) => {
        waiting.push({ resolve, reject });
        bootForWaiters();
      });
    },
    launch: boot,
    refillSoon() {
      if (timer !== undefined) clearTimeout(timer);
      timer = setTimeout(refill, REFILL_AFTER_MS);
      timer.unref();
    },
    async fill() {
      while (!closed && ready.length < options.blanks) if (!(await bootInto())) await sleep(RETRY_AFTER_MS);
    },
    close() {
      closed = true;
      clearTimeout(timer);
      for (const { reject } of waiting.splice(0)) reject(new PlatformError('server_draining'));
    },
  };

  function bootForWaiters(): void {
    while (booting < BOOTS_AT_ONCE && booting < waiting.length) void bootInto();
  }

  function refill(): void {
    if (closed || booting >= REFILLS_AT_ONCE || ready.length >= options.blanks) return;
    void bootInto().then((done) => {
      timer = setTimeout(refill, done ? 0 : RETRY_AFTER_MS);
      timer.unref();
    });
  }

  /** Boots a blank for whoever waits longest, else for the shelf. */
  async function bootInto(): Promise<boolean> {
    booting += 1;
    try {
      const worker = await boot(options.launch);
      const waiter = waiting.shift();
      if (waiter !== undefined) waiter.resolve(worker);
      else shelve(worker);
      return true;
    } catch (error) {
      waiting.shift()?.reject(error);
      if (!closed) options.log.error({ error }, 'Cannot boot a blank');
      return false;
    } finally {
      booting -= 1;
      bootForWaiters();
    }
  }

  function shelve(worker: Worker): void {
    ready.push(worker);
    void worker.dead.then(() => {
      const at = ready.indexOf(worker);
      if (at !== -1) ready.splice(at, 1);
    });
  }

  async function boot(launch: LaunchOptions): Promise<Worker> {
    if (closed) throw new PlatformError('server_draining');
    const worker = options.createWorker(await options.sandbox.launch(launch));
    // The pool may have been closed while it was launched, and nobody would end it any more.
    if (closed) worker.kill('closed');
    const timer = setTimeout(() => worker.kill('crashed'), BOOT_MS_MAX);
    const ready = await worker.ready;
    clearTimeout(timer);
    if (ready) return worker;
    throw new PlatformError(
      'worker_start_failed',
      `Cannot start a worker: it ended while booting (code ${worker.exit?.exitCode ?? '-'}, signal ${worker.exit?.signal ?? '-'}). ${worker.process.stderr()}`,
    );
  }
}

function sleep(ms: number): Promise<void> {
  return new Promise((resolve) => {
    setTimeout(resolve, ms).unref();
  });
}
