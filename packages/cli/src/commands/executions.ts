/** `martlet executions list | get | cancel | delete` */
import type { ExecutionResource } from '@martlet/protocol';
import type { Command } from 'commander';
import type { ApiClient } from '../api/api-client.ts';
import type { Action, CommandContext } from '../command-context.ts';
import { equalQuery, functionNames, limitQuery, newestFirstQuery, requireFunction } from '../api/function-lookup.ts';
import { formatLogLine } from '../terminal/log-lines.ts';
import { ago, bytes, duration } from '../terminal/units.ts';

interface ExecutionList {
  readonly total: number;
  readonly executions: readonly ExecutionResource[];
}
interface ListOptions {
  readonly function?: string;
  readonly status?: string;
  readonly limit: string;
}

export function registerExecutions(program: Command, action: Action): void {
  const executions = program.command('executions').description('the record of what ran');
  executions
    .command('list')
    .description('list executions, newest first')
    .option('-f, --function <name>', 'only of this function')
    .option('-s, --status <status>', 'only with this status: waiting, processing, completed, failed')
    .option('-n, --limit <count>', 'how many', '20')
    .action(action(listExecutions));
  executions.command('get').description('show one execution with its log').argument('<execution>', 'id').action(action(getExecution));
  executions
    .command('cancel')
    .description('stop an execution that is running')
    .argument('<execution>', 'id')
    .action(action(cancelExecution));
  executions
    .command('delete')
    .description('delete the record of an execution')
    .argument('<execution>', 'id')
    .action(action(deleteExecution));
}

async function listExecutions(
  { connect, out }: CommandContext,
  _: readonly [],
  { function: name, status, limit }: ListOptions,
): Promise<void> {
  const api = await connect();
  const queries = [newestFirstQuery(), limitQuery(Number(limit))];
  if (status !== undefined) queries.push(equalQuery('status', status));
  const route = name === undefined ? '/executions' : `/functions/${encodeURIComponent((await requireFunction(api, name)).$id)}/executions`;
  const list = await api.get<ExecutionList>(route, { queries });
  const names = out.json ? new Map<string, string>() : await functionNames(api);
  if (list.executions.length === 0) out.note('No executions.');
  out.table(list, ['execution', 'function', 'trigger', 'status', 'http', 'duration', 'start', 'when', 'error'], () =>
    list.executions.map((row) => [
      row.$id,
      names.get(row.functionId) ?? row.functionId,
      row.trigger,
      row.status,
      row.responseStatusCode === 0 ? '' : String(row.responseStatusCode),
      duration(row.duration * 1000),
      row.start,
      ago(row.$createdAt, Date.now()),
      row.errorCode,
    ]),
  );
}

async function getExecution({ connect, out }: CommandContext, [id]: readonly [string]): Promise<void> {
  const api = await connect();
  const row = await readExecution(api, id);
  const { timings } = row;
  const fields: readonly (readonly [string, string])[] = [
    ['execution', row.$id],
    ['function', (await functionNames(api)).get(row.functionId) ?? row.functionId],
    ['status', row.errorCode === '' ? row.status : `${row.status} (${row.errorCode})`],
    ['request', `${row.requestMethod} ${row.requestPath} (${bytes(row.requestSize)})`],
    ['response', row.responseStatusCode === 0 ? 'none' : `${row.responseStatusCode} (${bytes(row.responseSize)})`],
    ['trigger', row.trigger],
    ['created', row.$createdAt],
    [
      'duration',
      `${duration(row.duration * 1000)}: waited ${duration(timings.queue * 1000)}, started ${duration(timings.coldStart * 1000)}, ran ${duration(timings.run * 1000)}`,
    ],
    ['start', row.start],
    ['deployment', row.deploymentId],
    ['memory', bytes(row.memoryPeak)],
    ['processor', duration(row.cpuTime * 1000)],
  ];
  const lines = row.logLines ?? [];
  out.result(row, () => [
    ...fields.map(([title, value]) => `${title.padEnd(12)}${value}`),
    ...(lines.length === 0 ? [] : ['', ...lines.map((line) => formatLogLine(line, '', out.style))]),
    ...(row.logsDropped === 0 ? [] : [`(${bytes(row.logsDropped)} of log beyond the limit were dropped)`]),
  ]);
}

async function cancelExecution({ connect, out }: CommandContext, [id]: readonly [string]): Promise<void> {
  const api = await connect();
  const row = await readExecution(api, id);
  const changed = await api.send<ExecutionResource | undefined>('POST', `${routeOf(row)}/cancel`, {});
  out.result(changed ?? { canceled: id }, () => [`${out.style.green('✓')} ${id}  canceled`]);
}

async function deleteExecution({ connect, out }: CommandContext, [id]: readonly [string]): Promise<void> {
  const api = await connect();
  await api.send('DELETE', routeOf(await readExecution(api, id)));
  out.result({ deleted: id }, () => [`${out.style.green('✓')} ${id}  deleted`]);
}

function readExecution(api: ApiClient, id: string): Promise<ExecutionResource> {
  return api.get<ExecutionResource>(`/executions/${encodeURIComponent(id)}`);
}

function routeOf(row: ExecutionResource): string {
  return `/functions/${encodeURIComponent(row.functionId)}/executions/${encodeURIComponent(row.$id)}`;
}
