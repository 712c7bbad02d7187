/** Reads what `createExecution` is sent: JSON, or a form whose bytes must come through unchanged. */
import { PlatformError } from '@martlet/protocol';
import { z } from '@hono/zod-openapi';
import { HEADERS_PROBLEM, flattenHeaders } from '../../../domain/contract/execution-headers.ts';
import type { ApiContext } from '../api-context.ts';
import { looseBoolean, oneOf, refuseInvalid, text } from '../params.ts';

const BODY_MAX = 10_485_760;
const HEADERS_TEXT_MAX = 65_535;
const METHODS = ['GET', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS', 'HEAD'] as const;
const HEADERS = `Value must be a valid JSON object no longer than ${HEADERS_TEXT_MAX} chars`;

export const executionBody = z.object({
  body: text(0, BODY_MAX).nullish().openapi({ description: 'Body of the request; default empty' }),
  async: looseBoolean().nullish().openapi({ description: 'Whether to answer before the function does; default false' }),
  path: text(1, 2048).nullish().openapi({ description: 'Path with query; default /' }),
  method: oneOf(METHODS).nullish().openapi({ description: 'Default POST' }),
  headers: z
    .union([z.record(z.string(), z.unknown()), z.string()], HEADERS)
    .nullish()
    .openapi({ type: 'object', description: 'Headers of the request; names of letters, digits and hyphens' }),
  scheduledAt: text(0, 100).nullish().openapi({ description: 'When to execute, later' }),
});

export interface ExecutionRequest {
  readonly method: string;
  readonly path: string;
  readonly headers: readonly string[];
  readonly body: Uint8Array;
}

/** @throws {PlatformError} `general_argument_invalid`, `general_bad_request` */
export async function readExecutionRequest(c: ApiContext): Promise<ExecutionRequest> {
  const type = c.req.header('content-type') ?? '';
  const { fields, bytes } = type.toLowerCase().startsWith('multipart/form-data')
    ? await readForm(await c.req.arrayBuffer(), type)
    : { fields: await readJson(c), bytes: undefined };
  const checked = executionBody.safeParse(fields);
  if (!checked.success) refuseInvalid(checked.error);
  const { method, path, headers, body, async, scheduledAt } = checked.data;
  assertNow(async === true, scheduledAt ?? '');
  return {
    method: method ?? 'POST',
    path: pathOf(path ?? '/'),
    headers: flatHeaders(headers ?? {}),
    body: bytes ?? Buffer.from(body ?? ''),
  };
}

async function readJson(c: ApiContext): Promise<unknown> {
  const source = await c.req.text();
  if (source.trim() === '') return {};
  try {
    return JSON.parse(source);
  } catch {
    throw new PlatformError('general_bad_request', 'Cannot read the request: its body is not JSON.');
  }
}

/**
 * Form fields as text, and the field `body` as bytes. A form parser decodes fields as UTF-8, which would damage bytes that
 * are none; so each byte is made a character first, and characters are made bytes again afterwards.
 */
async function readForm(source: ArrayBuffer, type: string): Promise<{ fields: Record<string, string>; bytes: Uint8Array | undefined }> {
  const form = await new Response(Buffer.from(source).toString('latin1'), { headers: { 'Content-Type': type } })
    .formData()
    .catch((cause: unknown) => {
      throw new PlatformError('general_bad_request', { message: 'Cannot read the request: its body is not a form.', cause });
    });
  const fields: Record<string, string> = {};
  let bytes: Uint8Array | undefined;
  for (const [name, value] of form) {
    const content = Buffer.from(typeof value === 'string' ? value : await value.text(), 'latin1');
    if (name !== 'body') fields[name] = content.toString();
    else if (content.length > BODY_MAX)
      throw new PlatformError(
        'general_argument_invalid',
        `Invalid \`body\` param: Value must be a valid string and no longer than ${BODY_MAX} chars`,
      );
    else bytes = content;
  }
  return { fields, bytes };
}

function assertNow(async: boolean, scheduledAt: string): void {
  if (scheduledAt !== '' && !async)
    throw new PlatformError(
      'general_bad_request',
      'Scheduled executions must run asynchronously. Set scheduledAt to a future date, or set async to true.',
    );
  if (async)
    throw new PlatformError(
      'general_argument_invalid',
      `Invalid \`${scheduledAt === '' ? 'async' : 'scheduledAt'}\` param: asynchronous executions are not available on this server yet; leave it out to wait for the response`,
    );
}

/** As a function sees it: with a leading slash, without control characters or a fragment. */
function pathOf(path: string): string {
  const rooted = path.startsWith('/') ? path : `/${path}`;
  // A line break would end the head of the request where the function sits behind HTTP; NUL ends it on the wall.
  if (!/^[\x21-\x7e]*$/.test(rooted)) return encodeURI(rooted.toWellFormed()).replaceAll('%25', '%').replaceAll('#', '%23');
  return rooted;
}

function flatHeaders(headers: Record<string, unknown> | string): string[] {
  const flat = typeof headers === 'string' ? headersOfText(headers) : flattenHeaders(headers);
  if (flat === undefined) throw new PlatformError('general_argument_invalid', `Invalid headers: ${HEADERS_PROBLEM}`);
  return flat;
}

function headersOfText(source: string): string[] | undefined {
  if (source.length > HEADERS_TEXT_MAX) throw new PlatformError('general_argument_invalid', `Invalid \`headers\` param: ${HEADERS}`);
  if (source.trim() === '') return [];
  try {
    const value: unknown = JSON.parse(source);
    return typeof value === 'object' && value !== null && !Array.isArray(value)
      ? flattenHeaders({ ...value })
      : Array.isArray(value) && value.length === 0
        ? []
        : undefined;
  } catch {
    throw new PlatformError('general_argument_invalid', `Invalid \`headers\` param: ${HEADERS}`);
  }
}
