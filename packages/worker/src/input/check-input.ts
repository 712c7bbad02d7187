/** Puts the check of the declared input in front of a handler: what does not fit is answered with 400, and never reaches it. */
import type { ErrorCode } from '@martlet/protocol';
import type { AppwriteContext } from '../appwrite/appwrite-context.ts';
import { executions } from '../execution/execution.ts';
import type { AppwriteHandler, Handler, RequestHandler } from '../execution/handler.ts';
import type { DeclaredInput } from './declared-input.ts';
import { InputUnreadable, readInput, type InputSource } from './read-input.ts';

const CODE: ErrorCode = 'function_input_invalid';
/** A list of thousands says no more than one of these. */
const FIELDS_MAX = 100;
const MESSAGE_MAX = 500;
const SEGMENTS_MAX = 50;

interface InvalidField {
  /** Keys and indexes from the input to the field; empty for the input as a whole. */
  readonly path: readonly (string | number)[];
  readonly message: string;
}

type Checked = { readonly ok: true; readonly value: unknown } | { readonly ok: false; readonly fields: readonly InvalidField[] };

export function checkInput(handler: Handler, declared: DeclaredInput): Handler {
  return handler.shape === 'appwrite'
    ? { shape: 'appwrite', call: checkAppwrite(handler.call, declared) }
    : { shape: handler.shape, call: checkRequest(handler.call, declared) };
}

function checkRequest(call: RequestHandler, declared: DeclaredInput): RequestHandler {
  return async (request, context) => {
    // A preflight has no input; a function that knows of them answers it.
    if (request.method === 'OPTIONS') return call(request, context);
    const checked = await check(declared, sourceOfRequest(request));
    if (!checked.ok) return refuse(checked.fields);
    return call(request, Object.assign(context, { input: checked.value }));
  };
}

function checkAppwrite(call: AppwriteHandler, declared: DeclaredInput): AppwriteHandler {
  return async (context) => {
    const { req } = context as AppwriteContext;
    if (req.method === 'OPTIONS') return call(context);
    const checked = await check(declared, sourceOfAppwrite(req));
    if (!checked.ok) return refuse(checked.fields);
    return call(Object.assign(context, { input: checked.value }));
  };
}

/** Reads a branch of the body, so that the handler still finds all of it. */
function sourceOfRequest(request: Request): InputSource {
  const branch = request.clone();
  return {
    method: request.method,
    get query() {
      return new URL(request.url).searchParams;
    },
    get contentType() {
      return request.headers.get('content-type') ?? '';
    },
    text: () => branch.text(),
    formData: () => branch.formData(),
  };
}

function sourceOfAppwrite(req: AppwriteContext['req']): InputSource {
  const contentType = req.headers['content-type'] ?? '';
  return {
    method: req.method,
    query: new URLSearchParams(req.queryString),
    contentType,
    text: async () => req.bodyText,
    formData: () => new Response(new Uint8Array(req.bodyBinary), { headers: { 'content-type': contentType } }).formData(),
  };
}

async function check(declared: DeclaredInput, source: InputSource): Promise<Checked> {
  let value: unknown;
  try {
    value = await readInput(source);
  } catch (error) {
    if (!(error instanceof InputUnreadable)) throw error;
    return { ok: false, fields: [{ path: [], message: error.message }] };
  }
  const result = (await declared.validate(value)) as { readonly value?: unknown; readonly issues?: Iterable<unknown> };
  if (!result.issues) return { ok: true, value: result.value };
  return { ok: false, fields: [...result.issues].slice(0, FIELDS_MAX).map(readIssue) };
}

function readIssue(issue: unknown): InvalidField {
  const { message, path } = issue as { readonly message?: unknown; readonly path?: Iterable<unknown> };
  return { path: [...(path ?? [])].slice(0, SEGMENTS_MAX).map(readSegment), message: String(message).slice(0, MESSAGE_MAX) };
}

/** A key, or an object that has one. */
function readSegment(segment: unknown): string | number {
  const key = typeof segment === 'object' && segment !== null && 'key' in segment ? segment.key : segment;
  return typeof key === 'number' ? key : String(key);
}

/** In the form in which the platform refuses; see `writeError` of the server. */
function refuse(fields: readonly InvalidField[]): Response {
  const execution = executions.getStore();
  const named = fields.map(({ path }) => (path.length === 0 ? 'the input itself' : path.join('.')));
  // Values stay out of the log: messages of some libraries quote them.
  execution?.log('warn', 'logs', `The input was refused, since these do not fit the declared schema: ${named.join(', ')}`);
  const reasons = fields.slice(0, 5).map(({ path, message }) => (path.length === 0 ? message : `${path.join('.')}: ${message}`));
  const message = `Cannot execute the function: its input is not valid. ${reasons.join('; ')}${fields.length > 5 ? `; and ${fields.length - 5} more` : ''}`;
  return Response.json(
    {
      error: message,
      message,
      detail: message,
      code: CODE.toUpperCase(),
      fields,
      ...(execution !== undefined && { executionId: execution.head.executionId }),
    },
    { status: 400 },
  );
}
