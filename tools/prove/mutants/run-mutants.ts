/** Plants each fault in a copy of the sources and runs there what must find it. */
import { spawn } from 'node:child_process';
import { cpSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Ran } from '../main.ts';
import { mutants, type Mutant } from './mutants.ts';

const ROOT = fileURLToPath(new URL('../../../', import.meta.url));
const COPIED = ['packages', 'tools', 'fixtures', 'package.json', 'vitest.config.ts', 'tsconfig.json'];
const RUN_MS_MAX = 400_000;

/** @returns the exit code: 1 where one was not caught */
export async function proveMutants(only: readonly string[]): Promise<number> {
  const stale = mutants.flatMap(unplantable);
  if (stale.length > 0) throw new Error(stale.join('\n'));
  const chosen = mutants.filter(({ name }) => only.length === 0 || only.some((part) => name.includes(part)));
  const results: { readonly name: string; readonly by: string; readonly caught: boolean; readonly what: string }[] = [];
  for (const mutant of chosen) {
    const { caughtBy } = mutant;
    const by = 'test' in caughtBy ? caughtBy.test : `${caughtBy.scenario}: ${caughtBy.promises.join(' or ')}`;
    const what = await findFault(mutant);
    results.push({ name: mutant.name, by, caught: what !== undefined, what: what ?? 'NOT CAUGHT' });
    console.error(`${mutant.name}: ${what ?? 'NOT CAUGHT'}`);
  }
  console.log('| planted fault | looked for by | found |\n| --- | --- | --- |');
  for (const { name, by, what } of results) console.log(`| ${name} | ${by} | ${what.replaceAll('|', '/').slice(0, 160)} |`);
  const caught = results.filter((result) => result.caught).length;
  console.log(`\n${caught}/${results.length} planted faults caught`);
  return caught === results.length ? 0 : 1;
}

/** @returns which of its edits the sources have moved away from */
export function unplantable({ name, edits }: Mutant): string[] {
  return edits
    .filter(({ file, find }) => readFileSync(join(ROOT, file), 'utf8').split(find).length !== 2)
    .map(({ file, find }) => `Cannot plant "${name}": ${file} does not have this once: ${find}`);
}

/** @returns what gave it away; undefined where nothing did */
async function findFault(mutant: Mutant): Promise<string | undefined> {
  const folder = copyWith(mutant);
  try {
    return await lookFor(mutant, folder);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

function copyWith({ edits }: Mutant): string {
  const folder = mkdtempSync(join(tmpdir(), 'martlet-mutant-'));
  for (const entry of COPIED)
    cpSync(join(ROOT, entry), join(folder, entry), { recursive: true, filter: (path) => !path.endsWith('node_modules') });
  // Packages of others are linked; our own must be those of the copy.
  mkdirSync(join(folder, 'node_modules/@martlet'), { recursive: true });
  for (const entry of readdirSync(join(ROOT, 'node_modules')))
    if (entry !== '@martlet') symlinkSync(join(ROOT, 'node_modules', entry), join(folder, 'node_modules', entry));
  for (const entry of readdirSync(join(ROOT, 'node_modules/@martlet')))
    symlinkSync(join(folder, 'packages', entry), join(folder, 'node_modules/@martlet', entry));
  for (const { file, find, replace } of edits) {
    const text = readFileSync(join(folder, file), 'utf8');
    writeFileSync(
      join(folder, file),
      text.replace(find, () => replace),
    );
  }
  return folder;
}

async function lookFor({ caughtBy }: Mutant, folder: string): Promise<string | undefined> {
  if ('test' in caughtBy) {
    const { code, output } = await run(folder, ['node_modules/vitest/vitest.mjs', 'run', caughtBy.test]);
    if (code === 0) return undefined;
    const counterexample = /Counterexample: .*/.exec(output)?.[0];
    if (counterexample === undefined) throw new Error(`The test failed for another reason:\n${output.slice(-3000)}`);
    return counterexample;
  }
  const { output } = await run(folder, ['tools/prove/prove.mjs', '--json', '--scale', '1', '--seed', '1', '--only', caughtBy.scenario]);
  const line = output.split('\n').find((text) => text.startsWith('{"seed"'));
  if (line === undefined) throw new Error(`The proof gave no result:\n${output.slice(-3000)}`);
  const { ran } = JSON.parse(line) as { ran: readonly Ran[] };
  const verdicts = ran.flatMap((one) => one.verdicts).filter(({ violations }) => violations.length > 0);
  const named = verdicts.find(({ promise }) => caughtBy.promises.includes(promise));
  if (named === undefined && verdicts.length > 0)
    console.error(`  other promises were broken: ${verdicts.map(({ promise, violations }) => `${promise} (${violations[0]})`).join('; ')}`);
  return named === undefined ? undefined : `${named.promise}: ${named.violations[0]}`;
}

function run(cwd: string, args: readonly string[]): Promise<{ code: number | null; output: string }> {
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, args, { cwd, stdio: ['ignore', 'pipe', 'pipe'], timeout: RUN_MS_MAX });
    let output = '';
    child.stdout.on('data', (chunk: Buffer) => (output += chunk.toString()));
    child.stderr.on('data', (chunk: Buffer) => (output += chunk.toString()));
    child.on('error', reject);
    child.on('close', (code) => resolve({ code, output }));
  });
}
