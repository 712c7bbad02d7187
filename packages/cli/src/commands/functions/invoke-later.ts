/** `martlet invoke --async`: stores an execution that runs without anybody waiting, or waits for it here. */
import type { ExecutionResource } from '@martlet/protocol';
import type { ApiClient } from '../../api/api-client.ts';
import { requireFunction } from '../../api/function-lookup.ts';
import { CliError, toCliError, usageError } from '../../cli-error.ts';
import type { Output } from '../../terminal/output.ts';
import { readSeconds, readWhen } from '../../terminal/read-time.ts';
import { functionPath, textOf } from '../request-options.ts';
import { showAccepted, showEnded, waitForEnd } from '../executions/follow-execution.ts';

export interface LaterOptions {
  readonly async?: boolean;
  readonly at?: string;
  readonly in?: string;
  readonly expires?: string;
  readonly priority?: number;
  readonly concurrencyKey?: string;
  readonly idempotencyKey?: string;
  readonly wait?: boolean;
}

/** Who calls, as the request says it; headers are for the server, and do not reach the function as they are. */
export interface CallerIdentity {
  readonly credentials: 'with-key' | 'without-key';
  readonly headers: Readonly<Record<string, string>>;
}

export interface LaterCall {
  readonly api: ApiClient;
  readonly out: Output;
  /** Of the function. */
  readonly name: string;
  readonly options: LaterOptions & { readonly path: string };
  readonly identity: CallerIdentity;
  readonly headers: Headers;
  readonly method: string;
  readonly body: Uint8Array | undefined;
}

/** Only an execution that nobody waits for has a time, a place in the queue, or a key that names it. */
export function isForLater({ async, at, in: span, expires, priority, concurrencyKey, idempotencyKey, wait }: LaterOptions): boolean {
  return [async, at, span, expires, priority, concurrencyKey, idempotencyKey, wait].some((one) => one !== undefined);
}

/** @returns the exit code */
export async function invokeLater({ api, out, name, options, identity, headers, method, body }: LaterCall): Promise<number> {
  const { idempotencyKey } = options;
  if (idempotencyKey !== undefined && !/^[\x21-\x7e]{1,255}$/.test(idempotencyKey))
    throw usageError(
      `Cannot use ${JSON.stringify(idempotencyKey)} as --idempotency-key: it must have 1 to 255 visible ASCII characters, without blanks.`,
    );
  const order = {
    async: true,
    method,
    path: functionPath(options.path),
    headers: Object.fromEntries(headers),
    scheduledAt: readWhen(options),
    expiresIn: options.expires === undefined ? undefined : readSeconds(options.expires, '--expires'),
    priority: options.priority,
    concurrencyKey: options.concurrencyKey,
  };
  const { $id } = await requireFunction(api, name);
  const accepted = await api
    .post<ExecutionResource>(`/functions/${encodeURIComponent($id)}/executions`, {
      body: bodyOf(order, body),
      credentials: identity.credentials,
      headers: { ...identity.headers, ...(idempotencyKey === undefined ? {} : { 'idempotency-key': idempotencyKey }) },
    })
    .catch((error: unknown) => {
      throw identity.credentials === 'with-key' ? error : withWayIn(error);
    });
  showAccepted(out, accepted, { quietly: options.wait === true });
  if (options.wait !== true) return 0;
  return showEnded(out, await waitForEnd({ api, out }, accepted.$id));
}

/** JSON holds text only; other bytes go in a form. */
function bodyOf(order: Readonly<Record<string, unknown>>, body: Uint8Array | undefined): object {
  if (body === undefined) return order;
  const text = textOf(body);
  if (text !== undefined) return { ...order, body: text };
  const form = new FormData();
  for (const [field, value] of Object.entries(order))
    if (value !== undefined) form.set(field, typeof value === 'object' ? JSON.stringify(value) : String(value));
  form.set('body', new Blob([new Uint8Array(body)]));
  return form;
}

/** A function that is not open to everybody: the same hint as for a call that waits. */
function withWayIn(error: unknown): CliError {
  const failure = toCliError(error);
  if (failure.code !== 'user_unauthorized') return failure;
  return new CliError(failure.message, {
    code: failure.code,
    next: 'The function is not open to everybody; call it with --as service or --as user:<id>.',
    cause: error,
  });
}
