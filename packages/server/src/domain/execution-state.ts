/** The states of an execution: `scheduled → waiting → processing → completed | failed`. */
import type { ErrorCode, ExecutionStatus } from '@martlet/protocol';

/** A function that answers below 500 has completed, whatever it says; any error code but its own answer is a failure. */
export function statusOfResponse(status: number, errorCode: ErrorCode | null): ExecutionStatus {
  return errorCode === null && status > 0 && status < 500 ? 'completed' : 'failed';
}

export function isTerminal(status: ExecutionStatus): boolean {
  return status === 'completed' || status === 'failed';
}
