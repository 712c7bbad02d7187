/** `martlet secrets list | set | delete | import`: variables whose values never come back, of the project or one function. */
import { readFile } from 'node:fs/promises';
import { resolve } from 'node:path';
import type { VariableResource } from '@martlet/protocol';
import type { Command } from 'commander';
import type { ApiClient } from '../../api/api-client.ts';
import { CliError, usageError } from '../../cli-error.ts';
import type { Action, CommandContext } from '../../command-context.ts';
import { parseEnvFile, variableNameProblem } from '../../env-file.ts';
import { limitQuery, requireFunction } from '../../api/function-lookup.ts';
import { readStandardInput } from '../../terminal/standard-input.ts';
import { ago } from '../../terminal/units.ts';

interface OwnerOption {
  readonly function?: string;
}
interface VariableList {
  readonly total: number;
  readonly variables: readonly VariableResource[];
}

export function registerSecrets(program: Command, action: Action): void {
  const secrets = program.command('secrets').description('secret variables; values are sealed and never shown again');
  const option = ['-f, --function <name>', 'of this function; default: of all functions of the project'] as const;
  secrets
    .command('list')
    .description('list the names')
    .option(...option)
    .action(action(listSecrets));
  secrets
    .command('set')
    .description('set secrets: NAME=value, or NAME alone to read its value from standard input')
    .argument('<secrets...>', 'NAME=value')
    .option(...option)
    .action(action(setSecrets));
  secrets
    .command('delete')
    .description('delete secrets')
    .argument('<names...>', 'names')
    .option(...option)
    .action(action(deleteSecrets));
  secrets
    .command('import')
    .description('set all secrets of a file of NAME=value lines')
    .argument('<file>', 'file, or - for standard input')
    .option(...option)
    .action(action(importSecrets));
}

async function listSecrets({ connect, out }: CommandContext, _: readonly [], options: OwnerOption): Promise<void> {
  const api = await connect();
  const list = await readVariables(api, await routeOf(api, options));
  if (list.variables.length === 0) out.note('No secrets. Set one with martlet secrets set NAME=value.');
  out.table(list, ['name', 'secret', 'changed', 'value'], () =>
    list.variables.map((one) => [one.key, one.secret ? 'yes' : 'no', ago(one.$updatedAt, Date.now()), one.secret ? '(sealed)' : one.value]),
  );
}

async function setSecrets(context: CommandContext, [words]: readonly [readonly string[]], options: OwnerOption): Promise<void> {
  const values = new Map<string, string>();
  for (const word of words) {
    const equals = word.indexOf('=');
    if (equals !== -1) values.set(word.slice(0, equals), word.slice(equals + 1));
    else if (words.length === 1) values.set(word, (await readStandardInput()).toString('utf8').replace(/\r?\n$/, ''));
    else
      throw usageError(
        `Cannot set "${word}": it has no value.`,
        `martlet secrets set ${word}=value, or ${word} alone with the value on standard input.`,
      );
  }
  await store(context, values, options);
}

async function importSecrets(context: CommandContext, [file]: readonly [string], options: OwnerOption): Promise<void> {
  const text = file === '-' ? (await readStandardInput()).toString('utf8') : await readText(resolve(context.folder, file));
  const values = parseEnvFile(text);
  if (values.size === 0) throw usageError(`Cannot import ${file}: it has no line of the form NAME=value.`);
  await store(context, values, options);
}

async function deleteSecrets({ connect, out }: CommandContext, [names]: readonly [readonly string[]], options: OwnerOption): Promise<void> {
  const api = await connect();
  const route = await routeOf(api, options);
  const { variables } = await readVariables(api, route);
  const found = names.map((name) => variables.find((one) => one.key === name) ?? name);
  const missing = found.filter((one) => typeof one === 'string');
  if (missing.length > 0)
    throw new CliError(`Cannot delete ${missing.join(', ')}: there is no such secret.`, {
      next: 'martlet secrets list',
      code: 'variable_not_found',
    });
  for (const one of found) if (typeof one !== 'string') await api.send('DELETE', `${route}/${encodeURIComponent(one.$id)}`);
  out.result({ deleted: names }, () => names.map((name) => `${out.style.green('✓')} ${name}  deleted`));
}

async function store({ connect, out }: CommandContext, values: ReadonlyMap<string, string>, options: OwnerOption): Promise<void> {
  for (const name of values.keys()) {
    const problem = variableNameProblem(name);
    if (problem !== undefined) throw usageError(`Cannot use ${JSON.stringify(name)} as the name of a secret: ${problem}.`);
  }
  const api = await connect();
  const route = await routeOf(api, options);
  const { variables } = await readVariables(api, route);
  for (const [key, value] of values) {
    const existing = variables.find((one) => one.key === key);
    if (existing === undefined) await api.send('POST', route, { variableId: 'unique()', key, value, secret: true });
    else await api.send('PUT', `${route}/${encodeURIComponent(existing.$id)}`, { key, value, secret: true });
    out.note(`${out.noteStyle.green('✓')} ${key}  ${existing === undefined ? 'set' : 'changed'}`);
  }
  out.result({ set: [...values.keys()] }, () => []);
}

async function routeOf(api: ApiClient, options: OwnerOption): Promise<string> {
  if (options.function === undefined) return '/project/variables';
  return `/functions/${encodeURIComponent((await requireFunction(api, options.function)).$id)}/variables`;
}

function readVariables(api: ApiClient, route: string): Promise<VariableList> {
  return api.get<VariableList>(route, { queries: [limitQuery(5000)] });
}

async function readText(path: string): Promise<string> {
  try {
    return await readFile(path, 'utf8');
  } catch (error) {
    throw new CliError(`Cannot read ${path}: ${error instanceof Error ? error.message : String(error)}.`, { exitCode: 2, cause: error });
  }
}
