/** `martlet context list | use | add | remove`: several servers, by name. Keys are never printed. */
import type { Command } from 'commander';
import { DEFAULT_PROJECT, originOf } from '../api/connection.ts';
import { usageError } from '../cli-error.ts';
import type { Action, CommandContext } from '../command-context.ts';
import { assertContextName, readContexts, requireContext, withContext, withoutContext, writeContexts } from './contexts.ts';

export function registerContext(program: Command, action: Action): void {
  const context = program.command('context').description('servers that you work with, by name');
  context.command('list').description('list the contexts; the one in use is marked').action(action(list));
  context.command('use').description('use this server where nothing else is said').argument('<name>', 'context').action(action(use));
  context
    .command('add')
    .description('add a context, or change one: --url, --project and --key say what it holds')
    .argument('<name>', 'context')
    .action(action(add));
  context.command('remove').description('forget a context and its key').argument('<name>', 'context').action(action(remove));
}

async function list({ env, out }: CommandContext): Promise<void> {
  const { current, contexts } = await readContexts(env);
  const rows = Object.entries(contexts).map(([name, { url, project, apiKey }]) => ({
    name,
    url,
    project,
    hasKey: apiKey !== undefined,
    current: name === current,
  }));
  out.table({ total: rows.length, contexts: rows }, ['', 'context', 'url', 'project', 'key'], () =>
    rows.map((one) => [one.current ? '*' : '', one.name, one.url, one.project, one.hasKey ? 'stored' : 'none']),
  );
}

async function use({ env, out }: CommandContext, [name]: readonly [string]): Promise<void> {
  const all = await readContexts(env);
  const { url, project } = requireContext(all, name);
  await writeContexts(env, { ...all, current: name });
  out.result({ current: name, url, project }, () => [`${out.style.green('✓')} ${name}  ${url}  project ${project}`]);
}

async function add({ env, out, flags }: CommandContext, [name]: readonly [string]): Promise<void> {
  assertContextName(name);
  const all = await readContexts(env);
  const before = Object.hasOwn(all.contexts, name) ? all.contexts[name] : undefined;
  const address = flags.url ?? before?.url;
  if (address === undefined)
    throw usageError('Cannot add a context without the address of a server.', `martlet context add ${name} --url https://…`);
  const url = originOf(address);
  // A key belongs to its server: another address takes it away.
  const apiKey = flags.key ?? (before?.url === url ? before.apiKey : undefined);
  const project = flags.project ?? before?.project ?? DEFAULT_PROJECT;
  const next = withContext(all, name, { url, project, ...(apiKey === undefined ? {} : { apiKey }) });
  await writeContexts(env, { ...next, current: all.current ?? name });
  out.result({ name, url, project, hasKey: apiKey !== undefined }, () => [
    `${out.style.green('✓')} ${name}  ${url}  project ${project}  ${apiKey === undefined ? 'without a key: martlet login stores one' : 'key stored'}`,
  ]);
}

async function remove({ env, out }: CommandContext, [name]: readonly [string]): Promise<void> {
  const all = await readContexts(env);
  requireContext(all, name);
  await writeContexts(env, withoutContext(all, name));
  out.result({ removed: name }, () => [`${out.style.green('✓')} ${name}  forgotten, with its key`]);
}
