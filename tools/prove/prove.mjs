/** Runs the proof on Node 24. `npm run prove -- --quick`, `--mutants`, `--only kills-sqlite`, `--seed n`, `--json`. */
import { runOnNode24 } from '../run-on-node-24.mjs';

await runOnNode24(import.meta.url, async () => {
  const { main } = await import('./main.ts');
  process.exitCode = await main(process.argv.slice(2));
});
