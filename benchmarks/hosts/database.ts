/** Looks into the database of a server that runs, past the server: what is there is on record. */
import { DatabaseSync } from 'node:sqlite';
import pg from 'pg';
import { findDatabase, type StoreAt } from './stores.ts';

export interface DatabaseView {
  rows<Row extends object>(text: string): Promise<Row[]>;
  close(): Promise<void>;
}

export async function viewDatabase({ url, dataDir }: StoreAt): Promise<DatabaseView> {
  if (url === undefined) {
    const database = new DatabaseSync(findDatabase(dataDir), { readOnly: true });
    return {
      rows: <Row extends object>(text: string) => Promise.resolve(database.prepare(text).all() as Row[]),
      close: () => Promise.resolve(database.close()),
    };
  }
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  return {
    rows: async <Row extends object>(text: string) => (await client.query<Row>(text)).rows,
    close: () => client.end(),
  };
}
