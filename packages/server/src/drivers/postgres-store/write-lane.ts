/**
 * Writes in the order in which they were asked for, as many as are waiting in one transaction. One that the server
 * refuses does not take its neighbours along: nothing of the transaction is stored then, and each is done by itself.
 */
import type { Connections } from '../postgres-connection/connections.ts';
import { isAnswer, toPlatformError } from '../postgres-connection/faults.ts';
import type { Session } from '../postgres-connection/session.ts';
import { StoreFault } from '../sql/store-fault.ts';
import { writeBatches, type EncodedBatch } from './execution-batch.ts';

/** An operation, or a batch of executions: batches that follow each other are one statement. */
export type Write =
  | {
      readonly operate: (session: Session) => Promise<unknown>;
      /** A transaction by itself, so that it spares two round trips when it is alone. */
      readonly isOneStatement: boolean;
    }
  | { readonly batch: EncodedBatch };

export interface WriteLane {
  /** Resolves when it is durable. @throws {PlatformError} */
  add(write: Write): Promise<unknown>;
  /** Settles when everything that was added so far has been answered. Never rejects. */
  settled(): Promise<unknown>;
}

interface Waiting {
  readonly write: Write;
  readonly resolve: (result: unknown) => void;
  readonly reject: (error: Error) => void;
}

/** Bounds how long the first one of a transaction waits for its commit. */
const TOGETHER_MAX = 64;
const ROWS_MAX = 4000;

export function createWriteLane(connections: Connections): WriteLane {
  const queue: Waiting[] = [];
  let running = false;
  let last: Promise<unknown> = Promise.resolve();

  async function run(): Promise<void> {
    running = true;
    while (queue.length > 0) {
      const together = take(queue);
      await commit(together).then(
        (results) => together.forEach(({ resolve }, index) => resolve(results[index])),
        (error: unknown) => refused(together, error),
      );
    }
    running = false;
  }

  async function refused(together: readonly Waiting[], error: unknown): Promise<void> {
    // What was not answered may be stored, and is never tried again by us.
    if (together.length === 1 || !isAnswerAboutOne(error)) {
      together.forEach(({ reject }) => reject(toPlatformError(error)));
      return;
    }
    for (const { write, resolve, reject } of together)
      await connections.write((session) => perform(session, write)).then(resolve, (each: unknown) => reject(toPlatformError(each)));
  }

  async function commit(together: readonly Waiting[]): Promise<readonly unknown[]> {
    const batches = together.flatMap(({ write }) => ('batch' in write ? [write.batch] : []));
    if (batches.length === together.length) {
      await connections.writeAtOnce((session) => writeBatches(session, batches));
      return [];
    }
    const [only] = together;
    if (together.length === 1 && only !== undefined && 'operate' in only.write && only.write.isOneStatement)
      return [await connections.writeAtOnce(only.write.operate)];
    return connections.write(async (session) => {
      const results: unknown[] = [];
      for (const { write } of together) results.push(await perform(session, write));
      return results;
    });
  }

  return {
    add(write) {
      const added = new Promise<unknown>((resolve, reject) => {
        queue.push({ write, resolve, reject });
      });
      last = added.catch(() => undefined);
      if (!running) void run();
      return added;
    },
    settled: () => last,
  };
}

function perform(session: Session, write: Write): Promise<unknown> {
  return 'batch' in write ? writeBatches(session, [write.batch]) : write.operate(session);
}

function take(queue: Waiting[]): Waiting[] {
  let rows = 0;
  const end = queue.findIndex(({ write }, index) => {
    rows += 'batch' in write ? write.batch.length : 1;
    return index > 0 && (index >= TOGETHER_MAX || rows > ROWS_MAX);
  });
  return queue.splice(0, end === -1 ? queue.length : end);
}

/** Whether the fault lies in one of several writes; an operation that throws a fault of its own has done so in full knowledge. */
function isAnswerAboutOne(error: unknown): boolean {
  if (isAnswer(error)) return !(error instanceof StoreFault && error.code === 'store_unavailable') || isDeadlock(error);
  return !(error instanceof StoreFault && error.code === 'store_unavailable');
}

function isDeadlock(error: StoreFault): boolean {
  return error.cause instanceof Error && 'code' in error.cause && error.cause.code === '40P01';
}
