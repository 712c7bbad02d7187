/** Files that import each other in a circle. Type imports do not count: nothing is left of them at run time. */
import { posix } from 'node:path';
import type { Finding, Rule, SourceFile } from './source-file.ts';

export const checkCycles: Rule = (files) => {
  const graph = new Map(files.map((file) => [file.path, importedFiles(file)]));
  const state = new Map<string, 'open' | 'done'>();
  const findings: Finding[] = [];
  const trail: string[] = [];

  const visit = (path: string): void => {
    if (state.get(path) === 'done') return;
    if (state.get(path) === 'open') {
      const circle = [...trail.slice(trail.indexOf(path)), path];
      findings.push({ path, line: 1, message: `is part of an import circle: ${circle.join(' → ')}` });
      return;
    }
    state.set(path, 'open');
    trail.push(path);
    for (const next of graph.get(path) ?? []) if (graph.has(next)) visit(next);
    trail.pop();
    state.set(path, 'done');
  };

  for (const file of files) visit(file.path);
  return findings;
};

function importedFiles(file: SourceFile): string[] {
  return file.imports
    .filter((entry) => !entry.typeOnly && !entry.dynamic && entry.specifier.startsWith('.'))
    .map((entry) => posix.join(posix.dirname(file.path), entry.specifier));
}
