/** The one place that turns an error into an answer of the control API. What is not ours never shows more than an id. */
import { PlatformError, errorSpecs, isPlatformError, type ErrorCode, type ErrorResource } from '@martlet/protocol';
import { HTTPException } from 'hono/http-exception';
import type { ContentfulStatusCode } from 'hono/utils/http-status';
import type { Log } from '../../../ports/system/log.ts';
import type { ApiContext } from '../api-context.ts';

/** Codes that clients of the contract know by another name. */
const CONTRACT_TYPES: Partial<Record<ErrorCode, string>> = {
  execution_sync_timed_out: 'function_synchronous_timeout',
  request_too_large: 'general_request_too_large',
};

export interface ErrorAnswer {
  readonly version: string;
  readonly log: Log;
}

export function answerError(error: Error, c: ApiContext, { version, log }: ErrorAnswer): Response {
  const known = isPlatformError(error) ? error : translate(error);
  if (known === undefined || errorSpecs[known.code].fault === 'platform') {
    log.error(
      { err: error, requestId: c.var.requestId, method: c.req.method, path: c.req.path },
      'Cannot answer a request of the control API',
    );
  }
  const shown = known ?? new PlatformError('general_server_error', `Server Error: see the server log for request ${c.var.requestId}.`);
  return writeError(shown, c, version);
}

export function writeError(error: PlatformError, c: ApiContext, version: string): Response {
  const body: ErrorResource = { message: error.message, code: error.status, type: CONTRACT_TYPES[error.code] ?? error.code, version };
  c.header('Cache-Control', 'no-cache, no-store, must-revalidate');
  c.header('Expires', '0');
  c.header('Pragma', 'no-cache');
  if (error.retryAfterSeconds !== undefined) c.header('Retry-After', String(Math.ceil(error.retryAfterSeconds)));
  return c.json(body, statusOf(error));
}

/** Errors of the framework: a body that is no JSON or of another type than the route takes. */
function translate(error: Error): PlatformError | undefined {
  if (!(error instanceof HTTPException) || error.status >= 500) return undefined;
  if (error.status === 413) return new PlatformError('request_too_large');
  if (error.status === 415)
    return new PlatformError(
      'general_bad_request',
      'Cannot read the request body: its Content-Type is not one that this route takes; send application/json.',
    );
  return new PlatformError('general_bad_request', `Cannot read the request: ${error.message}.`);
}

/** Every status of the registry has a body; the registry is typed with plain numbers. */
function statusOf(error: PlatformError): ContentfulStatusCode {
  const { status } = error;
  return STATUSES.find((each) => each === status) ?? 500;
}
const STATUSES: readonly ContentfulStatusCode[] = [400, 401, 403, 404, 408, 409, 413, 416, 429, 500, 502, 503, 504, 508];
