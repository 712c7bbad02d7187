/**
 * One turn of a thread: everything that is queued. All writes go into one transaction, and are answered together after
 * the commit; one that fails does not take its neighbours along. Then come the reads, which so see every write that was
 * asked for before them.
 */
import type { DatabaseSync, StatementSync } from 'node:sqlite';
import { operations, type OperationName } from '../sql/operations.ts';
import type { Database } from '../sql/schema.ts';
import { StoreFault } from '../sql/store-fault.ts';
import { isFatal, toFault, type Connection } from './connection.ts';
import { createBatchWriter } from './execution-batch.ts';
import type { EncodedBatch, Reply, Request, RequestName, WireFault } from './thread-messages.ts';

export interface RequestTurn {
  /** @throws after a fault of the storage that only a restart can heal; nothing of the turn is acknowledged then */
  run(requests: readonly Request[]): Promise<Reply[]>;
}

type Answer = (request: Request) => Promise<Reply>;

interface Transaction {
  readonly raw: DatabaseSync;
  readonly begin: StatementSync;
  readonly commit: StatementSync;
}

export function createRequestTurn({ raw, db }: Connection, role: 'writer' | 'reader'): RequestTurn {
  // Prepared: to compile these words at every turn costs as much as to write two rows.
  const commit = raw.prepare('commit');
  const writing: Transaction = { raw, begin: raw.prepare('begin immediate'), commit };
  const reading: Transaction = { raw, begin: raw.prepare('begin'), commit };
  const writeBatch = role === 'writer' ? createBatchWriter(raw) : undefined;
  const answer: Answer = async ([number, name, input]) => [number, true, await perform(name, input)];

  async function perform(name: RequestName, input: unknown): Promise<unknown> {
    if (name === 'executions.write') return writeBatch?.(input as EncodedBatch);
    if (name === 'close') return undefined;
    return (operations[name].run as (db: Database, input: unknown) => Promise<unknown>)(db, input);
  }

  return {
    async run(requests) {
      const writes = requests.filter(([, name]) => isWrite(name));
      const replies = writes.length === 0 ? [] : await write(writing, writes, answer);
      for (const request of requests) if (!isWrite(request[1])) replies.push(await read(reading, request, answer));
      return replies;
    },
  };
}

async function write(writing: Transaction, requests: readonly Request[], answer: Answer): Promise<Reply[]> {
  try {
    return await commit(writing, requests, answer);
  } catch (error) {
    if (isFatal(error)) throw error;
    const fault = toWire(error);
    if (requests.length === 1 || fault.code === 'store_unavailable') return requests.map(([number]) => [number, false, fault]);
  }
  // Nothing is stored yet. A savepoint copies each page before it changes, a third of the cost of a row; so they are
  // made only now, when it is known that one of the neighbours fails.
  try {
    return await commit(writing, requests, (request) => answerInSavepoint(writing.raw, request, answer));
  } catch (error) {
    if (isFatal(error)) throw error;
    const fault = toWire(error);
    return requests.map(([number]) => [number, false, fault]);
  }
}

async function commit(writing: Transaction, requests: readonly Request[], answer: Answer): Promise<Reply[]> {
  try {
    writing.begin.run();
    const replies: Reply[] = [];
    for (const request of requests) replies.push(await answer(request));
    writing.commit.run();
    return replies;
  } finally {
    if (writing.raw.isTransaction) writing.raw.exec('rollback');
  }
}

async function answerInSavepoint(raw: DatabaseSync, request: Request, answer: Answer): Promise<Reply> {
  raw.exec('savepoint operation');
  try {
    const reply = await answer(request);
    raw.exec('release operation');
    return reply;
  } catch (error) {
    // Faults such as a full disk end the whole transaction by themselves: then nothing of the turn is stored.
    if (!raw.isTransaction || isFatal(error)) throw error;
    raw.exec('rollback to operation; release operation');
    return [request[0], false, toWire(error)];
  }
}

/** In a transaction, so that the rows of a page and their total are of one moment. */
async function read(reading: Transaction, request: Request, answer: Answer): Promise<Reply> {
  try {
    reading.begin.run();
    return await answer(request);
  } catch (error) {
    if (isFatal(error)) throw error;
    return [request[0], false, toWire(error)];
  } finally {
    if (reading.raw.isTransaction) reading.commit.run();
  }
}

function isWrite(name: RequestName): boolean {
  return name === 'executions.write' || (name !== 'close' && operations[name as OperationName].lane === 'write');
}

export function toWire(error: unknown): WireFault {
  const fault = toFault(error);
  if (fault instanceof StoreFault) return { code: fault.code, message: fault.message };
  return {
    code: 'general_server_error',
    message: `The store refused a statement: ${fault instanceof Error ? fault.message : String(fault)}`,
  };
}
