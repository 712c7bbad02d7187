/**
 * Keeps workers: blanks ahead of demand, one live worker per deployment, none for longer than it is of use. Many first
 * requests for one deployment meet in one start.
 */
import { PlatformError } from '@martlet/protocol';
import type { Clock } from '../../ports/system/clock.ts';
import type { Log } from '../../ports/system/log.ts';
import type { LaunchOptions, Sandbox } from '../../ports/sandbox.ts';
import { createBlankPool } from './blank-pool.ts';
import { Worker, type WorkerCode } from './worker.ts';

/** What the pool must know of a deployment to start its worker. */
export interface WorkerTarget {
  readonly projectId: string;
  readonly functionId: string;
  readonly deploymentId: string;
  readonly memoryMb: number;
  /** Fetches code, settings and secrets. Called once per start. */
  load(worker: Worker): Promise<WorkerCode>;
  /** Host folder to mount, for code that needs its files; such a worker cannot come from a blank. */
  treeFolder(): Promise<string | undefined>;
  /** The code cache that the worker made after its first execution. */
  keepCodeCache(bytes: Buffer): Promise<void>;
  readonly hasCodeCache: boolean;
  /** Frees what `load` has taken for the worker: its way out. */
  release(worker: Worker): void;
}

export interface WorkerPoolOptions {
  readonly sandbox: Sandbox;
  readonly clock: Clock;
  readonly log: Log;
  /** Options of a blank; a deployment with more memory than a blank gets a worker of its own kind. */
  readonly launch: LaunchOptions;
  /** Blanks to keep ready. */
  readonly blanks: number;
  readonly idleMs: number;
  /** Bytes that all live workers together may use before idle ones are evicted. */
  readonly memoryBudgetBytes: number;
  readonly onColdStart: (ms: number, cacheRejected: boolean) => void;
}

export interface PoolReadings {
  readonly blanks: number;
  readonly live: number;
  readonly starting: number;
  readonly memoryBytes: number;
  readonly coldStarts: number;
  readonly evictions: number;
  readonly cacheRejections: number;
}

export interface WorkerPool {
  /** The live worker of a deployment, if there is one. */
  live(deploymentId: string): Worker | undefined;
  /**
   * Starts the worker of a deployment, or joins a start under way.
   * @throws {PlatformError} `worker_start_failed`, `host_memory_exhausted`
   */
  start(target: WorkerTarget): Promise<Worker>;
  /**
   * Lets the workers of a function end when their executions have, since something that they were started with has
   * changed; without a function those of the whole project. The worker of the deployment `keep` stays.
   */
  retire(projectId: string, functionId: string | undefined, keep?: string): void;
  readings(): PoolReadings;
  /** Process ids of all workers, blanks included: for operators and tests. */
  pids(): readonly number[];
  /** Fills the blanks for the first time. */
  warmUp(): Promise<void>;
  close(): Promise<void>;
}

interface Start {
  readonly target: WorkerTarget;
  stale: boolean;
  worker: Promise<Worker>;
}

const SWEEP_MS = 1000;
/** An error storm: a worker whose state may be broken gets replaced, which costs 2 ms. */
const FAILURES_IN_ROW_MAX = 20;
const MEMORY_HIGH = 0.9;

