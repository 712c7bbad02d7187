/** Everything that a call can fail with. No message and no field ever holds a token or a key. */

/** What all errors of this package have in common. */
export class MartletError extends Error {
  override name = 'MartletError';
  /** Code of the error registry, or the function's own; where no answer came, what kept it away. */
  readonly code: string = 'client';

  constructor(message: string, cause?: unknown) {
    super(message, cause === undefined ? undefined : { cause });
  }
}

/** The server could not be reached, or the connection broke. */
export class NetworkError extends MartletError {
  override name = 'NetworkError';
  override readonly code: string = 'network';
}

/** The time that the caller gave was over. */
export class TimeoutError extends MartletError {
  override name = 'TimeoutError';
  override readonly code: string = 'timeout';
}

/** The caller's signal aborted; `cause` is its reason. */
export class AbortError extends MartletError {
  override name = 'AbortError';
  override readonly code: string = 'aborted';
}

/** A stream held something else than it should. */
export class StreamError extends MartletError {
  override name = 'StreamError';
  override readonly code: string = 'stream';
}

export interface AnswerFacts {
  readonly code: string;
  readonly status: number;
  readonly headers: Headers;
  readonly data: unknown;
}

/** An answer with a status outside 200–299. */
class AnswerError extends MartletError {
  override readonly code: string;
  readonly status: number;
  readonly headers: Headers;
  /** The body of the answer: value of JSON, text, or a Blob. */
  readonly data: unknown;

  constructor(message: string, { code, status, headers, data }: AnswerFacts) {
    super(message);
    this.code = code;
    this.status = status;
    this.headers = headers;
    this.data = data;
  }
}

/** The control API refused. */
export class ApiError extends AnswerError {
  override name = 'ApiError';
}

/** A function failed, or the platform answered in its place; `data` is the function's own body. */
export class FunctionError extends AnswerError {
  override name = 'FunctionError';
  readonly functionName: string;
  /** Of the record of the failed execution; undefined where nothing was executed. */
  readonly executionId: string | undefined;

  constructor(message: string, facts: AnswerFacts & { readonly functionName: string; readonly executionId: string | undefined }) {
    super(message, facts);
    this.functionName = facts.functionName;
    this.executionId = facts.executionId;
  }
}
