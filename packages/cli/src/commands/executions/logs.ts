/** `martlet logs [name] [--follow]` */
import type { ExecutionResource } from '@martlet/protocol';
import type { Command } from 'commander';
import type { ApiClient } from '../../api/api-client.ts';
import type { Action, CommandContext } from '../../command-context.ts';
import { functionNames, limitQuery, newestFirstQuery, requireFunction } from '../../api/function-lookup.ts';
import { formatLogLine, type LogEvent } from '../../terminal/log-lines.ts';
import type { Output } from '../../terminal/output.ts';
import { untilInterrupted } from '../../interruption.ts';

interface LogsOptions {
  readonly follow?: boolean;
  readonly limit: string;
}
interface ExecutionList {
  readonly executions: readonly ExecutionResource[];
}

export function registerLogs(program: Command, action: Action): void {
  program
    .command('logs')
    .description('show what functions logged; with --json one line of JSON each')
    .argument('[name]', 'function; default: all')
    .option('-f, --follow', 'go on with what is logged from now on, until Ctrl-C')
    .option('-n, --limit <count>', 'of how many of the newest executions to show the logs', '10')
    .action(action(showLogs));
}

async function showLogs(
  { connect, out }: CommandContext,
  [name]: readonly [string | undefined],
  { follow, limit }: LogsOptions,
): Promise<void> {
  const api = await connect();
  const functionId = name === undefined ? undefined : (await requireFunction(api, name)).$id;
  const names = new Map(await functionNames(api));
  const print = printerOf(out, names);
  for (const event of await recentLines(api, functionId, Number(limit))) print(event);
  if (follow === true) await followLogs({ api, functionId, names, print, out });
}

/** Lines of the newest executions, in the order of time. */
async function recentLines(api: ApiClient, functionId: string | undefined, limit: number): Promise<LogEvent[]> {
  if (limit < 1) return [];
  const route = functionId === undefined ? '/executions' : `/functions/${encodeURIComponent(functionId)}/executions`;
  const { executions } = await api.get<ExecutionList>(route, { queries: [newestFirstQuery(), limitQuery(limit)], total: false });
  const full = await Promise.all(executions.map((row) => api.get<ExecutionResource>(`/executions/${encodeURIComponent(row.$id)}`)));
  return full
    .flatMap((row) => (row.logLines ?? []).map((line) => ({ ...line, executionId: row.$id, functionId: row.functionId })))
    .toSorted((a, b) => a.time - b.time);
}

interface Following {
  readonly api: ApiClient;
  readonly functionId: string | undefined;
  readonly names: Map<string, string>;
  readonly print: (event: LogEvent) => void;
  readonly out: Output;
}

async function followLogs({ api, functionId, names, print, out }: Following): Promise<void> {
  out.note(`Following the logs of ${api.connection.url}. Ctrl-C ends it.`);
  await untilInterrupted(async (signal) => {
    for await (const { event: kind, data } of api.events('/logs', { functionId }, signal)) {
      if (kind !== 'line') continue;
      const event = JSON.parse(data) as LogEvent;
      // A function that was deployed after the command began.
      if (!names.has(event.functionId)) for (const [id, path] of await functionNames(api)) names.set(id, path);
      print(event);
    }
  });
}

function printerOf(out: Output, names: ReadonlyMap<string, string>): (event: LogEvent) => void {
  return (event) =>
    out.print(out.json ? JSON.stringify(event) : formatLogLine(event, names.get(event.functionId) ?? event.functionId, out.style));
}
