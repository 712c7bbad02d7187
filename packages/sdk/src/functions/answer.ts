/** What a function answered, read whole. */
import { FunctionError } from '../errors.ts';
import { codeOf, executionIdOf, messageOf, readBody } from '../transport/read-body.ts';

export interface FunctionResult<Output = unknown> {
  /** Value of JSON, a string of text, a Blob of anything else; undefined without a body. */
  readonly data: Output;
  readonly status: number;
  readonly headers: Headers;
  /** Of the record. Undefined where the answer comes from elsewhere and its headers are closed to the page. */
  readonly executionId: string | undefined;
}

/** @throws {FunctionError} for a status outside 200–299 */
export async function readResult<Output>(name: string, response: Response): Promise<FunctionResult<Output>> {
  if (!response.ok) throw await functionError(name, response);
  const { status, headers } = response;
  return { data: (await readBody(response)) as Output, status, headers, executionId: executionIdOf(response) };
}

export async function functionError(name: string, response: Response): Promise<FunctionError> {
  const data = await readBody(response);
  const { status, headers } = response;
  return new FunctionError(`Function "${name}" answered ${status}: ${messageOf(data) ?? (response.statusText || 'no reason given')}`, {
    functionName: name,
    code: codeOf(data) ?? `http_${status}`,
    status,
    headers,
    data,
    executionId: executionIdOf(response, data),
  });
}
