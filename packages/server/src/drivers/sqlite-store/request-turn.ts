/**
 * One turn of a thread: everything that is queued. All writes go into one transaction, each in a savepoint of its own,
 * so that one that fails does not take its neighbours along; they are answered together, after the commit. Then the
 * reads, which so see every write that was asked for before them.
 */
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

export function createRequestTurn(connection: Connection, role: 'writer' | 'reader'): RequestTurn {
  const { raw, db } = connection;
  const writeBatch = role === 'writer' ? createBatchWriter(raw) : undefined;

  async function perform(name: RequestName, input: unknown): Promise<unknown> {
    if (name === 'executions.write') return writeBatch?.(input as EncodedBatch);
    if (name === 'close') return undefined;
    return (operations[name].run as (db: Database, input: unknown) => Promise<unknown>)(db, input);
  }

  async function write(requests: readonly Request[]): Promise<Reply[]> {
    const replies: Reply[] = [];
    try {
      raw.exec('begin immediate');
      for (const [number, name, input] of requests) replies.push(await guarded(number, () => perform(name, input)));
      raw.exec('commit');
      return replies;
    } catch (error) {
      if (raw.isTransaction) raw.exec('rollback');
      if (isFatal(error)) throw error;
      return requests.map(([number]) => [number, false, toWire(error)]);
    }
  }

  async function guarded(number: number, operate: () => Promise<unknown>): Promise<Reply> {
    raw.exec('savepoint operation');
    try {
      const result = await operate();
      raw.exec('release operation');
      return [number, true, result];
    } catch (error) {
      // Faults such as a full disk end the whole transaction by themselves: then nothing of the turn is stored.
      if (!raw.isTransaction || isFatal(error)) throw error;
      raw.exec('rollback to operation; release operation');
      return [number, false, toWire(error)];
    }
  }

  /** In a transaction, so that the rows of a page and their total are of one moment. */
  async function read([number, name, input]: Request): Promise<Reply> {
    try {
      raw.exec('begin');
      const result = await perform(name, input);
      return [number, true, result];
    } catch (error) {
      if (isFatal(error)) throw error;
      return [number, false, toWire(error)];
    } finally {
      if (raw.isTransaction) raw.exec('commit');
    }
  }

  return {
    async run(requests) {
      const writes = requests.filter(([, name]) => isWrite(name));
      const replies = writes.length === 0 ? [] : await write(writes);
      for (const request of requests) if (!isWrite(request[1])) replies.push(await read(request));
      return replies;
    },
  };
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
