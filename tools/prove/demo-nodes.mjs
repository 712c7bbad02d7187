/** `npm run demo:nodes`: three servers on one PostgreSQL, one of them killed in the middle. */
import { ensurePostgres } from '../install/ensure-postgres.mjs';
import { runOnNode24 } from '../run-on-node-24.mjs';

await runOnNode24(import.meta.url, async () => {
  ensurePostgres();
  const { demo } = await import('./demo.ts');
  process.exitCode = await demo();
});
