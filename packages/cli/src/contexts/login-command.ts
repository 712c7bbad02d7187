/** `martlet login`: takes a key, asks the server whether it is good, and keeps it in a context. */
import { isCancel, password } from '@clack/prompts';
import type { Command } from 'commander';
import { createApiClient, type ApiClient } from '../api/api-client.ts';
import { DEFAULT_PROJECT, DEFAULT_URL, originOf } from '../api/connection.ts';
import { limitQuery } from '../api/function-lookup.ts';
import { CliError, usageError } from '../cli-error.ts';
import type { Action, CommandContext } from '../command-context.ts';
import { readStandardInput } from '../terminal/standard-input.ts';
import { assertContextName, readContexts, withContext, writeContexts } from './contexts.ts';

/** Printable characters without spaces: anything else was pasted by mistake, and cannot be sent. */
const KEY = /^[\x21-\x7e]{8,512}$/;
const LOOPBACK = /^https?:\/\/(localhost|127\.|\[::1\])/;

export function registerLogin(program: Command, action: Action): void {
  program
    .command('login')
    .description('store an API key for a server; without --key it is asked for, or read from standard input')
    .argument('[name]', 'context to store it in; default: the one in use for this server, else the name of its host')
    .action(action(login));
}

async function login({ env, out, flags }: CommandContext, [wantedName]: readonly [string | undefined]): Promise<void> {
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
  const apiKey = flags.key ?? (await askForKey(url));
  if (!KEY.test(apiKey))
    throw usageError(
      'Cannot use that as a key: keys have 8 to 512 characters without spaces.',
      'martlet keys create makes one on the server.',
    );
  const progress = out.progress(`Asking ${url} about the key`);
  try {
    await verify(createApiClient({ url, project, key: apiKey }));
  } catch (error) {
    progress.fail('The key was not stored');
    throw error;
  }
  await writeContexts(env, { ...withContext(all, name, { url, project, apiKey }), current: name });
  progress.done(`Logged in to ${url}`);
  out.result({ context: name, url, project }, () => [`${out.style.green('✓')} ${name}  ${url}  project ${project}  key stored and in use`]);
}

async function askForKey(url: string): Promise<string> {
  if (!process.stdin.isTTY) return (await readStandardInput()).toString().trim();
  const answer = await password({ message: `API key for ${url}`, mask: '', output: process.stderr });
  if (isCancel(answer)) throw new CliError('Nothing was stored: no key was given.', { next: 'martlet login --key …' });
  return answer.trim();
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
