/**
 * `martlet login`: gets a key, by a code that a person allows on a page of the server or as it is given, and keeps it in a
 * context.
 */
import { isCancel, password } from '@clack/prompts';
import { keyScopes } from '@martlet/protocol';
import type { Command } from 'commander';
import { createApiClient, type ApiClient } from '../api/api-client.ts';
import { DEFAULT_PROJECT, DEFAULT_URL, originOf } from '../api/connection.ts';
import { limitQuery } from '../api/function-lookup.ts';
import { CliError, usageError } from '../cli-error.ts';
import type { Action, CommandContext } from '../command-context.ts';
import { readStandardInput } from '../terminal/standard-input.ts';
import { logInByDevice } from './device-login.ts';
import { assertContextName, readContexts, withContext, writeContexts } from './contexts.ts';

/** Printable characters without spaces: anything else was pasted by mistake, and cannot be sent. */
const KEY = /^[\x21-\x7e]{8,512}$/;
const LOOPBACK = /^https?:\/\/(localhost|127\.|\[::1\])/;

export function registerLogin(program: Command, action: Action): void {
  program
    .command('login')
    .description('log in to a server: allow it in a browser, or give an API key with --key or on standard input')
    .argument('[name]', 'context to store it in; default: the one in use for this server, else the name of its host')
    .option('--device', 'by a code and a browser, also where no person is at the terminal')
    .option('--prompt', 'type an API key, which is not shown')
    .option('--scope <scope...>', 'what the new key may do; default: all that the key of whoever allows it may')
    .action(action(login));
}

interface LoginOptions {
  readonly device?: boolean;
  readonly prompt?: boolean;
  readonly scope?: readonly string[];
}

async function login(
  { env, out, flags }: CommandContext,
  [wantedName]: readonly [string | undefined],
  options: LoginOptions,
): Promise<void> {
  assertOptions(options, flags.key);
  const all = await readContexts(env);
  const started = wantedName ?? flags.context ?? all.current;
  const known = started !== undefined && Object.hasOwn(all.contexts, started) ? all.contexts[started] : undefined;
  const url = originOf(flags.url ?? (env['MARTLET_URL'] || known?.url) ?? DEFAULT_URL);
  const same = known?.url === url ? known : undefined;
  const name = wantedName ?? flags.context ?? (same === undefined ? nameOf(url) : started) ?? nameOf(url);
  assertContextName(name);
  const project = flags.project ?? (env['MARTLET_PROJECT'] || same?.project) ?? DEFAULT_PROJECT;
  if (url.startsWith('http:') && !LOOPBACK.test(url))
    out.warn(`${out.noteStyle.yellow('!')} ${url} is not encrypted: the key can be read on the way. Use https where you can.`);
  const given = await givenKey(url, flags.key, options);
  const stored =
    given === undefined
      ? await logInByDevice({ out }, createApiClient({ url, project, key: undefined }), options.scope)
      : { key: await checked(given, { url, project }, out), project };
  const context = { url, project: stored.project, apiKey: stored.key };
  // Read again: somebody may have allowed it minutes later.
  await writeContexts(env, { ...withContext(await readContexts(env), name, context), current: name });
  out.note(`Logged in to ${url}`);
  const facts = {
    context: name,
    url,
    project: stored.project,
    ...('expire' in stored && { scopes: stored.scopes, expire: stored.expire }),
  };
  out.result(given === undefined ? { event: 'stored', ...facts } : facts, () => [
    `${out.style.green('✓')} ${name}  ${url}  project ${stored.project}  key stored and in use${'expire' in stored && stored.expire !== '' ? ` until ${stored.expire.slice(0, 10)}` : ''}`,
  ]);
}

function assertOptions({ device, prompt, scope }: LoginOptions, key: string | undefined): void {
  const ways = [device === true && '--device', prompt === true && '--prompt', key !== undefined && '--key'].filter((way) => way !== false);
  if (ways.length > 1) throw usageError(`Cannot log in with ${ways.join(' and ')} at once.`, 'martlet login');
  if (scope !== undefined && (prompt === true || key !== undefined))
    throw usageError('Cannot choose the scopes of a key that exists.', 'martlet login --scope … without --key and --prompt');
  const unknown = scope?.find((one) => !keyScopes.some((known) => known === one));
  if (unknown !== undefined) throw usageError(`Cannot ask for the scope "${unknown}": known are ${keyScopes.join(', ')}.`);
}

/** Undefined: the key comes from the device login. @throws {CliError} where there is neither a key nor anybody to ask */
async function givenKey(url: string, key: string | undefined, { device, prompt }: LoginOptions): Promise<string | undefined> {
  if (key !== undefined || device === true) return key;
  if (process.stdin.isTTY) return prompt === true ? askForKey(url) : undefined;
  const piped = (await readStandardInput()).toString().trim();
  if (piped === '')
    throw usageError(
      'Cannot log in: this is no terminal, so nobody may be there to allow it, and no key came on standard input.',
      'martlet login --key …, martlet login < key.txt, or martlet login --device for a code that somebody allows in a browser. Commands also take MARTLET_API_KEY.',
    );
  return piped;
}

async function askForKey(url: string): Promise<string> {
  const answer = await password({ message: `API key for ${url}`, mask: '', output: process.stderr });
  if (isCancel(answer)) throw new CliError('Nothing was stored: no key was given.', { next: 'martlet login --key …' });
  return answer.trim();
}

/** The key, once the server has taken it. */
async function checked(key: string, { url, project }: { url: string; project: string }, out: CommandContext['out']): Promise<string> {
  if (!KEY.test(key))
    throw usageError(
      'Cannot use that as a key: keys have 8 to 512 characters without spaces.',
      'martlet keys create makes one on the server.',
    );
  const progress = out.progress(`Asking ${url} about the key`);
  try {
    await verify(createApiClient({ url, project, key }));
  } catch (error) {
    progress.fail('The key was not stored');
    throw error;
  }
  progress.done('The server takes the key');
  return key;
}

/** @throws {CliError} when the server does not know the key, or it belongs to another project */
async function verify(api: ApiClient): Promise<void> {
  try {
    await api.get('/functions', { queries: [limitQuery(1)] });
  } catch (error) {
    if (!(error instanceof CliError)) throw error;
    // A key that may do other things only is a key all the same; the server says whose scopes it looked at.
    if (error.code === 'general_unauthorized_scope' && error.message.includes('role: applications')) return;
    if (error.code === 'general_unauthorized_scope')
      throw new CliError(`Cannot log in to ${api.connection.url}: the server does not know this key.`, {
        code: error.code,
        next: 'Create one on the server with martlet keys create, or copy it again.',
      });
    if (error.code === 'general_access_forbidden' || error.code === 'project_not_found')
      throw new CliError(error.message, { code: error.code, next: 'Name the project of the key: martlet login --project <id>' });
    throw error;
  }
}

const nameOf = (url: string): string =>
  new URL(url).host
    .replaceAll(/[^A-Za-z0-9.-]+/g, '-')
    .replace(/^-+/, '')
    .slice(0, 64);
