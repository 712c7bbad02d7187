/** `martlet deployments list | activate | rollback | logs` */
import type { DeploymentResource, FunctionResource } from '@martlet/protocol';
import type { Command } from 'commander';
import { followBuildLog } from '../../api/build-log.ts';
import type { Action, CommandContext } from '../../command-context.ts';
import { CliError } from '../../cli-error.ts';
import { untilInterrupted } from '../../interruption.ts';
import { limitQuery, newestFirstQuery, requireFunction } from '../../api/function-lookup.ts';
import { printable } from '../../terminal/style.ts';
import { ago, bytes } from '../../terminal/units.ts';

interface DeploymentList {
  readonly total: number;
  readonly deployments: readonly DeploymentResource[];
}

export function registerDeployments(program: Command, action: Action): void {
  const deployments = program.command('deployments').description('what was uploaded of a function, and which of it is active');
  deployments
    .command('list')
    .description('list the deployments of a function, newest first')
    .argument('<name>', 'function')
    .option('-n, --limit <count>', 'how many', '20')
    .action(action(listDeployments));
  deployments
    .command('activate')
    .description('make a deployment the active one')
    .argument('<name>', 'function')
    .argument('<deployment>', 'id')
    .action(action(activateDeployment));
  deployments
    .command('rollback')
    .description('go back to the deployment that was active before')
    .argument('<name>', 'function')
    .action(action(rollBack));
  deployments
    .command('logs')
    .description('show the build log')
    .argument('<name>', 'function')
    .argument('[deployment]', 'id; default: the newest')
    .option('-f, --follow', 'go on until the build ends')
    .action(action(showBuildLog));
}

async function listDeployments({ connect, out }: CommandContext, [name]: readonly [string], { limit }: { limit: string }): Promise<void> {
  const api = await connect();
  const one = await requireFunction(api, name);
  const list = await api.get<DeploymentList>(`${routeOf(one)}/deployments`, { queries: [newestFirstQuery(), limitQuery(Number(limit))] });
  if (list.deployments.length === 0) out.note(`No deployments of ${one.path} yet. Make one with martlet deploy ${one.path}.`);
  out.table(list, ['deployment', 'status', 'active', 'created', 'source', 'build', 'error'], () =>
    list.deployments.map((row) => [
      row.$id,
      row.status,
      row.active ? 'yes' : '',
      ago(row.$createdAt, Date.now()),
      bytes(row.sourceSize),
      bytes(row.buildSize),
      row.buildError,
    ]),
  );
}

async function activateDeployment({ connect, out }: CommandContext, [name, deploymentId]: readonly [string, string]): Promise<void> {
  const api = await connect();
  const one = await requireFunction(api, name);
  const changed = await api.send<FunctionResource>('PATCH', `${routeOf(one)}/deployment`, { deploymentId });
  out.result(changed, () => [`${out.style.green('✓')} ${one.path}  ${changed.deploymentId} is active`]);
}

async function rollBack({ connect, out }: CommandContext, [name]: readonly [string]): Promise<void> {
  const api = await connect();
  const one = await requireFunction(api, name);
  const changed = await api.send<FunctionResource>('POST', `${routeOf(one)}/deployments/rollback`, {});
  out.result(changed, () => [
    `${out.style.green('✓')} ${one.path}  went back from ${one.deploymentId || 'none'} to ${changed.deploymentId}`,
  ]);
}

async function showBuildLog(
  { connect, out }: CommandContext,
  [name, wanted]: readonly [string, string | undefined],
  { follow }: { follow?: boolean },
): Promise<number> {
  const api = await connect();
  const one = await requireFunction(api, name);
  const id = wanted ?? one.latestDeploymentId;
  if (id === '') throw new CliError(`Cannot show a build log: ${one.path} has no deployments.`, { next: `martlet deploy ${one.path}` });
  const route = `${routeOf(one)}/deployments/${encodeURIComponent(id)}`;
  const onLine = (line: string): void => out.print(out.json ? JSON.stringify({ line }) : printable(line));
  if (follow === true) await untilInterrupted((signal) => followBuildLog(api, { route, signal, onLine }));
  const deployment = await api.get<DeploymentResource>(route);
  const lines =
    follow === true
      ? []
      : deployment.buildLogs
          .split('\n')
          .filter((line) => line !== '')
          .map(printable);
  out.result(deployment, () => lines);
  out.note(`${one.path}  ${deployment.$id}  ${deployment.status}`);
  return deployment.status === 'failed' ? 1 : 0;
}

function routeOf(one: FunctionResource): string {
  return `/functions/${encodeURIComponent(one.$id)}`;
}
