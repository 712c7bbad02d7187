/** One connection in use: statements, and Kysely over them. */
import { Kysely, PostgresAdapter, PostgresIntrospector, PostgresQueryCompiler, type DatabaseConnection, type Driver } from 'kysely';
import type { PoolClient } from 'pg';
import type { Schema } from '../sql/schema.ts';
import { toFault } from './faults.ts';
import { bindValues } from './values.ts';

/** A connection, and since when it waits for an answer: milliseconds since 1970, 0 while it does not. */
export interface Asked {
  readonly client: PoolClient;
  since: number;
}

export interface Answer<Row> {
  readonly rows: Row[];
  /** Rows that were inserted, changed or deleted. */
  readonly affected: number;
}

export interface Session {
  readonly db: Kysely<Schema>;
  /** One statement with values. */
  query<Row>(text: string, values?: readonly unknown[]): Promise<Answer<Row>>;
  /** Statements without values, separated by semicolons, in one message. */
  script(text: string): Promise<void>;
}

export function createSession(asked: Asked): Session {
  const waiting = async <Result>(answer: Promise<Result>): Promise<Result> => {
    asked.since = Date.now();
    try {
      return await answer;
    } catch (error) {
      throw toFault(error);
    } finally {
      asked.since = 0;
    }
  };

  const session: Omit<Session, 'db'> = {
    async query<Row>(text: string, values: readonly unknown[] = []) {
      const bound = bindValues(text, values);
      const { rows, rowCount } = await waiting(asked.client.query(bound.text, [...bound.values]));
      return { rows: rows as Row[], affected: rowCount ?? 0 };
    },
    async script(text) {
      await waiting(asked.client.query(text));
    },
  };
  return { ...session, db: kyselyOver(session) };
}

/** Transactions are ours to begin and end, so that several operations can share one. */
function kyselyOver(session: Omit<Session, 'db'>): Kysely<Schema> {
  const connection: DatabaseConnection = {
    async executeQuery<Row>({ sql, parameters }: { sql: string; parameters: readonly unknown[] }) {
      const { rows, affected } = await session.query<Row>(sql, parameters);
      return { rows, numAffectedRows: BigInt(affected) };
    },
    streamQuery: () => refuse('stream'),
  };
  const driver: Driver = {
    init: () => Promise.resolve(),
    acquireConnection: () => Promise.resolve(connection),
    beginTransaction: () => refuse('begin a transaction'),
    commitTransaction: () => refuse('commit'),
    rollbackTransaction: () => refuse('roll back'),
    releaseConnection: () => Promise.resolve(),
    destroy: () => Promise.resolve(),
  };
  return new Kysely<Schema>({
    dialect: {
      createAdapter: () => new PostgresAdapter(),
      createDriver: () => driver,
      createIntrospector: (db) => new PostgresIntrospector(db),
      createQueryCompiler: () => new PostgresQueryCompiler(),
    },
  });
}

function refuse(what: string): never {
  throw new Error(`An operation may not ${what}: it runs in the transaction that it was given.`);
}
