/**
 * A login without a key: the server gives a code, a person types it into a page of the server and allows it there, and
 * this terminal is given a key of its own. What the server says is shown to a person, so none of it is taken on trust.
 */
import { hostname } from 'node:os';
import { setTimeout as sleep } from 'node:timers/promises';
import { z } from 'zod';
import type { ApiClient } from '../api/api-client.ts';
import { CliError } from '../cli-error.ts';
import type { CommandContext } from '../command-context.ts';
import { watchInterruption } from '../interruption.ts';

const webAddress = z.string().refine((text) => URL.canParse(text) && /^https?:$/.test(new URL(text).protocol));
const startSchema = z.object({
  deviceCode: z.string(),
  userCode: z.string().regex(/^[A-Z0-9-]{4,32}$/),
  verificationUrl: webAddress,
  verificationUrlComplete: webAddress,
  expiresIn: z.int().min(1).max(86_400),
  interval: z.int().min(1).max(600),
});
const keySchema = z.object({ key: z.string(), project: z.string(), scopes: z.array(z.string()), expire: z.string() });

export type DeviceLogin = z.infer<typeof startSchema>;
export type DeviceLoginKey = z.infer<typeof keySchema>;

/** Added to the interval for good whenever the server asks for patience (RFC 8628, 3.5). */
const SLOWER_BY_SECONDS = 5;
/** The server or the way to it may be away for a moment; the login goes on. */
const PASSING = new Set([
  undefined,
  'login_pending',
  'login_slow_down',
  'general_rate_limit_exceeded',
  'general_server_error',
  'store_unavailable',
]);

/** @throws {CliError} when it was denied, has expired, or Ctrl-C was pressed */
export async function logInByDevice(
  { out }: Pick<CommandContext, 'out'>,
  api: ApiClient,
  scopes: readonly string[] | undefined,
): Promise<DeviceLoginKey> {
  const started = read(startSchema, await api.send('POST', '/login/device', { machine: machineName(), ...(scopes && { scopes }) }), api);
  show(out, started);
  const interruption = watchInterruption(() => process.exit(130));
  const countdown = out.countdown('Waiting for the login to be allowed. Ctrl-C ends it', started.expiresIn);
  try {
    return await waitForKey(api, started, interruption.signal);
  } finally {
    countdown.stop();
    interruption.stop();
  }
}

function show(out: CommandContext['out'], { userCode, verificationUrl, verificationUrlComplete, expiresIn }: DeviceLogin): void {
  const page = new URL(verificationUrl).href;
  const direct = new URL(verificationUrlComplete).href;
  if (out.json) out.print(JSON.stringify({ event: 'code', userCode, verificationUrl: page, verificationUrlComplete: direct, expiresIn }));
  const { bold, dim } = out.noteStyle;
  out.warn(`Open ${bold(page)} in a browser, on any machine, and type the code`);
  out.warn('');
  out.warn(`    ${bold(userCode)}`);
  out.warn('');
  out.warn(dim(`or open ${direct}`));
}

async function waitForKey(api: ApiClient, { deviceCode, expiresIn, interval }: DeviceLogin, signal: AbortSignal): Promise<DeviceLoginKey> {
  const endsAt = performance.now() + expiresIn * 1000;
  let seconds = interval;
  while (performance.now() < endsAt) {
    await sleep(seconds * 1000, undefined, { signal }).catch(() => undefined);
    if (signal.aborted) throw new CliError('Nothing was stored: the login was ended before it was allowed.', { next: 'martlet login' });
    const answer = await api.send('POST', '/login/device/token', { deviceCode }).catch(passing);
    if (!(answer instanceof CliError)) return read(keySchema, answer, api);
    if (answer.code === 'login_slow_down') seconds += SLOWER_BY_SECONDS;
  }
  throw new CliError('Nothing was stored: nobody allowed the login in time.', { code: 'login_expired', next: 'martlet login' });
}

/** What is no end of the login. @throws everything else */
function passing(error: unknown): CliError {
  if (error instanceof CliError && PASSING.has(error.code)) return error;
  throw error;
}

function read<Schema extends z.ZodType>(schema: Schema, answer: unknown, api: ApiClient): z.output<Schema> {
  const { data, success } = schema.safeParse(answer);
  if (success) return data;
  throw new CliError(`Cannot use the answer of ${api.connection.url}: it is not what a Martlet server says to a login.`, {
    next: 'Check --url or MARTLET_URL.',
  });
}

/** In the letters that the server takes. */
export function machineName(name = hostname()): string {
  const plain = name
    .replaceAll(/[^\p{L}\p{N} ._-]+/gu, '-')
    .replace(/^[ ._-]+/, '')
    .slice(0, 60)
    .trim();
  return plain === '' ? 'unknown machine' : plain;
}
