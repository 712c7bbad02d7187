/** What the errors of PostgreSQL and of the way to it mean. */
import { PlatformError } from '@martlet/protocol';
import { DatabaseError } from 'pg';
import { ConstraintViolation, StoreFault } from '../sql/store-fault.ts';

const UNIQUE = '23505';
const FOREIGN = '23503';
/** Classes of codes for which the server or its state, not the statement, is to blame. */
const SERVER_CLASSES = new Set(['08', '25', '28', '40', '53', '55', '57', '58', 'F0', 'XX']);
const DATABASE_MISSING = '3D000';
/** After these the session is of no use, or on a server that is not the primary any more. */
const SESSION_OVER = /^(?:08|57P|53300|25006|25P|XX)/;

/** What an error means that came while a server was asked; faults of our own are returned as they are. */
export function toFault(error: unknown): unknown {
  if (error instanceof StoreFault || error instanceof ConstraintViolation || error instanceof PlatformError) return error;
  if (!(error instanceof Error)) return error;
  const code = sqlState(error);
  if (code === undefined) return isOfTheConnection(error) ? unavailable(error.message, error) : error;
  if (code === UNIQUE) return new ConstraintViolation('unique', error);
  if (code === FOREIGN) return new ConstraintViolation('foreign', error);
  return SERVER_CLASSES.has(code.slice(0, 2)) || code === DATABASE_MISSING ? unavailable(error.message, error) : error;
}

/** The write was sent, and no answer came: it may be stored or not. */
export function outcomeUnknown(error: unknown): StoreFault {
  const reason = error instanceof Error ? error.message : String(error);
  return new StoreFault(
    'store_unavailable',
    `The connection to the database was lost during a commit (${reason}): whether the write is stored is not known.`,
    error,
  );
}

/** Whether the server itself has answered: then what it refused is not stored. */
export function isAnswer(error: unknown): boolean {
  return sqlState(error instanceof StoreFault || error instanceof ConstraintViolation ? error.cause : error) !== undefined;
}

/** Whether the connection on which it happened may be used again. */
export function endsSession(error: unknown): boolean {
  if (!(error instanceof StoreFault) || error.code !== 'store_unavailable' || error.cause === undefined) return false;
  const code = sqlState(error.cause);
  return code === undefined || SESSION_OVER.test(code);
}

/** What a caller of a port gets. */
export function toPlatformError(error: unknown): PlatformError {
  if (error instanceof PlatformError) return error;
  if (error instanceof StoreFault) return new PlatformError(error.code, { message: error.message, cause: error.cause });
  const reason = error instanceof Error ? error.message : String(error);
  return new PlatformError('general_server_error', { message: `The store refused a statement: ${reason}`, cause: error });
}

function unavailable(reason: string, cause: Error): StoreFault {
  return new StoreFault('store_unavailable', `The database does not answer: ${reason}.`, cause);
}

function sqlState(error: unknown): string | undefined {
  return error instanceof DatabaseError && error.code !== undefined && /^[0-9A-Z]{5}$/.test(error.code) ? error.code : undefined;
}

/** Errors of sockets have a code of the system; those of the driver are plain. A mistake in our code is neither. */
function isOfTheConnection(error: Error): boolean {
  return !(error instanceof TypeError || error instanceof RangeError || error instanceof SyntaxError || error instanceof ReferenceError);
}
