/**
 * The two streams of a command: results on stdout, everything for people on stderr, so that `martlet … --json | jq`
 * always works.
 */
import { spinner } from '@clack/prompts';
import { startCountdown, type Countdown } from './countdown.ts';
import { styleFor, type Style } from './style.ts';
import { table } from './table.ts';

export interface Output {
  readonly json: boolean;
  /** Style for what goes to stdout. */
  readonly style: Style;
  /** Style for what goes to stderr. */
  readonly noteStyle: Style;
  readonly stdoutIsTerminal: boolean;
  /** A line of the result. */
  print(line: string): void;
  /** Bytes of the result as they are. */
  write(bytes: string | Uint8Array): void;
  /** A line for people on stderr; silent with --quiet. */
  note(line: string): void;
  /** A line for people that --quiet does not silence: failures and warnings. */
  warn(line: string): void;
  /** The value as JSON with --json, else the lines. */
  result(value: unknown, lines: () => readonly string[]): void;
  table(value: unknown, header: readonly string[], rows: () => readonly (readonly string[])[]): void;
  /** Shows that long work goes on: a spinner on a terminal, else plain lines. */
  progress(message: string): Progress;
  /** Shows for how long something is still waited for. */
  countdown(message: string, seconds: number): Countdown;
}

export interface Progress {
  update(message: string): void;
  /** Ends it and leaves the line. */
  done(message: string): void;
  fail(message: string): void;
}

export interface OutputOptions {
  readonly json: boolean;
  readonly quiet: boolean;
  readonly env: NodeJS.ProcessEnv;
}

export function createOutput({ json, quiet, env }: OutputOptions): Output {
  const style = styleFor(process.stdout, env);
  const noteStyle = styleFor(process.stderr, env);
  const print = (line: string): void => void process.stdout.write(`${line}\n`);
  const warn = (line: string): void => void process.stderr.write(`${line}\n`);
  const note = quiet ? () => undefined : warn;
  const result = (value: unknown, lines: () => readonly string[]): void => {
    if (json) print(JSON.stringify(value, undefined, process.stdout.isTTY ? 2 : undefined));
    else for (const line of lines()) print(line);
  };
  return {
    json,
    style,
    noteStyle,
    stdoutIsTerminal: process.stdout.isTTY === true,
    print,
    write: (chunk) => void process.stdout.write(chunk),
    note,
    warn,
    result,
    table: (value, header, rows) => result(value, () => boldHeader(table(header, rows()), style)),
    progress: (message) => (process.stderr.isTTY && !quiet && env['CI'] === undefined ? spinning(message) : plain(message, note, warn)),
    countdown: (message, seconds) => (quiet ? { stop: () => undefined } : startCountdown(message, seconds, note)),
  };
}

function boldHeader(lines: readonly string[], style: Style): string[] {
  return lines.map((line, index) => (index === 0 ? style.dim(line) : line));
}

function spinning(message: string): Progress {
  const shown = spinner({ output: process.stderr, withGuide: false });
  shown.start(message);
  return { update: (text) => shown.message(text), done: (text) => shown.stop(text), fail: (text) => shown.error(text) };
}

function plain(message: string, note: (line: string) => void, warn: (line: string) => void): Progress {
  note(message);
  return { update: note, done: note, fail: warn };
}
