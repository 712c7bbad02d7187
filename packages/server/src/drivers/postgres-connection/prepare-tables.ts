/** Makes tables of a driver that are not part of the store's migrations; of nodes that start at once one does it. */
import type { Connections } from './connections.ts';

/** "Mart" and the number of what is locked. */
const TABLES_LOCK = 0x4d61727401;

/** `script` makes only what is missing. */
export async function prepareTables(connections: Connections, script: string): Promise<void> {
  await connections.write(async (session) => {
    await session.query('select pg_advisory_xact_lock($1)', [TABLES_LOCK]);
    await session.script(script);
  });
}
