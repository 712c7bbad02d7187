/** `martlet schedules create <function> [expression]` */
import type { ScheduleResource } from '@martlet/protocol';
import { Option, type Command } from 'commander';
import { requireFunction } from '../../api/function-lookup.ts';
import { usageError } from '../../cli-error.ts';
import { collect, wholeNumber } from '../../command-options.ts';
import type { Action, CommandContext } from '../../command-context.ts';
import { readSeconds, readSpan, readWhen } from '../../terminal/read-time.ts';
import { contentTypeOf, functionPath, parseHeaders, readData, textOf } from '../request-options.ts';
import { describeTimes, stateOf } from './schedule-words.ts';

interface CreateOptions {
  readonly at?: string;
  readonly in?: string;
  readonly timezone?: string;
  readonly id?: string;
  readonly name?: string;
  readonly method?: string;
  readonly path?: string;
  readonly header?: readonly string[];
  readonly data?: string;
  readonly jitter?: string;
  readonly catchUp?: 'latest' | 'all' | 'skip';
  readonly catchUpMax?: number;
  readonly catchUpWindow?: string;
  readonly overlap?: 'allow' | 'skip' | 'queue';
  readonly paused?: boolean;
}

export function registerCreateSchedule(schedules: Command, action: Action): void {
  schedules
    .command('create')
    .description('run a function by the clock, with a request of its own; beside `schedule` in its settings')
    .argument('<function>', 'name')
    .argument('[expression]', `cron expression, e.g. '0 9 * * 1-5', or @daily and the like`)
    .option('--at <time>', 'once, at this time, e.g. 2027-01-31T18:00')
    .option('--in <span>', 'once, after this time, e.g. 10m')
    .option('-z, --timezone <zone>', 'IANA name, e.g. Europe/Berlin; default UTC')
    .option('--id <id>', 'id of the schedule; default: a fresh one')
    .option('--name <name>', 'what it is called; default: the name of the function')
    .option('-X, --method <method>', 'default POST')
    .option('-p, --path <path>', 'path and query below the function')
    .option('-H, --header <header>', 'name: value; may be repeated', collect)
    .option('-d, --data <data>', 'body: text, @file, or - for standard input')
    .option('--jitter <span>', 'spread the times by up to this span')
    .addOption(new Option('--catch-up <policy>', 'what to run of the times while no server looked').choices(['latest', 'all', 'skip']))
    .option('--catch-up-max <n>', 'with all: at most this many', wholeNumber(1, 1000))
    .option('--catch-up-window <span>', 'nothing that is older, e.g. 1h')
    .addOption(new Option('--overlap <policy>', 'what to do while an earlier one runs').choices(['allow', 'skip', 'queue']))
    .option('--paused', 'let it run only once it is resumed')
    .action(action(createSchedule));
}

async function createSchedule(
  { connect, out, folder }: CommandContext,
  [name, expression]: readonly [string, string | undefined],
  options: CreateOptions,
): Promise<void> {
  const at = readWhen(options);
  if ((at === undefined) === (expression === undefined))
    throw usageError(
      `Cannot create the schedule: give either a cron expression, or --at or --in.`,
      `martlet schedules create ${name} '0 9 * * 1-5' --timezone Europe/Berlin`,
    );
  const schedule = {
    scheduleId: options.id,
    name: options.name,
    expression,
    at,
    timezone: options.timezone,
    enabled: options.paused === true ? false : undefined,
    request: await requestOf(options, folder),
    jitter: options.jitter === undefined ? undefined : Math.round(readSpan(options.jitter, '--jitter') / 1000),
    catchUp: {
      policy: options.catchUp,
      max: options.catchUpMax,
      window: options.catchUpWindow === undefined ? undefined : readSeconds(options.catchUpWindow, '--catch-up-window'),
    },
    overlap: options.overlap,
  };
  const api = await connect();
  const fn = await requireFunction(api, name);
  const made = await api.send<ScheduleResource>('POST', `/functions/${encodeURIComponent(fn.$id)}/schedules`, schedule);
  out.note(`${out.noteStyle.green('✓')} ${fn.path}  ${describeTimes(made)}, ${stateOf(made)}`);
  out.result(made, () => [made.$id]);
}

async function requestOf({ method, path, header, data }: CreateOptions, folder: string): Promise<object | undefined> {
  const bytes = data === undefined ? undefined : await readData(data, folder);
  const body = bytes === undefined ? undefined : textOf(bytes);
  if (bytes !== undefined && body === undefined)
    throw usageError('Cannot use the data: a schedule sends text only, and these bytes are none.');
  const headers = parseHeaders(header ?? []);
  if (bytes !== undefined && !headers.has('content-type')) headers.set('content-type', contentTypeOf(bytes));
  return {
    method: method?.toUpperCase(),
    path: path === undefined ? undefined : functionPath(path),
    headers: Object.fromEntries(headers),
    body,
  };
}
