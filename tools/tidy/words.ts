/** One word per thing: words that are not ours, in names of files and identifiers, and marks of unfinished work. */
import type { Finding, Rule, SourceFile } from './source-file.ts';
import { lineAt } from './source-file.ts';

/** Each with what to say. Only whole words of a name count: `containerId` and `lambda.ts`, not `lambdaless`. */
const BANNED: ReadonlyMap<string, string> = new Map([
  ['utils', 'a file is named after what is in it'],
  ['util', 'a file is named after what is in it'],
  ['helpers', 'a file is named after what is in it'],
  ['helper', 'say what it does'],
  ['common', 'what two layers need belongs to domain or protocol'],
  ['misc', 'a file is named after what is in it'],
  ['lib', 'a file is named after what is in it'],
  ['lambda', 'function'],
  ['lambdas', 'functions'],
  ['container', 'sandbox or worker'],
  ['containers', 'sandboxes or workers'],
  ['cronjob', 'schedule'],
]);

// Written with classes of one letter, so that this file does not hold what it looks for.
const UNFINISHED = /\b(?:[T]ODO|[F]IXME|[X]XX)\b/g;
const FOCUSED = /\b(?:test|it|describe|suite|bench)\.only\(/g;

export const checkWords: Rule = (files) => files.flatMap((file) => [...checkPath(file), ...checkIdentifiers(file), ...checkMarks(file)]);

function checkPath(file: SourceFile): Finding[] {
  return wordsOf(file.path).flatMap((word) =>
    BANNED.has(word) ? [{ path: file.path, line: 1, message: `"${word}" in a path: ${BANNED.get(word)}` }] : [],
  );
}

function checkIdentifiers(file: SourceFile): Finding[] {
  const seen = new Set<string>();
  return [...file.code.matchAll(/[A-Za-z_$][\w$]*/g)].flatMap((match) => {
    const [name] = match;
    const banned = seen.has(name) ? undefined : wordsOf(name).find((word) => BANNED.has(word));
    seen.add(name);
    return banned === undefined
      ? []
      : [{ path: file.path, line: lineAt(file.code, match.index), message: `"${banned}" in ${name}: ${BANNED.get(banned)}` }];
  });
}

function checkMarks(file: SourceFile): Finding[] {
  const unfinished = [...file.text.matchAll(UNFINISHED)].map((match) => ({ match, message: `${match[0]}: finish it or open an issue` }));
  const focused = [...file.code.matchAll(FOCUSED)].map((match) => ({ match, message: `${match[0]}) leaves every other test out` }));
  return [...unfinished, ...focused].map(({ match, message }) => ({ path: file.path, line: lineAt(file.text, match.index), message }));
}

function wordsOf(name: string): string[] {
  return name
    .replace(/([a-z0-9])([A-Z])/g, '$1 $2')
    .replace(/([A-Z])([A-Z][a-z])/g, '$1 $2')
    .toLowerCase()
    .split(/[^a-z0-9]+/);
}
