/** Log lines of executions as people read them. */
import type { LogLine } from '@martlet/protocol';
import { printable, type Style } from './style.ts';

/** A line of the stream of logs: a log line that says whose it is. */
export interface LogEvent extends LogLine {
  readonly executionId: string;
  readonly functionId: string;
}

/** `12:04:31.250  hello  warn   text`; the name is left out where it is empty. */
export function formatLogLine(line: LogLine, name: string, style: Style): string {
  const time = style.dim(timeOfDay(line.time));
  const level = levelStyle(line, style)(line.level.padEnd(5));
  return [time, ...(name === '' ? [] : [style.cyan(name)]), level, printable(line.text)].join('  ');
}

/** Local time with milliseconds. */
export function timeOfDay(time: number): string {
  const date = new Date(time);
  const two = (value: number): string => String(value).padStart(2, '0');
  return `${two(date.getHours())}:${two(date.getMinutes())}:${two(date.getSeconds())}.${String(date.getMilliseconds()).padStart(3, '0')}`;
}

function levelStyle(line: LogLine, style: Style): (text: string) => string {
  if (line.level === 'error') return style.red;
  if (line.level === 'warn') return style.yellow;
  return style.dim;
}