export function createWorkerPool(options: WorkerPoolOptions): WorkerPool {
  const { clock, log } = options;
  const workers = new Map<string, Worker>();
  const starting = new Map<string, Start>();
  const targets = new WeakMap<Worker, { target: WorkerTarget; startedAt: number; cacheAsked: boolean }>();
  const everyone = new Set<Worker>();
  const counters = { coldStarts: 0, evictions: 0, cacheRejections: 0 };
  let memoryBytes = 0;

  const events = {
    onLoaded(worker: Worker, { cacheRejected }: { cacheRejected: boolean }): void {
      const started = targets.get(worker);
      counters.coldStarts += 1;
      if (cacheRejected) {
        counters.cacheRejections += 1;
        if (started !== undefined) started.cacheAsked = false;
      }
      if (started !== undefined) options.onColdStart(performance.now() - started.startedAt, cacheRejected);
    },
    onCodeCache(worker: Worker, bytes: Buffer): void {
      const started = targets.get(worker);
      if (started === undefined || bytes.length === 0) return;
      started.target
        .keepCodeCache(bytes)
        .catch((error: unknown) => log.warn({ error, deploymentId: worker.deploymentId }, 'Cannot keep a code cache'));
    },
    onIdleChange(worker: Worker): void {
      if (worker.inFlight > 0) return;
      worker.idleSince = clock.now();
      if (worker.failuresInRow >= FAILURES_IN_ROW_MAX) recycle(worker);
      askForCodeCache(worker);
    },
    onDead(worker: Worker): void {
      everyone.delete(worker);
      if (workers.get(worker.deploymentId) === worker) workers.delete(worker.deploymentId);
      targets.get(worker)?.target.release(worker);
      if (worker.endReason === 'broke_protocol')
        log.warn({ deploymentId: worker.deploymentId }, 'A worker broke the rules of the wall and was ended');
    },
  };
  const blanks = createBlankPool({ ...options, createWorker: (process) => track(new Worker(process, events)) });
  const sweeper = setInterval(sweep, SWEEP_MS);
  sweeper.unref();

  return {
    live(deploymentId) {
      const worker = workers.get(deploymentId);
      return worker?.state === 'live' ? worker : undefined;
    },
    start(target) {
      const joined = starting.get(target.deploymentId);
      if (joined !== undefined) return joined.worker;
      const begun: Start = { target, stale: false, worker: undefined as never };
      begun.worker = start(begun).finally(() => {
        if (starting.get(target.deploymentId) === begun) starting.delete(target.deploymentId);
      });
      starting.set(target.deploymentId, begun);
      return begun.worker;
    },
    retire(projectId, functionId, keep) {
      const concerned = (target: WorkerTarget | undefined): boolean =>
        target?.projectId === projectId && target.deploymentId !== keep && (functionId === undefined || target.functionId === functionId);
      for (const [deploymentId, worker] of workers) {
        if (!concerned(targets.get(worker)?.target)) continue;
        workers.delete(deploymentId);
        worker.retire();
      }
      for (const [deploymentId, start] of starting) {
        if (!concerned(start.target)) continue;
        start.stale = true;
        starting.delete(deploymentId);
      }
    },
    pids: () => [...everyone].map((worker) => worker.process.pid),
    readings: () => ({ blanks: blanks.size, live: workers.size, starting: starting.size, memoryBytes, ...counters }),
    warmUp: () => blanks.fill(),
    async close() {
      clearInterval(sweeper);
      blanks.close();
      for (const worker of everyone) worker.kill('closed');
      await Promise.all([...everyone].map((worker) => worker.dead));
    },
  };

  async function start(begun: Start): Promise<Worker> {
    const { target } = begun;
    makeRoom();
    const startedAt = performance.now();
    const tree = await target.treeFolder();
    const memoryMb = target.memoryMb;
    const pooled = tree === undefined && memoryMb <= options.launch.memoryMb;
    const worker = pooled ? await blanks.take() : await blanks.launch({ ...options.launch, memoryMb, ...(tree !== undefined && { tree }) });
    if (pooled && memoryMb !== options.launch.memoryMb) worker.process.setMemoryLimit(memoryMb);
    worker.memoryLimitBytes = memoryMb * 1_048_576;
    targets.set(worker, { target, startedAt, cacheAsked: target.hasCodeCache });
    try {
      worker.load(await target.load(worker));
    } catch (error) {
      worker.kill('closed');
      // It may have died before `load` took its way out.
      target.release(worker);
      throw error;
    }
    worker.idleSince = clock.now();
    // What it was started with has changed meanwhile: it serves those who waited for it, and nobody else.
    if (begun.stale) setImmediate(() => worker.retire());
    else workers.set(target.deploymentId, worker);
    blanks.refillSoon();
    return worker;
  }

  function track(worker: Worker): Worker {
    everyone.add(worker);
    return worker;
  }

  /** A script compiles lazily, so the cache is taken after a first execution, while nobody waits. */
  function askForCodeCache(worker: Worker): void {
    const started = targets.get(worker);
    if (started === undefined || started.cacheAsked || worker.state !== 'live') return;
    started.cacheAsked = true;
    worker.makeCodeCache();
  }

  function recycle(worker: Worker): void {
    if (workers.get(worker.deploymentId) === worker) workers.delete(worker.deploymentId);
    worker.retire();
  }

  function sweep(): void {
    const now = clock.now();
    memoryBytes = 0;
    for (const worker of workers.values()) {
      worker.memoryBytes = worker.process.memoryBytes() ?? 0;
      memoryBytes += worker.memoryBytes;
      if (worker.inFlight > 0) continue;
      if (now - worker.idleSince >= options.idleMs) evict(worker, 'idle');
      else if (worker.memoryBytes > worker.memoryLimitBytes * MEMORY_HIGH) recycle(worker);
    }
    if (memoryBytes > options.memoryBudgetBytes) evictLeastRecentlyUsed(memoryBytes - options.memoryBudgetBytes);
  }

  /** @throws {PlatformError} `host_memory_exhausted` when no idle worker can make room */
  function makeRoom(): void {
    if (memoryBytes < options.memoryBudgetBytes) return;
    if (!evictLeastRecentlyUsed(memoryBytes - options.memoryBudgetBytes + 1))
      throw new PlatformError('host_memory_exhausted', { retryAfterSeconds: 1 });
  }

  function evictLeastRecentlyUsed(bytes: number): boolean {
    const idle = [...workers.values()].filter((worker) => worker.inFlight === 0).sort((a, b) => a.idleSince - b.idleSince);
    let freed = 0;
    for (const worker of idle) {
      if (freed >= bytes) break;
      freed += worker.memoryBytes;
      memoryBytes -= worker.memoryBytes;
      counters.evictions += 1;
      evict(worker, 'evicted');
    }
    return freed > 0;
  }

  function evict(worker: Worker, reason: 'idle' | 'evicted'): void {
    workers.delete(worker.deploymentId);
    worker.kill(reason);
  }
}
