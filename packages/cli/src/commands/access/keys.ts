/** `martlet keys list | create | delete` */
import { keyScopes, type KeyResource } from '@martlet/protocol';
import type { Command } from 'commander';
import type { Action, CommandContext } from '../../command-context.ts';
import { limitQuery } from '../../api/function-lookup.ts';
import { usageError } from '../../cli-error.ts';
import { ago } from '../../terminal/units.ts';

interface KeyList {
  readonly total: number;
  readonly keys: readonly KeyResource[];
}
interface CreateOptions {
  readonly scope?: readonly string[];
  readonly expire?: string;
}

export function registerKeys(program: Command, action: Action): void {
  const keys = program.command('keys').description('API keys of the project');
  keys.command('list').description('list the keys').action(action(listKeys));
  keys
    .command('create')
    .description('create a key; its secret is shown once')
    .argument('<name>', 'what it is for')
    .option('--scope <scope...>', `what it may do; default: everything. Scopes: ${keyScopes.join(', ')}`)
    .option('--expire <date>', 'ISO date after which it is no longer valid')
    .action(action(createKey));
  keys.command('delete').description('delete a key; it stops working at once').argument('<key>', 'id').action(action(deleteKey));
}

async function listKeys({ connect, out }: CommandContext): Promise<void> {
  const api = await connect();
  const list = await api.get<KeyList>('/keys', { queries: [limitQuery(5000)] });
  out.table(list, ['key', 'name', 'begins', 'created', 'used', 'expires', 'scopes'], () =>
    list.keys.map((key) => [
      key.$id,
      key.name,
      key.prefix,
      ago(key.$createdAt, Date.now()),
      ago(key.accessedAt, Date.now()) || 'never',
      key.expire || 'never',
      key.scopes.join(' '),
    ]),
  );
}

async function createKey({ connect, out }: CommandContext, [name]: readonly [string], { scope, expire }: CreateOptions): Promise<void> {
  const unknown = scope?.find((one) => !keyScopes.some((known) => known === one));
  if (unknown !== undefined) throw usageError(`Cannot create a key with the scope "${unknown}": known are ${keyScopes.join(', ')}.`);
  if (expire !== undefined && Number.isNaN(Date.parse(expire)))
    throw usageError(`Cannot use ${JSON.stringify(expire)} as --expire: it is not an ISO date such as 2027-01-31T00:00:00Z.`);
  const api = await connect();
  const key = await api.send<KeyResource>('POST', '/keys', {
    name,
    scopes: scope ?? keyScopes,
    ...(expire === undefined ? {} : { expire: new Date(expire).toISOString() }),
  });
  out.note(`${out.noteStyle.green('✓')} ${name}  created as ${key.$id}. The key is shown only now:`);
  out.result(key, () => [key.secret]);
}

async function deleteKey({ connect, out }: CommandContext, [id]: readonly [string]): Promise<void> {
  const api = await connect();
  await api.send('DELETE', `/keys/${encodeURIComponent(id)}`);
  out.result({ deleted: id }, () => [`${out.style.green('✓')} ${id}  deleted`]);
}
