/**
 * Holds the rules of the house that no other tool knows: layers, circles, sizes, words, the error registry.
 * `node tools/tidy.ts` prints what is against them and ends with 1 if there is anything.
 */
import { globSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { errorSpecs } from '@martlet/protocol';
import { checkCycles } from './tidy/cycles.ts';
import { checkFunctionLengths } from './tidy/function-lengths.ts';
import { checkLayers } from './tidy/layers.ts';
import { checkErrorCodes, checkHeads } from './tidy/registry.ts';
import { checkSizes } from './tidy/sizes.ts';
import type { Finding, Rule, SourceFile } from './tidy/source-file.ts';
import { createSourceFile } from './tidy/source-file.ts';
import { checkWords } from './tidy/words.ts';

const ROOT = fileURLToPath(new URL('../', import.meta.url));
const PATTERNS = [
  'packages/*/{src,test,bin}/**/*.{ts,mjs}',
  '{tools,e2e,benchmarks,fixtures}/**/*.{ts,mjs}',
  'examples/{functions,shared}/**/*.ts',
];
const FOREIGN = /(?:^|\/)(?:node_modules|dist|results)(?:\/|$)/;

const rules: readonly Rule[] = [
  checkLayers,
  checkCycles,
  checkSizes,
  checkFunctionLengths,
  checkWords,
  checkHeads,
  checkErrorCodes(Object.keys(errorSpecs)),
];

export function tidy(files: readonly SourceFile[]): Finding[] {
  return rules.flatMap((rule) => rule(files)).toSorted((a, b) => a.path.localeCompare(b.path) || a.line - b.line);
}

export function readSourceFiles(root: string = ROOT): SourceFile[] {
  return globSync(PATTERNS, { cwd: root, exclude: (path) => FOREIGN.test(path) })
    .filter((path) => !FOREIGN.test(path))
    .toSorted()
    .map((path) => createSourceFile(path, readFileSync(`${root}/${path}`, 'utf8')));
}

if (import.meta.main) {
  const files = readSourceFiles();
  const findings = tidy(files);
  for (const { path, line, message } of findings) console.error(`${path}:${line} ${message}`);
  console.error(findings.length === 0 ? `tidy: ${files.length} files` : `tidy: ${findings.length} findings in ${files.length} files`);
  process.exitCode = findings.length === 0 ? 0 : 1;
}
