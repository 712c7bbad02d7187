/**
 * Writes the record of executions in batches. An execution that ends within `LATE_MS` costs one write; a longer one is
 * written as `processing` first, with its log so far, so that a crash of the server leaves a trace of it. Nothing here
 * is waited for by an answer, unless a function asks for durability.
 */
import type { Log } from '../../ports/system/log.ts';
import type { ExecutionRow, ExecutionStore, ExecutionWrite } from '../../ports/store.ts';
import { isPlatformError, type LogLine } from '@martlet/protocol';
import type { PendingExecution } from './invocation.ts';
import { LiveList } from './live-list.ts';

/** What the recorder must know of an execution that runs. */
export interface Recordable {
  readonly id: string;
  /** Milliseconds of `performance.now()` at which it began. */
  readonly beganAt: number;
  row(): ExecutionRow;
  lines(): readonly LogLine[];
}

/** The record of one execution, from its beginning to its commit. */
export interface Recording {
  /** The execution has its final row. `now`: of `performance.now()`. */
  ended(now: number): void;
  /** Settles when the final row is durable, which is after its end. Never rejects. */
  whenRecorded(): Promise<void>;
  /** Lines that the store does not have yet, for records that are not the recorder's. */
  unwritten?(): readonly LogLine[];
}

export interface Recorder {
  began(execution: Recordable): Recording;
  pending(executionId: string): PendingExecution | undefined;
  /** Rows that wait for their commit. */
  readonly backlog: number;
  /** How long the oldest of them has waited. */
  readonly oldestMs: number;
  /** Writes everything out. */
  flush(): Promise<void>;
  close(): Promise<void>;
}

/**
 * A record is to be visible 10 ms after the answer; most of that goes to waiting for company in the commit, since what a
 * commit costs beside its rows is the same for one and for two hundred.
 */
const GATHER_MS = 6;
const BATCH_MAX = 1000;
const LATE_MS = 100;
const LOOK_MS = 25;
/** Lines of a long execution reach the store this often. */
const SAVE_LINES_MS = 1000;
const RETRY_MS = 500;
/** A server that stops does not wait for a store that is away; the next start ends what is on record as running. */
const FLUSH_MS_MAX = 10_000;

class Entry implements Recording {
  place = -1;
  /**
   * What is on record now. After the end it is a plain copy: the execution itself holds request, response and sockets,
   * which would live on until the commit and be copied by the garbage collector.
   */
  execution: Recordable;
  linesWritten = 0;
  writtenAt = 0;
  hasEnded = false;
  recorded = false;
  /** Whether the row that was written last is the final one: an execution may end while its first row is on the way. */
  finalWritten = false;
  /** Waits to be written while it runs. */
  queued = false;
  /** Milliseconds of `performance.now()`. */
  endedAt = 0;
  readonly #onEnd: (entry: Entry) => void;
  readonly #hurry: () => void;
  #waiters: (() => void)[] | undefined;

  constructor(execution: Recordable, onEnd: (entry: Entry) => void, hurry: () => void) {
    this.execution = execution;
    this.#onEnd = onEnd;
    this.#hurry = hurry;
  }

  /** Whether somebody waits for its commit. */
  get isAwaited(): boolean {
    return this.#waiters !== undefined;
  }

  ended(now: number): void {
    this.execution = new FinalRecord(this.execution);
    this.hasEnded = true;
    this.endedAt = now;
    this.#onEnd(this);
  }

  whenRecorded(): Promise<void> {
    if (this.recorded) return Promise.resolve();
    if (this.hasEnded && !this.finalWritten) this.#hurry();
    return new Promise((resolve) => {
      (this.#waiters ??= []).push(resolve);
    });
  }

  settle(): void {
    this.recorded = true;
    this.#waiters?.forEach((resolve) => resolve());
  }
}

class FinalRecord implements Recordable {
  readonly id: string;
  readonly beganAt: number;
  readonly #row: ExecutionRow;
  readonly #lines: readonly LogLine[];

  constructor(execution: Recordable) {
    this.id = execution.id;
    this.beganAt = execution.beganAt;
    this.#row = execution.row();
    this.#lines = execution.lines();
  }

  row(): ExecutionRow {
    return this.#row;
  }

