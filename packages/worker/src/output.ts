/**
 * Where output goes: to the execution whose code wrote it. What is written while the code loads is kept for the first
 * execution, whose cold start it was; what is written outside of any execution later has no record to go to.
 */
import type { LogLevel } from '@martlet/protocol';
import { executions, type Execution } from './execution/execution.ts';

interface LoadLine {
  readonly level: LogLevel;
  readonly stream: 'logs' | 'errors';
  readonly text: string;
}
/** A module that logs without end while it loads must not fill the memory. */
const LOAD_LINES_MAX = 1000;

class LoadLog {
  #lines: LoadLine[] | undefined = [];

  write(level: LogLevel, stream: 'logs' | 'errors', text: string): void {
    if (this.#lines !== undefined && this.#lines.length < LOAD_LINES_MAX) this.#lines.push({ level, stream, text });
  }

  /** Hands the lines to an execution, once. */
  moveTo(execution: Execution): void {
    const lines = this.#lines;
    this.#lines = undefined;
    lines?.forEach((line) => execution.log(line.level, line.stream, line.text));
  }
}

export const loadLog = new LoadLog();

export function writeOutput(level: LogLevel, text: string): void {
  const execution = executions.getStore();
  const stream = level === 'error' ? 'errors' : 'logs';
  if (execution === undefined) loadLog.write(level, stream, text);
  else execution.log(level, stream, text);
}

/** Set once the standard streams are captured. */
let flush: (execution: Execution) => void = () => undefined;

export function setFlush(flushStreams: (execution: Execution) => void): void {
  flush = flushStreams;
}

/** Writes what the execution left without the end of a line. */
export function flushOutput(execution: Execution): void {
  flush(execution);
}
