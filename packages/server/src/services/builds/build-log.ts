/** The log of one build while it runs: written to the store in pieces, and handed to everybody who follows. */
import type { BuildProblem } from '../../ports/builder.ts';
import { buildLogTail } from '../../domain/build-log-tail.ts';

export interface BuildLog {
  write(text: string): void;
  /** Writes what is left and ends all followers. Never rejects: a log that cannot be kept fails no build. */
  end(): Promise<void>;
  /** All text from the beginning, then what comes, until the end. */
  follow(): AsyncIterable<string>;
}

export interface BuildLogOptions {
  append(text: string): Promise<void>;
  /** Told when a piece could not be written. */
  failed(error: unknown): void;
}

/** Text waits this long for more, so that npm's lines do not cost a commit each. */
const COALESCE_MS = 100;

export function createBuildLog({ append, failed }: BuildLogOptions): BuildLog {
  // Followers read by position in the whole text; only its end is held.
  let text = '';
  let start = 0;
  let unwritten = '';
  let ended = false;
  let timer: ReturnType<typeof setTimeout> | undefined;
  let written = Promise.resolve();
  let wake = Promise.withResolvers<void>();

  const flush = (): Promise<void> => {
    clearTimeout(timer);
    timer = undefined;
    const piece = unwritten;
    unwritten = '';
    if (piece !== '') written = written.then(() => append(piece)).catch(failed);
    return written;
  };
  const wakeFollowers = (): void => {
    const { resolve } = wake;
    wake = Promise.withResolvers<void>();
    resolve();
  };

  return {
    write(piece) {
      if (ended || piece === '') return;
      unwritten += piece;
      const kept = buildLogTail(text + piece);
      start += text.length + piece.length - kept.length;
      text = kept;
      timer ??= setTimeout(() => void flush(), COALESCE_MS);
      wakeFollowers();
    },
    async end() {
      ended = true;
      wakeFollowers();
      await flush();
    },
    async *follow() {
      for (let position = 0; ;) {
        const from = Math.max(position, start);
        const next = text.slice(from - start);
        position = from + next.length;
        if (next !== '') yield next;
        else if (ended) return;
        else await wake.promise;
      }
    },
  };
}

/** Problems as a person reads them: place, sentence, the line of source. */
export function describeProblems(problems: readonly BuildProblem[]): string {
  return problems.map((problem) => `${placeOf(problem)}error: ${problem.message}\n${indent(problem.excerpt)}`).join('');
}

/** The first problem with its place, for the row of the deployment. */
export function summarize(problems: readonly BuildProblem[]): string {
  const [first] = problems;
  if (first === undefined) return 'The build failed.';
  const more = problems.length > 1 ? ` (and ${problems.length - 1} more)` : '';
  return `${placeOf(first)}${first.message}${more}`;
}

function placeOf({ file, line, column }: BuildProblem): string {
  if (file === '') return '';
  return line === 0 ? `${file}: ` : `${file}:${line}:${column}: `;
}

function indent(excerpt: string): string {
  return excerpt === ''
    ? ''
    : excerpt
        .split('\n')
        .map((line) => `    ${line}\n`)
        .join('');
}
