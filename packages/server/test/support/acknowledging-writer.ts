/** A process that writes executions and prints the id of each one as soon as its write has resolved, until it is killed. */
import { createSqliteStore } from '../../src/drivers/sqlite-store/sqlite-store.ts';
import { aWrite } from './rows.ts';

const silent = { debug: () => undefined, info: () => undefined, warn: () => undefined, error: () => undefined };
const store = createSqliteStore({ path: process.argv[2] ?? '', log: silent });
await store.open();

await Promise.all(
  Array.from({ length: 8 }, async (_, writer) => {
    for (let count = 0; ; count += 1) {
      const id = `${writer}-${count}`;
      await store.executions.write([aWrite({ id }, id), aWrite({ id: `${id}-open`, status: 'processing', endedAt: null })]);
      process.stdout.write(`${id}\n`);
    }
  }),
);
