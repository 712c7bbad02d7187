/** Mistakes of an author as values: where, what, and the line of source. Host paths never get in. */
import { relative, resolve } from 'node:path';
import type { Message } from 'esbuild';
import type { BuildProblem, BuildResult } from '../../ports/builder.ts';

export type BuildFailureCode = Extract<BuildResult, { ok: false }>['code'];

/** Ends a build early with what its author has to mend. Never leaves the driver. */
export class BuildFailure extends Error {
  readonly code: BuildFailureCode;
  readonly problems: readonly BuildProblem[];

  constructor(code: BuildFailureCode, problems: readonly BuildProblem[]) {
    super(problems.map((problem) => problem.message).join('; '));
    this.code = code;
    this.problems = problems;
  }
}

/** A problem without a place, or with just a file. */
export function plainProblem(message: string, file = ''): BuildProblem {
  return { file, line: 0, column: 0, message, excerpt: '' };
}

/** A problem at an offset of a text. */
export function problemAt({ file, text, offset, message }: { file: string; text: string; offset: number; message: string }): BuildProblem {
  const before = text.slice(0, offset);
  const line = before.split('\n').length;
  const column = offset - (before.lastIndexOf('\n') + 1);
  return { file, line, column: column + 1, message, excerpt: excerptOf(text.split('\n')[line - 1] ?? '', column, 1) };
}

/** Turns absolute and relative paths of this machine into the words of the project. */
export interface PathNames {
  /** Relative to the root of the source, `node_modules/…` for dependencies, or undefined for any other place. */
  nameOf(file: string): string | undefined;
  /** A text without the places of this host in it. */
  hide(text: string): string;
}

/** Problems of messages of esbuild. What it quotes of a file outside of the source is left out: it is not the author's to read. */
export function problemsOf(messages: readonly Message[], { root, names }: { root: string; names: PathNames }): BuildProblem[] {
  return messages.map(({ text, location, notes }) => {
    const message = names.hide(
      sentenceOf(
        text,
        notes.map((note) => note.text),
      ),
    );
    if (location === null) return plainProblem(message);
    const file = names.nameOf(resolve(root, location.file));
    if (file === undefined) return plainProblem('Cannot import a file that lies outside of the deployment.');
    return {
      file,
      line: location.line,
      column: location.column + 1,
      message,
      excerpt: excerptOf(location.lineText, location.column, location.length),
    };
  });
}

const EXCERPT_WIDTH = 160;

/** The line with a marker below, cut to its neighbourhood where it is long (bundled or minified sources). */
export function excerptOf(lineText: string, column: number, length: number): string {
  const start = Math.max(0, Math.min(column - 60, lineText.length - EXCERPT_WIDTH));
  const shown = lineText
    .slice(start, start + EXCERPT_WIDTH)
    .replaceAll('\t', ' ')
    .trimEnd();
  if (shown === '') return '';
  const at = Math.max(0, column - start);
  return `${shown}\n${' '.repeat(at)}${'~'.repeat(Math.max(1, Math.min(length, shown.length - at)))}`;
}

/** Names files below the root, and dependencies wherever they are kept. */
export function createPathNames(root: string, dependencies: string | undefined): PathNames {
  const below = (folder: string, file: string): string | undefined => {
    const path = relative(folder, file);
    return path === '' || path.startsWith('..') || resolve(folder, path) !== file ? undefined : path;
  };
  const folders = [root, dependencies].filter((folder) => folder !== undefined);
  return {
    hide: (text) => folders.reduce((shown, folder) => shown.replaceAll(`${folder}/`, ''), text),
    nameOf: (file) => below(root, file) ?? (dependencies === undefined ? undefined : below(dependencies, file)),
  };
}

function sentenceOf(text: string, notes: readonly string[]): string {
  const unresolved = /^Could not resolve "(.+)"$/.exec(text);
  if (unresolved === null) return text;
  const subpath = notes.find((note) => note.includes('is not exported by package') || note.includes('"exports"'));
  const wanted = unresolved[1] ?? '';
  if (subpath !== undefined) return `Cannot import "${wanted}": ${subpath}`;
  return wanted.startsWith('.') || wanted.startsWith('/') ? `Cannot import "${wanted}": there is no such file` : notADependency(wanted);
}

export function notADependency(specifier: string): string {
  return `Cannot import "${specifier}": it is not among the dependencies; add it to package.json, or import "npm:${specifier}"`;
}
