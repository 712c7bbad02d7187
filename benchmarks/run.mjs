/**
 * `npm run bench`: measures Martlet against its peers. The peers have a package file of their own, so that nobody who
 * uses or develops Martlet has to install them; they are installed here when they are missing.
 */
import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { runOnNode24 } from '../tools/run-on-node-24.mjs';

await runOnNode24(import.meta.url, async () => {
  if (!installPeers()) {
    process.exitCode = 1;
    return;
  }
  const { main } = await import('./measure/main.ts');
  process.exitCode = await main(process.argv.slice(2));
});

function installPeers() {
  if (existsSync(new URL('./node_modules/.package-lock.json', import.meta.url))) return true;
  console.error('Installing the peers (npm ci --prefix benchmarks) …');
  const folder = fileURLToPath(new URL('.', import.meta.url));
  const { status, error } = spawnSync('npm', ['ci', '--prefix', folder, '--ignore-scripts', '--no-audit', '--no-fund'], {
    stdio: ['ignore', 2, 2],
  });
  if (status === 0) return true;
  console.error(`Cannot install the peers: ${error?.message ?? `npm ended with ${status}`}. Run npm ci --prefix benchmarks to see why.`);
  return false;
}
