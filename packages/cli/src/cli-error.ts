/** Failures that a person is to read: what, why, and the next command. Everything else is a defect of ours. */
import { errorSpecs, isPlatformError, type ErrorCode } from '@martlet/protocol';

export interface CliErrorOptions {
  /** What to do now, best a command that can be copied. */
  readonly next?: string;
  /** 1: the platform or the function failed. 2: wrong usage. */
  readonly exitCode?: 1 | 2;
  /** Code of the error registry, where there is one. */
  readonly code?: string;
  readonly cause?: unknown;
}

export class CliError extends Error {
  readonly next: string | undefined;
  readonly exitCode: 1 | 2;
  readonly code: string | undefined;

  constructor(message: string, options: CliErrorOptions = {}) {
    super(message, { cause: options.cause });
    this.name = 'CliError';
    this.next = options.next;
    this.exitCode = options.exitCode ?? 1;
    this.code = options.code;
  }
}

/** Wrong usage: exit code 2. */
export function usageError(message: string, next?: string): CliError {
  return new CliError(message, { exitCode: 2, ...(next === undefined ? {} : { next }) });
}

/** What the registry advises for a code, or undefined for codes that it does not have. */
export function remedyOf(code: string): string | undefined {
  return Object.hasOwn(errorSpecs, code) ? errorSpecs[code as ErrorCode].remedy : undefined;
}

/** Any thrown value as a CliError; the cause keeps the stack for MARTLET_DEBUG=1. */
export function toCliError(error: unknown): CliError {
  if (error instanceof CliError) return error;
  if (isPlatformError(error)) return new CliError(error.message, { next: errorSpecs[error.code].remedy, code: error.code, cause: error });
  const message = error instanceof Error ? error.message : String(error);
  return new CliError(`Cannot go on: ${message}`, {
    next: 'Run it again with MARTLET_DEBUG=1 for the stack, and report it.',
    cause: error,
  });
}