  lines(): readonly LogLine[] {
    return this.#lines;
  }
}

export interface RecorderOptions {
  readonly executions: ExecutionStore;
  readonly log: Log;
  /** Of this server, for the record of what it has not ended yet. */
  readonly serverId: string;
}

export function createRecorder({ executions, log, serverId }: RecorderOptions): Recorder {
  const entries = new LiveList<Entry>();
  let ready: Entry[] = [];
  /** When the first of them came, in milliseconds of `performance.now()`. */
  let readySince = 0;
  let hurried = false;
  let writing: Promise<void> | undefined;
  let timer: NodeJS.Timeout | undefined;
  const lateTimer = setInterval(recordLate, LOOK_MS);
  lateTimer.unref();

  return {
    began(execution) {
      const entry = new Entry(execution, onEnd, hurry);
      entries.add(entry);
      return entry;
    },
    pending(executionId) {
      const entry = entries.find(({ execution }) => execution.id === executionId);
      return entry === undefined ? undefined : { row: entry.execution.row(), lines: entry.execution.lines() };
    },
    get backlog() {
      return ready.length;
    },
    get oldestMs() {
      const endedAt = ready[0]?.endedAt;
      return endedAt === undefined || endedAt === 0 ? 0 : performance.now() - endedAt;
    },
    flush,
    async close() {
      clearInterval(lateTimer);
      await flush();
    },
  };

  function onEnd(entry: Entry): void {
    add(entry, entry.endedAt);
    if (entry.isAwaited) hurry();
  }

  function add(entry: Entry, now: number): void {
    if (ready.length === 0) readySince = now;
    ready.push(entry);
    // Behind a write that is under way, its end sees to it.
    if (writing === undefined) timer ??= setTimeout(startWrite, GATHER_MS);
  }

  /** Somebody waits for the commit of a row that is ready: it is worth no company but that of this turn of the loop. */
  function hurry(): void {
    if (hurried) return;
    hurried = true;
    if (writing === undefined) setImmediate(startWrite);
  }

  function startWrite(): void {
    clearTimeout(timer);
    timer = undefined;
    if (writing !== undefined || ready.length === 0) return;
    hurried = false;
    const batch = ready.splice(0, BATCH_MAX);
    writing = write(batch).finally(() => {
      writing = undefined;
      writeNext();
    });
  }

  /** What came during a write waits for company as well: at once, a fast disk would make a commit of every few rows. */
  function writeNext(): void {
    if (ready.length === 0) return;
    const waitMs = hurried ? 0 : GATHER_MS - (performance.now() - readySince);
    if (waitMs > 0) timer = setTimeout(startWrite, waitMs);
    else startWrite();
  }

  async function write(batch: readonly Entry[]): Promise<void> {
    const linesBefore = batch.map((entry) => entry.linesWritten);
    try {
      await executions.write(batch.map(toWrite));
    } catch (error) {
      batch.forEach((entry, index) => {
        entry.linesWritten = linesBefore[index] ?? 0;
      });
      await (isPlatformError(error) && error.code === 'store_unavailable' ? keepForLater(batch, error) : writeOneByOne(batch, error));
      return;
    }
    batch.forEach(settle);
  }

  /** The store is away. The rows are kept and tried again: they are the only trace of what has run. */
  async function keepForLater(batch: readonly Entry[], error: unknown): Promise<void> {
    log.error({ err: error, executions: batch.length }, 'Cannot write execution records; trying again');
    ready = [...batch, ...ready];
    await new Promise((resolve) => {
      setTimeout(resolve, RETRY_MS);
    });
  }

  /** A batch is written whole or not at all: one row that the store refuses must not take the others with it. */
  async function writeOneByOne(batch: readonly Entry[], error: unknown): Promise<void> {
    log.error({ err: error, executions: batch.length }, 'The store refused a batch of execution records; writing them one by one');
    for (const entry of batch) {
      const linesBefore = entry.linesWritten;
      try {
        await executions.write([toWrite(entry)]);
      } catch (refusal) {
        if (isPlatformError(refusal) && refusal.code === 'store_unavailable') {
          entry.linesWritten = linesBefore;
          await keepForLater([entry], refusal);
          continue;
        }
        log.error({ err: refusal, executionId: entry.execution.id }, 'The store refused the record of an execution; it is lost');
      }
      settle(entry);
    }
  }

  function settle(entry: Entry): void {
    if (!entry.finalWritten) return;
    entries.remove(entry);
    entry.settle();
  }

  function toWrite(entry: Entry): ExecutionWrite {
    const lines = entry.execution.lines();
    const fresh = entry.linesWritten === 0 ? lines : lines.slice(entry.linesWritten);
    entry.linesWritten = lines.length;
    entry.writtenAt = performance.now();
    entry.queued = false;
    entry.finalWritten = entry.hasEnded;
    const row = entry.execution.row();
    return entry.hasEnded ? { row, lines: fresh } : { row, lines: fresh, serverId };
  }

  /** Executions that run for longer than an eye-blink get their first row, and their new lines, while they run. */
  function recordLate(): void {
    const now = performance.now();
    for (const entry of entries.all()) {
      if (entry.hasEnded || entry.queued || now - entry.execution.beganAt < LATE_MS) continue;
      const first = entry.writtenAt === 0;
      const newLines = entry.execution.lines().length > entry.linesWritten && now - entry.writtenAt > SAVE_LINES_MS;
      if (!first && !newLines) continue;
      entry.queued = true;
      add(entry, now);
    }
  }

  async function flush(): Promise<void> {
    const deadline = performance.now() + FLUSH_MS_MAX;
    while ((ready.length > 0 || writing !== undefined) && performance.now() < deadline) {
      startWrite();
      await writing;
    }
  }
}
