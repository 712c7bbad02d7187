/** `martlet why <id>`: the story of an execution, a schedule or an event: what was decided about it, when, and why. */
import type { AttemptResource, DecisionResource, ExecutionResource, ScheduleResource } from '@martlet/protocol';
import type { Command } from 'commander';
import type { ApiClient } from '../../api/api-client.ts';
import { findEvent, readEventStory } from '../../api/event-lookup.ts';
import { functionNames } from '../../api/function-lookup.ts';
import { findSchedule, requireSchedule } from '../../api/schedule-lookup.ts';
import { CliError, usageError } from '../../cli-error.ts';
import type { Action, CommandContext } from '../../command-context.ts';
import type { Output } from '../../terminal/output.ts';
import { printable } from '../../terminal/style.ts';
import { timeline } from '../../terminal/timeline.ts';
import { bytes } from '../../terminal/units.ts';
import { describeTimes, stateOf } from '../triggers/schedule-words.ts';

interface WhyOptions {
  readonly source?: string;
  readonly id?: string;
}
interface ExecutionStory {
  readonly executionId: string;
  readonly status: string;
  readonly lines: readonly DecisionResource[];
  readonly attempts: readonly AttemptResource[];
}

const SCHEDULE = 'schedule:';
const EVENT = 'event:';

export function registerWhy(program: Command, action: Action): void {
  program
    .command('why')
    .description('tell why something ran, or did not: an execution, a schedule or an event')
    .argument('[id]', 'of an execution or an event; schedule:<id> or schedule:<function>')
    .option('--source <source>', 'source of an event')
    .option('--id <id>', 'id of an event, with --source')
    .action(action(tellWhy));
}

async function tellWhy({ connect, out }: CommandContext, [given]: readonly [string | undefined], options: WhyOptions): Promise<void> {
  const id = given ?? options.id;
  if (id === undefined || id === '' || (given !== undefined && options.id !== undefined))
    throw usageError(
      'Cannot tell why: give one id.',
      'martlet why <execution>, martlet why schedule:<id>, martlet why --source <source> --id <event>',
    );
  const api = await connect();
  if (options.source !== undefined) return tellEvent({ api, out }, options.source, id);
  if (id.startsWith(SCHEDULE)) return tellSchedule({ api, out }, await requireSchedule(api, id.slice(SCHEDULE.length)));
  if (id.startsWith(EVENT)) return tellEventById({ api, out }, id.slice(EVENT.length));
  return tellExecutionOrOther({ api, out }, id);
}

interface Asked {
  readonly api: ApiClient;
  readonly out: Output;
}

/** Most ask about an execution; an id of something else is looked for only where none has it. */
async function tellExecutionOrOther(asked: Asked, id: string): Promise<void> {
  try {
    return await tellExecution(asked, id);
  } catch (error) {
    if (!(error instanceof CliError && error.code === 'execution_not_found')) throw error;
  }
  const schedule = await findSchedule(asked.api, id);
  if (schedule !== undefined) return tellSchedule(asked, schedule);
  return tellEventById(asked, id);
}

async function tellEventById(asked: Asked, id: string): Promise<void> {
  const event = await findEvent(asked.api, id);
  if (event === undefined)
    throw new CliError(`Cannot tell why: no execution, schedule or event has the id "${id}", or its record is past retention.`, {
      next: 'martlet executions list, martlet schedules list, or martlet events list',
      code: 'execution_not_found',
    });
  return tellEvent(asked, event.source, event.$id);
}

async function tellExecution({ api, out }: Asked, id: string): Promise<void> {
  const story = await api.get<ExecutionStory>(`/executions/${encodeURIComponent(id)}/why`);
  const [row, names] = out.json
    ? []
    : await Promise.all([api.get<ExecutionResource>(`/executions/${encodeURIComponent(id)}`), functionNames(api)]);
  out.result(story, () => [
    ...(row === undefined ? [] : [headOf(out, row, names?.get(row.functionId) ?? row.functionId)]),
    ...timeline(story.lines, out.style),
  ]);
}

function headOf({ style }: Output, row: ExecutionResource, name: string): string {
  const paint = row.status === 'completed' ? style.green : row.status === 'failed' ? style.red : style.yellow;
  const error = row.errorCode === '' ? '' : row.status === 'failed' ? ` (${row.errorCode})` : ` (last attempt: ${row.errorCode})`;
  return `${style.bold(printable(name))}  ${paint(row.status + error)}  ${style.dim(`execution ${row.$id}, by ${row.trigger}`)}`;
}

async function tellSchedule({ api, out }: Asked, schedule: ScheduleResource): Promise<void> {
  const { decisions } = await api.get<{ decisions: readonly DecisionResource[] }>(
    `/schedules/${encodeURIComponent(schedule.$id)}/decisions`,
  );
  const { bold, dim } = out.style;
  const { ran, missed, caughtUp, skipped } = schedule.counters;
  out.result({ schedule, lines: decisions }, () => [
    `${bold(printable(schedule.name))}  ${describeTimes(schedule)}  ${stateOf(schedule)}  ${dim(`schedule ${schedule.$id}`)}`,
    `  ${ran} ran, ${skipped} skipped, ${missed} missed, ${caughtUp} caught up`,
    ...(decisions.length === 0 ? [`  ${dim('Nothing was decided about it yet: no tick has come since it was made or changed.')}`] : []),
    ...timeline(decisions, out.style),
  ]);
}

export async function tellEvent({ api, out }: Asked, source: string, id: string): Promise<void> {
  const story = await readEventStory(api, source, id);
  const { event, lines } = story;
  const { bold, dim } = out.style;
  const by = { platform: 'the platform', api: 'the API', function: 'a function', webhook: 'a webhook' }[event.origin];
  out.result(story, () => [
    `${bold(printable(event.type))}  ${dim(printable(`event ${event.$id} from ${event.source}${event.subject === '' ? '' : `, about ${event.subject}`}`))}`,
    `  ${event.dataSize === 0 ? 'no data' : `${bytes(event.dataSize)} of ${printable(event.dataContentType)}`}, by ${by}${event.hops === 0 ? '' : `, hop ${event.hops}`}`,
    ...timeline([{ at: event.$createdAt, code: 'accepted', text: 'It was accepted.' }, ...lines], out.style),
    ...(event.dispatchedAt === '' ? ['  It waits to be told to those who listen.'] : []),
  ]);
}
