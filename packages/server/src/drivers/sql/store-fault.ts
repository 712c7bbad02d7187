/**
 * Faults of the statements. They cross from a thread to the server as `{ code, message }`, so they are not yet
 * `PlatformError`s: its package brings zod, 40 MB of memory that a thread of SQL does not need.
 */
import type { ErrorCode } from '@martlet/protocol';

export class StoreFault extends Error {
  readonly code: ErrorCode;

  constructor(code: ErrorCode, message: string, cause?: unknown) {
    super(message, { cause });
    this.name = 'StoreFault';
    this.code = code;
  }
}

/** What a dialect throws in place of its own error when a row breaks a constraint. */
export class ConstraintViolation extends Error {
  readonly kind: 'unique' | 'foreign';

  constructor(kind: 'unique' | 'foreign', cause: Error) {
    super(cause.message, { cause });
    this.name = 'ConstraintViolation';
    this.kind = kind;
  }
}

/** For `.catch()` of a statement: names the fault that a broken constraint of this kind means there. */
export function violationMeans(faults: { readonly [Kind in ConstraintViolation['kind']]?: StoreFault }): (error: unknown) => never {
  return (error) => {
    throw (error instanceof ConstraintViolation ? faults[error.kind] : undefined) ?? error;
  };
}
