/**
 * `npm test`: what a fresh machine needs, every check, every test. `--no-check` leaves the checks out; everything else
 * is handed to vitest, e.g. `npm test -- packages/worker`. The last line counts checks and tests together.
 */
import { spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { CHECKS_COUNT, check } from './check.mjs';
import { ensureBubblewrap } from './install/ensure-bubblewrap.mjs';
import { ensureChromium } from './install/ensure-chromium.mjs';
import { ensurePostgres } from './install/ensure-postgres.mjs';
import { runOnNode24 } from './run-on-node-24.mjs';

const ROOT = fileURLToPath(new URL('../', import.meta.url));
const VITEST = fileURLToPath(new URL('../node_modules/vitest/vitest.mjs', import.meta.url));

await runOnNode24(import.meta.url, async () => {
  const args = process.argv.slice(2);
  const withChecks = !args.includes('--no-check');
  ensureBubblewrap();
  ensurePostgres();
  if (mayRunPages(args)) ensureChromium();
  const failedChecks = withChecks ? await check() : 0;
  const tests = await runTests(args.filter((arg) => arg !== '--no-check'));

  if (tests.skipped.length > 0) console.log('\nSkipped, and why:');
  for (const { test, reason } of tests.skipped) console.log(`  ${test}: ${reason}`);
  const failed = tests.failed + failedChecks;
  const passed = tests.passed + (withChecks ? CHECKS_COUNT - failedChecks : 0);
  if (failedChecks > 0) console.log(`\n${failedChecks} of the failures are checks; they stand above the tests.`);
  console.log(`\n${passed} passed, ${failed} failed, ${tests.skipped.length} skipped`);
  process.exitCode = failed === 0 && tests.exitCode === 0 ? 0 : 1;
});

/** A browser is large; a run of other folders only does not ask for one. */
function mayRunPages(args) {
  const paths = args.filter((arg) => !arg.startsWith('-'));
  return paths.length === 0 || paths.some((path) => path.includes('e2e'));
}

async function runTests(args) {
  const folder = mkdtempSync(join(tmpdir(), 'martlet-test-'));
  const file = join(folder, 'summary.json');
  try {
    const exitCode = await runVitest(args, file);
    return { ...readSummary(file), exitCode };
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

function runVitest(args, summaryFile) {
  return new Promise((resolve, reject) => {
    const reporters = ['--reporter=default', '--reporter=./tools/test-summary.mjs'];
    const child = spawn(process.execPath, [VITEST, 'run', ...reporters, ...args], {
      cwd: ROOT,
      stdio: ['ignore', 'inherit', 'inherit'],
      env: { ...process.env, TEST_SUMMARY_FILE: summaryFile },
    });
    child.on('error', reject);
    child.on('exit', (code) => resolve(code ?? 1));
  });
}

/** A run that wrote no summary ended before its time, which is a failure of its own. */
function readSummary(file) {
  try {
    return JSON.parse(readFileSync(file, 'utf8'));
  } catch {
    console.error('Cannot count the tests: vitest ended without a summary; its output above says why.');
    return { passed: 0, failed: 1, skipped: [] };
  }
}
