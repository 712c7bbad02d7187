/**
 * Makes `console` and the standard streams write to the log. The methods of the existing console are replaced, so that
 * `node:console` and what was imported before are caught too.
 */
import { Console } from 'node:console';
import type { LogLevel } from '@martlet/protocol';
import { ConsoleState, createConsoleStates } from './console-state.ts';
import { formatLog } from './format-log.ts';
import { createStreamCapture } from './stream-capture.ts';

export interface ConsoleOptions {
  /** Takes one entry of the log, which may have several lines; attributes it to the execution that runs. */
  readonly write: (level: LogLevel, text: string) => void;
  /** The execution that runs: groups, counters, timers and half lines belong to it. Default: all share them. */
  readonly scope?: () => object | undefined;
  /** Rewrites the stacks inside a text. Default: they stay as they are. */
  readonly mapText?: (text: string) => string;
}

export interface CapturedConsole {
  /** Whether there may be something to flush. */
  readonly used: boolean;
  /** Writes what the execution left without the end of a line on its standard streams; to be called within it. */
  flush(scope?: object): void;
}

export function installConsole({ write, scope = () => undefined, mapText = (text) => text }: ConsoleOptions): CapturedConsole {
  const stateOf = createConsoleStates(() => new ConsoleState());
  const state = (): ConsoleState => stateOf(scope());
  const writeText = (level: LogLevel, text: string): void => {
    const { indent } = state();
    const mapped = mapText(text);
    write(level, indent === '' ? mapped : indent + mapped.replaceAll('\n', `\n${indent}`));
  };
  const at =
    (level: LogLevel) =>
    (...values: unknown[]) =>
      writeText(level, formatLog(values));
  const info = at('info');
  Object.assign(console, {
    log: info,
    info,
    dirxml: info,
    debug: at('debug'),
    warn: at('warn'),
    error: at('error'),
    dir: (value: unknown, options?: object) => writeText('info', formatLog([value], { ...options, customInspect: false })),
    table: (...values: unknown[]) => writeText('info', formatTable(values)),
    assert(condition: unknown, ...values: unknown[]) {
      if (!condition) writeText('error', assertion(values));
    },
    trace: (...values: unknown[]) => writeText('debug', trace(values)),
    ...groups(state, info),
    ...counters(state, writeText),
    ...timers(state, writeText),
  });
  return captureStreams(writeText, scope);
}

type WriteText = (level: LogLevel, text: string) => void;
type Methods = Readonly<Record<string, (...values: unknown[]) => void>>;

function groups(state: () => ConsoleState, info: (...values: unknown[]) => void): Methods {
  const group = (...values: unknown[]): void => {
    if (values.length > 0) info(...values);
    state().openGroup();
  };
  return { group, groupCollapsed: group, groupEnd: () => state().closeGroup() };
}

function counters(state: () => ConsoleState, writeText: WriteText): Methods {
  return {
    count(label) {
      const name = labelOf(label);
      const count = (state().counts.get(name) ?? 0) + 1;
      state().counts.set(name, count);
      writeText('info', `${name}: ${count}`);
    },
    countReset(label) {
      const name = labelOf(label);
      if (!state().counts.delete(name)) writeText('warn', `Count for '${name}' does not exist`);
    },
  };
}

function timers(state: () => ConsoleState, writeText: WriteText): Methods {
  const report = (label: unknown, values: readonly unknown[]): boolean => {
    const name = labelOf(label);
    const startedAt = state().timers.get(name);
    if (startedAt === undefined) writeText('warn', `No such label '${name}' for console timers`);
    else writeText('info', formatLog([`${name}: ${formatDuration(performance.now() - startedAt)}`, ...values]));
    return startedAt !== undefined;
  };
  return {
    time(label) {
      const name = labelOf(label);
      if (state().timers.has(name)) writeText('warn', `Label '${name}' already exists for console timers`);
      else state().timers.set(name, performance.now());
    },
    timeLog: (label, ...values) => void report(label, values),
    timeEnd(label) {
      if (report(label, [])) state().timers.delete(labelOf(label));
    },
  };
}

function captureStreams(writeText: WriteText, scope: () => object | undefined): CapturedConsole {
  const out = createStreamCapture((line) => writeText('info', line), scope);
  const error = createStreamCapture((line) => writeText('error', line), scope);
  Object.defineProperty(process.stdout, 'write', { value: out.write, writable: true, configurable: true });
  Object.defineProperty(process.stderr, 'write', { value: error.write, writable: true, configurable: true });
  return {
    get used() {
      return out.used || error.used;
    },
    flush(of) {
      out.flush(of);
      error.flush(of);
    },
  };
}

function labelOf(label: unknown): string {
  return label === undefined ? 'default' : formatLog([label]);
}

function formatDuration(milliseconds: number): string {
  return milliseconds < 1000 ? `${milliseconds.toFixed(3)}ms` : `${(milliseconds / 1000).toFixed(3)}s`;
}

function assertion(values: readonly unknown[]): string {
  const [first, ...rest] = values;
  if (values.length === 0) return 'Assertion failed';
  return typeof first === 'string' ? formatLog([`Assertion failed: ${first}`, ...rest]) : formatLog(['Assertion failed:', ...values]);
}

/** Without the two frames of this file. */
function trace(values: readonly unknown[]): string {
  const stack = (new Error('trace').stack ?? '').split('\n').slice(3);
  const message = values.length === 0 ? '' : `: ${formatLog(values)}`;
  return [`Trace${message}`, ...stack].join('\n');
}

/** Node's own table, written to nowhere but a text. */
function formatTable(values: readonly unknown[]): string {
  let text = '';
  const sink = Object.assign(Object.create(process.stdout) as NodeJS.WriteStream, {
    write(chunk: string): boolean {
      text += chunk;
      return true;
    },
  });
  try {
    new Console({ stdout: sink, colorMode: false }).table(values[0], Array.isArray(values[1]) ? values[1] : undefined);
  } catch {
    return formatLog(values);
  }
  return text.endsWith('\n') ? text.slice(0, -1) : text;
}
