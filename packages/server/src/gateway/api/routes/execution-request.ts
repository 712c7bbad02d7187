/** Reads what `createExecution` is sent: JSON, or a form whose bytes must come through unchanged. */
import { PlatformError } from '@martlet/protocol';
import { z } from '@hono/zod-openapi';
import { HEADERS_PROBLEM, flattenHeaders } from '../../../domain/contract/execution-headers.ts';
import { parseDate } from '../../../domain/contract/dates.ts';
import type { ApiContext } from '../api-context.ts';
import { looseBoolean, looseWhole, oneOf, refuseInvalid, text } from '../params.ts';

const BODY_MAX = 10_485_760;
const HEADERS_TEXT_MAX = 65_535;
const EXPIRY_MAX_SECONDS = 31_536_000;
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
  scheduledAt: text(0, 100).nullish().openapi({ description: 'When to execute, later: a date of the next 366 days' }),
  expiresIn: looseWhole(1, EXPIRY_MAX_SECONDS).nullish().openapi({ description: 'Seconds after which it is no longer worth running' }),
  priority: looseWhole(-100, 100).nullish().openapi({ description: 'Higher runs first, within the function; default 0' }),
  concurrencyKey: text(1, 255).nullish().openapi({ description: 'Of one function, one execution with the same key runs at a time' }),
});

/** When and how an execution runs that nobody waits for. */
export interface Later {
  readonly runAt?: number | undefined;
  readonly expiresAt?: number | undefined;
  readonly priority?: number | undefined;
  readonly concurrencyKey?: string | undefined;
  readonly idempotencyKey?: string | undefined;
}

export interface ExecutionRequest {
  readonly method: string;
  readonly path: string;
  readonly headers: readonly string[];
  readonly body: Uint8Array;
  /** Absent where the caller waits for the response. */
  readonly later?: Later;
}

/** @throws {PlatformError} `general_argument_invalid`, `general_bad_request` */
export async function readExecutionRequest(c: ApiContext): Promise<ExecutionRequest> {
  const type = c.req.header('content-type') ?? '';
  const { fields, bytes } = type.toLowerCase().startsWith('multipart/form-data')
    ? await readForm(await c.req.arrayBuffer(), type)
    : { fields: await readJson(c), bytes: undefined };
  const checked = executionBody.safeParse(fields);
  if (!checked.success) refuseInvalid(checked.error);
  const { method, path, headers, body } = checked.data;
  const later = readLater(checked.data, c.req.header('idempotency-key'));
  return {
    method: method ?? 'POST',
    path: pathOf(path ?? '/'),
    headers: flatHeaders(headers ?? {}),
    body: bytes ?? Buffer.from(body ?? ''),
    ...(later === undefined ? {} : { later }),
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

const AHEAD_MAX_MS = 366 * 86_400_000;

/** @throws {PlatformError} `general_bad_request`, `general_argument_invalid` */
function readLater(fields: z.infer<typeof executionBody>, idempotencyKey: string | undefined): Later | undefined {
  const { async, scheduledAt, expiresIn, priority, concurrencyKey } = fields;
  const scheduled = scheduledAt ?? '';
  if (async !== true) {
    if (scheduled !== '')
      throw new PlatformError(
        'general_bad_request',
        'Scheduled executions must run asynchronously. Set scheduledAt to a future date, or set async to true.',
      );
    for (const [name, value] of Object.entries({ expiresIn, priority, concurrencyKey })) {
      if (value !== undefined && value !== null)
        throw new PlatformError(
          'general_argument_invalid',
          `Invalid \`${name}\` param: it is for asynchronous executions; set async to true`,
        );
    }
    return undefined;
  }
  if (idempotencyKey !== undefined && !/^[\x21-\x7e]{1,255}$/.test(idempotencyKey))
    throw new PlatformError(
      'general_argument_invalid',
      'Invalid `Idempotency-Key` header: Value must be 1 to 255 visible ASCII characters',
    );
  const runAt = scheduled === '' ? undefined : readFuture(scheduled);
  return {
    runAt,
    expiresAt: typeof expiresIn === 'number' ? (runAt ?? Date.now()) + expiresIn * 1000 : undefined,
    priority: priority ?? undefined,
    concurrencyKey: concurrencyKey ?? undefined,
    idempotencyKey,
  };
}

/** The contract takes dates of the future only. */
function readFuture(source: string): number {
  const time = parseDate(source);
  const now = Date.now();
  if (time === undefined || time <= now || time > now + AHEAD_MAX_MS)
    throw new PlatformError('general_argument_invalid', 'Invalid `scheduledAt` param: Value must be valid date in the future');
  return time;
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
