/** Which database a statement is for, where one text does not do for both. */
import { PostgresAdapter } from 'kysely';
import type { Database } from '../schema.ts';

export const isPostgres = (db: Database): boolean => db.getExecutor().adapter instanceof PostgresAdapter;
