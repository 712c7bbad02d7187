/** `martlet executions dead | replay`: what failed for good, run again as it was or changed, or let go. */
import type { ExecutionResource } from '@martlet/protocol';
import type { Command } from 'commander';
import { functionNames, requireFunction } from '../../api/function-lookup.ts';
import { CliError, usageError } from '../../cli-error.ts';
import { collect, wholeNumber } from '../../command-options.ts';
import type { Action, CommandContext } from '../../command-context.ts';
import { readTime } from '../../terminal/read-time.ts';
import { ago } from '../../terminal/units.ts';
import { functionPath, parseHeaders, readData, textOf } from '../request-options.ts';
import { showAccepted, showEnded, waitForEnd } from './follow-execution.ts';

interface DeadOptions {
  readonly function?: string;
  readonly before?: string;
  readonly limit: number;
  readonly replay?: boolean;
  readonly purge?: boolean;
}
interface ReplayOptions {
  readonly data?: string;
  readonly method?: string;
  readonly path?: string;
  readonly header?: readonly string[];
  readonly wait?: boolean;
}
interface ExecutionList {
  readonly total: number;
  readonly executions: readonly ExecutionResource[];
}

/** As many as the server takes at once. */
const AT_ONCE = 1000;
const NONE = 'No dead executions.';

export function registerDeadExecutions(executions: Command, action: Action): void {
  executions
    .command('replay')
    .description('run an execution of the queue again that failed, as it was or changed, as a new execution')
    .argument('<execution>', 'id')
    .option('-d, --data <data>', 'another body: text, @file, or - for standard input')
    .option('-X, --method <method>', 'another method')
    .option('-p, --path <path>', 'another path and query')
    .option('-H, --header <header>', 'name: value, in place of all headers it had; may be repeated', collect)
    .option('--wait', 'wait until it has ended, and show how')
    .action(action(replay));
  executions
    .command('dead')
    .description('list executions that failed for good, oldest first; or run them again, or let them go')
    .argument('[executions...]', 'ids; default: all')
    .option('-f, --function <name>', 'only of this function')
    .option('--before <time>', 'only those that ended before, e.g. 2027-01-31')
    .option('-n, --limit <count>', 'how many to list', wholeNumber(1, AT_ONCE), 100)
    .option('--replay', `run them again, at most ${AT_ONCE} at once`)
    .option('--purge', 'let them go: they can no longer be replayed, their records stay')
    .action(action(showDead));
}

async function replay({ connect, out, folder }: CommandContext, [id]: readonly [string], options: ReplayOptions): Promise<number> {
  const { data, method, path, header, wait = false } = options;
  const body = data === undefined ? undefined : textOf(await readData(data, folder));
  if (data !== undefined && body === undefined)
    throw usageError('Cannot send the data: a replay takes text only, and these bytes are none.');
  const changes = {
    body,
    method: method?.toUpperCase(),
    path: path === undefined ? undefined : functionPath(path),
    headers: header === undefined ? undefined : Object.fromEntries(parseHeaders(header)),
  };
  const api = await connect();
  const row = await api.send<ExecutionResource>('POST', `/executions/${encodeURIComponent(id)}/replay`, changes);
  showAccepted(out, row, { quietly: wait });
  return wait ? showEnded(out, await waitForEnd({ api, out }, row.$id)) : 0;
}

async function showDead(context: CommandContext, [ids]: readonly [readonly string[]], options: DeadOptions): Promise<void> {
  if (options.replay === true && options.purge === true) throw usageError('Cannot replay and purge at once: give one of them.');
  const { connect, out } = context;
  const api = await connect();
  const which = {
    functionId: options.function === undefined ? undefined : (await requireFunction(api, options.function)).$id,
    before: options.before === undefined ? undefined : readTime(options.before, '--before').toISOString(),
  };
  const chosen = ids.length === 0 ? which : { ...which, executionIds: ids };
  const { green } = out.noteStyle;
  if (options.replay === true) {
    const list = await api.send<ExecutionList>('POST', '/dead-executions/replay', chosen);
    out.note(
      list.total === 0
        ? NONE
        : `${green('✓')} ${counted(list.total)} replayed${list.total === AT_ONCE ? '; there may be more, run it again' : ''}`,
    );
    out.result(list, () => list.executions.map((row) => row.$id));
  } else if (options.purge === true) {
    const { purged } = await api.send<{ purged: number }>('POST', '/dead-executions/purge', chosen);
    out.note(purged === 0 ? NONE : `${green('✓')} ${counted(purged)} let go; the records stay`);
    out.result({ purged }, () => []);
  } else {
    const list = await api.get<ExecutionList>('/dead-executions', { ...which, limit: options.limit });
    const found = ids.length === 0 ? list.executions : list.executions.filter((row) => ids.includes(row.$id));
    const missing = ids.find((id) => !found.some((row) => row.$id === id));
    if (missing !== undefined)
      throw new CliError(`Cannot find ${missing} among the dead executions.`, {
        next: `martlet why ${missing}`,
        code: 'execution_not_found',
      });
    await showList(context, { total: found.length, executions: found }, await functionNames(api));
  }
}

async function showList({ out }: CommandContext, list: ExecutionList, names: ReadonlyMap<string, string>): Promise<void> {
  if (list.executions.length === 0) out.note(NONE);
  out.table(list, ['execution', 'function', 'trigger', 'attempts', 'ended', 'error'], () =>
    list.executions.map((row) => [
      row.$id,
      names.get(row.functionId) ?? row.functionId,
      row.trigger,
      String(row.attempt),
      ago(row.$updatedAt, Date.now()),
      row.errorCode,
    ]),
  );
  if (list.executions.length > 0)
    out.note(`${out.noteStyle.bold('Next:')} martlet why <id>, martlet executions replay <id>, or --replay or --purge for all of these.`);
}

const counted = (count: number): string => `${count} ${count === 1 ? 'execution' : 'executions'}`;
