/** Runs the proof on Node 24. `npm run prove -- --quick`, `--mutants`, `--only kills-sqlite`, `--seed n`, `--json`. */
import { ensureBubblewrap } from '../install/ensure-bubblewrap.mjs';
import { ensurePostgres } from '../install/ensure-postgres.mjs';
import { runOnNode24 } from '../run-on-node-24.mjs';

await runOnNode24(import.meta.url, async () => {
  ensureBubblewrap();
  ensurePostgres();
  const { main } = await import('./main.ts');
  process.exitCode = await main(process.argv.slice(2));
});
