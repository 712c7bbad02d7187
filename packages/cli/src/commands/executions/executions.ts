/** `martlet executions list | get | cancel | delete`; `replay` and `dead` stand in a file of their own. */
import type { ExecutionResource } from '@martlet/protocol';
import { executionStatuses, triggers } from '@martlet/protocol';
import { Option, type Command } from 'commander';
import type { ApiClient } from '../../api/api-client.ts';
import { wholeNumber } from '../../command-options.ts';
import type { Action, CommandContext } from '../../command-context.ts';
import { equalQuery, functionNames, limitQuery, newestFirstQuery, requireFunction } from '../../api/function-lookup.ts';
import { formatLogLine } from '../../terminal/log-lines.ts';
import { registerDeadExecutions } from './dead-executions.ts';
import { isOver } from './follow-execution.ts';
import { ago, bytes, duration, until } from '../../terminal/units.ts';

interface ExecutionList {
  readonly total: number;
  readonly executions: readonly ExecutionResource[];
}
interface ListOptions {
  readonly function?: string;
  readonly status?: string;
  readonly trigger?: string;
  readonly limit: number;
}

export function registerExecutions(program: Command, action: Action): void {
  const executions = program.command('executions').description('the record of what ran');
  executions
    .command('list')
    .description('list executions, newest first')
    .option('-f, --function <name>', 'only of this function')
    .addOption(new Option('-s, --status <status>', 'only with this status').choices(executionStatuses))
    .addOption(new Option('-t, --trigger <trigger>', 'only started so').choices(triggers))
    .option('-n, --limit <count>', 'how many', wholeNumber(1, 5000), 20)
    .action(action(listExecutions));
  executions.command('get').description('show one execution with its log').argument('<execution>', 'id').action(action(getExecution));
  executions
    .command('cancel')
    .description('stop an execution: one that waits never runs, one that runs is ended')
    .argument('<execution>', 'id')
    .action(action(cancelExecution));
  executions
    .command('delete')
    .description('delete the record of an execution')
    .argument('<execution>', 'id')
    .action(action(deleteExecution));
  registerDeadExecutions(executions, action);
}

async function listExecutions(
  { connect, out }: CommandContext,
  _: readonly [],
  { function: name, status, trigger, limit }: ListOptions,
): Promise<void> {
  const api = await connect();
  const queries = [newestFirstQuery(), limitQuery(limit)];
  if (status !== undefined) queries.push(equalQuery('status', status));
  if (trigger !== undefined) queries.push(equalQuery('trigger', trigger));
  const route = name === undefined ? '/executions' : `/functions/${encodeURIComponent((await requireFunction(api, name)).$id)}/executions`;
  const list = await api.get<ExecutionList>(route, { queries });
  const names = out.json ? new Map<string, string>() : await functionNames(api);
  if (list.executions.length === 0) out.note('No executions.');
  out.table(list, ['execution', 'function', 'trigger', 'status', 'http', 'duration', 'start', 'when', 'error'], () =>
    list.executions.map((row) => [
      row.$id,
      names.get(row.functionId) ?? row.functionId,
      row.trigger,
      row.status === 'scheduled' ? `scheduled ${until(row.scheduledAt ?? '', Date.now())}` : row.status,
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
    ...(row.attempt === 0 ? [] : ([['attempt', String(row.attempt)]] as const)),
    ...(row.scheduledAt === null ? [] : ([['scheduled', row.scheduledAt]] as const)),
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
  const before = await readExecution(api, id);
  const row = await api.send<ExecutionResource>('POST', `${routeOf(before)}/cancel`, {});
  // One that runs ends a moment later, on whichever server it runs.
  const text = isOver(before) ? `had ended before: ${before.status}` : isOver(row) ? 'canceled' : 'is being canceled';
  out.result(row, () => [`${out.style.green('✓')} ${id}  ${text}`]);
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
