/** A step of the schema, written once for every dialect. */
import { start } from './migrations/0001-start.ts';
import { queue } from './migrations/0002-queue.ts';
import { triggers } from './migrations/0003-triggers.ts';
import { identity } from './migrations/0004-identity.ts';
import { leanExecutions } from './migrations/0005-lean-executions.ts';
import { webhooks } from './migrations/0006-webhooks.ts';

/** How a dialect says what a migration needs. */
export interface SqlWords {
  /** Type of a key that counts up by itself. */
  readonly seq: string;
  /** Whole number of 53 bits or more. */
  readonly int: string;
  readonly real: string;
  readonly bytes: string;
  /** What follows the closing bracket of a table. */
  readonly strict: string;
  /** The expression of `ownerKey` over two expressions, for rows that are older than the numbers. */
  ownerKey(projectId: string, functionId: string): string;
}

export interface Migration {
  /** Counts from 1 without gaps. */
  readonly number: number;
  readonly name: string;
  sql(words: SqlWords): string;
}

/** A released migration never changes: its checksum is on record in every database. */
export const migrations: readonly Migration[] = [start, queue, triggers, identity, leanExecutions, webhooks];
