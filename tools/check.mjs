/**
 * Every check that needs no server: format, lint, types, the house's own rules, dead code, and generated docs.
 * All of them run, whatever the first ones say; each is printed with its time, and its output only where it failed.
 */
import { spawn } from 'node:child_process';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { runOnNode24 } from './run-on-node-24.mjs';

const ROOT = fileURLToPath(new URL('../', import.meta.url));
const bin = (name) => fileURLToPath(new URL(`../node_modules/.bin/${name}`, import.meta.url));

const TSC = fileURLToPath(new URL('../node_modules/typescript/bin/tsc', import.meta.url));

const CHECKS = [
  { name: 'format', command: bin('oxfmt'), args: ['--check', '.'] },
  { name: 'lint', command: bin('oxlint'), args: ['--deny-warnings', '.'] },
  // By its path: the older compilers of the type tests have a command of the same name.
  { name: 'types', command: process.execPath, args: [TSC, '--noEmit'] },
  { name: 'tidy', command: process.execPath, args: ['tools/tidy.ts'] },
  { name: 'dead code', command: process.execPath, args: [bin('knip'), '--no-progress'] },
  { name: 'docs', command: process.execPath, args: ['tools/generate-docs.mjs', '--check'] },
];

export const CHECKS_COUNT = CHECKS.length;

/** Runs every check, prints what it found; resolves with how many failed. */
export async function check() {
  let failed = 0;
  for (const { name, command, args } of CHECKS) {
    const started = performance.now();
    const { ok, output } = await run(command, args);
    console.log(`${ok ? 'ok  ' : 'FAIL'} ${name} (${((performance.now() - started) / 1000).toFixed(1)} s)`);
    if (!ok) {
      failed += 1;
      console.log(output.trimEnd().replace(/^/gm, '     '));
    }
  }
  if (failed > 0)
    console.log(
      `\n${failed} of ${CHECKS.length} checks failed. \`npm run fix\` mends format and some lint; \`npm run docs\` writes the docs anew.`,
    );
  return failed;
}

function run(command, args) {
  return new Promise((resolve) => {
    const child = spawn(command, args, { cwd: ROOT, stdio: ['ignore', 'pipe', 'pipe'] });
    let output = '';
    child.stdout.on('data', (chunk) => (output += chunk));
    child.stderr.on('data', (chunk) => (output += chunk));
    child.on('error', (error) => resolve({ ok: false, output: `Cannot start ${command}: ${error.message}` }));
    child.on('close', (code) => resolve({ ok: code === 0, output }));
  });
}

if (process.argv[1] !== undefined && import.meta.url === pathToFileURL(process.argv[1]).href) {
  await runOnNode24(import.meta.url, async () => {
    process.exitCode = (await check()) === 0 ? 0 : 1;
  });
}
