/** `martlet functions list | get | delete` */
import type { FunctionResource } from '@martlet/protocol';
import type { Command } from 'commander';
import type { Action, CommandContext } from '../../command-context.ts';
import { limitQuery, requireFunction, type FunctionList } from '../../api/function-lookup.ts';
import { ago } from '../../terminal/units.ts';

export function registerFunctions(program: Command, action: Action): void {
  const functions = program.command('functions').description('the functions of the project');
  functions
    .command('list')
    .description('list the functions')
    .option('--search <text>', 'only those with these words in name, path, id or runtime')
    .action(action(listFunctions));
  functions.command('get').description('show one function').argument('<name>', 'name or id').action(action(getFunction));
  functions
    .command('delete')
    .description('delete a function with its deployments, variables and executions')
    .argument('<name>', 'name or id')
    .action(action(deleteFunction));
}

async function listFunctions({ connect, out }: CommandContext, _: readonly [], { search }: { search?: string }): Promise<void> {
  const api = await connect();
  const list = await api.get<FunctionList>('/functions', { queries: [limitQuery(5000)], search });
  if (list.functions.length === 0)
    out.note(`No functions in the project "${api.connection.project}" of ${api.connection.url}. Deploy some with martlet deploy.`);
  out.table(list, ['name', 'state', 'execute', 'schedule', 'changed', 'url'], () =>
    list.functions.length === 0
      ? []
      : list.functions.map((one) => [
          one.path,
          stateOf(one),
          one.execute.join(',') || '-',
          one.schedule || '-',
          ago(one.deploymentCreatedAt, Date.now()) || '-',
          `${api.connection.url}/functions/${one.path}`,
        ]),
  );
}

async function getFunction({ connect, out }: CommandContext, [name]: readonly [string]): Promise<void> {
  const api = await connect();
  const one = await requireFunction(api, name);
  const fields: readonly (readonly [string, string])[] = [
    ['name', one.path],
    ['id', one.$id],
    ['url', `${api.connection.url}/functions/${one.path}`],
    ['state', stateOf(one)],
    ['execute', one.execute.join(', ') || 'keys only'],
    ['active deployment', one.deploymentId || 'none'],
    ['latest deployment', one.latestDeploymentId === '' ? 'none' : `${one.latestDeploymentId} (${one.latestDeploymentStatus})`],
    ['entrypoint', one.entrypoint],
    ['timeout', `${one.timeout} s`],
    ['memory', `${one.memory} MB`],
    ['concurrency', String(one.concurrency)],
    ['schedule', one.schedule === '' ? 'none' : `${one.schedule} (${one.timezone})`],
    ['events', one.events.join(', ') || 'none'],
    ['egress', typeof one.egress === 'string' ? one.egress : one.egress.allow.join(', ')],
    ['variables', one.vars.map((variable) => variable.key).join(', ') || 'none'],
  ];
  out.result(one, () => fields.map(([title, value]) => `${title.padEnd(19)}${value}`));
}

async function deleteFunction({ connect, out }: CommandContext, [name]: readonly [string]): Promise<void> {
  const api = await connect();
  const one = await requireFunction(api, name);
  await api.send('DELETE', `/functions/${encodeURIComponent(one.$id)}`);
  out.result({ deleted: one.$id, name: one.path }, () => [`${out.style.green('✓')} ${one.path}  deleted`]);
}

function stateOf(one: FunctionResource): string {
  if (!one.enabled) return 'disabled';
  if (one.deploymentId !== '') return one.latestDeploymentStatus === 'failed' ? 'live, latest build failed' : 'live';
  return one.latestDeploymentStatus === '' ? 'not deployed' : one.latestDeploymentStatus;
}
