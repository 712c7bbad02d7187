/** `martlet schedules list | get | next | create | pause | resume | run | delete` */
import type { ExecutionResource, ScheduleResource } from '@martlet/protocol';
import type { Command } from 'commander';
import { functionNames, limitQuery, requireFunction } from '../../api/function-lookup.ts';
import { requireSchedule, type ScheduleList } from '../../api/schedule-lookup.ts';
import { wholeNumber } from '../../command-options.ts';
import type { Action, CommandContext } from '../../command-context.ts';
import { ago, bytes } from '../../terminal/units.ts';
import { showAccepted, showEnded, waitForEnd } from '../executions/follow-execution.ts';
import { registerCreateSchedule } from './create-schedule.ts';
import { describeTimes, inZone, stateOf } from './schedule-words.ts';

const WHICH = 'id, or the function that it runs';

export function registerSchedules(program: Command, action: Action): void {
  const schedules = program.command('schedules').description('when functions run by themselves');
  schedules
    .command('list')
    .description('list the schedules')
    .option('-f, --function <name>', 'only of this function')
    .option('-n, --limit <count>', 'how many', wholeNumber(1, 5000), 100)
    .action(action(listSchedules));
  schedules.command('get').description('show one schedule').argument('<schedule>', WHICH).action(action(getSchedule));
  schedules
    .command('next')
    .description('show the times at which it runs next, in its own zone')
    .argument('<schedule>', WHICH)
    .option('-n, --count <count>', 'how many', wholeNumber(1, 100), 10)
    .action(action(showNext));
  registerCreateSchedule(schedules, action);
  schedules
    .command('pause')
    .description('let it run no more, until it is resumed')
    .argument('<schedule>', WHICH)
    .action(action((context: CommandContext, [which]: readonly [string]) => setEnabled(context, which, false)));
  schedules
    .command('resume')
    .description('let it run again; ticks of the pause are not caught up')
    .argument('<schedule>', WHICH)
    .action(action((context: CommandContext, [which]: readonly [string]) => setEnabled(context, which, true)));
  schedules
    .command('run')
    .description('run it now, beside its times')
    .argument('<schedule>', WHICH)
    .option('--wait', 'wait until it has ended, and show how')
    .action(action(runNow));
  schedules
    .command('delete')
    .description('delete a schedule; that of the settings of a function goes with `schedule` in its settings')
    .argument('<schedule>', WHICH)
    .action(action(deleteSchedule));
}

async function listSchedules(
  { connect, out }: CommandContext,
  _: readonly [],
  { function: name, limit }: { readonly function?: string; readonly limit: number },
): Promise<void> {
  const api = await connect();
  const route = name === undefined ? '/schedules' : `/functions/${encodeURIComponent((await requireFunction(api, name)).$id)}/schedules`;
  const list = await api.get<ScheduleList>(route, { queries: [limitQuery(limit)] });
  const names = out.json ? new Map<string, string>() : await functionNames(api);
  if (list.schedules.length === 0)
    out.note('No schedules. Write `schedule` into the settings of a function, or use martlet schedules create.');
  out.table(list, ['schedule', 'function', 'times', 'state', 'last', 'ran', 'skipped', 'missed', 'from'], () =>
    list.schedules.map((one) => [
      one.$id,
      names.get(one.functionId) ?? one.functionId,
      describeTimes(one),
      stateOf(one),
      ago(one.lastTick, Date.now()) || 'never',
      String(one.counters.ran),
      String(one.counters.skipped),
      String(one.counters.missed),
      one.source === 'settings' ? 'settings' : 'API',
    ]),
  );
}

async function getSchedule({ connect, out }: CommandContext, [which]: readonly [string]): Promise<void> {
  const api = await connect();
  const one = await requireSchedule(api, which);
  const { request, catchUp, counters } = one;
  const fields: readonly (readonly [string, string])[] = [
    ['schedule', one.$id],
    ['name', one.name],
    ['function', (await functionNames(api)).get(one.functionId) ?? one.functionId],
    ['times', describeTimes(one)],
    ['state', stateOf(one)],
    ['stands in', one.source === 'settings' ? 'the settings of the function' : 'the API'],
    ['calls', `${request.method} ${request.path}${request.body === '' ? '' : ` (${bytes(Buffer.byteLength(request.body))})`}`],
    ['jitter', one.jitter === 0 ? 'none' : `up to ${one.jitter} s`],
    ['catch-up', catchUp.policy === 'all' ? `all, at most ${catchUp.max}` : catchUp.policy === 'latest' ? 'the latest' : 'none'],
    ['overlap', { allow: 'runs beside an earlier one', skip: 'skipped while one runs', queue: 'waits for the one before' }[one.overlap]],
    ['last', one.lastTick === '' ? 'never' : `${inZone(one.lastTick, one.timezone)}, execution ${one.lastExecutionId}`],
    ['counted', `${counters.ran} ran, ${counters.skipped} skipped, ${counters.missed} missed, ${counters.caughtUp} caught up`],
    ['next', one.next.map((time) => inZone(time, one.timezone)).join(`\n${' '.repeat(12)}`) || 'never'],
  ];
  out.result(one, () => fields.map(([title, value]) => `${title.padEnd(12)}${value}`));
}

async function showNext(
  { connect, out }: CommandContext,
  [which]: readonly [string],
  { count }: { readonly count: number },
): Promise<void> {
  const one = await requireSchedule(await connect(), which, count);
  if (one.next.length === 0) out.note(one.enabled ? 'It has no time left.' : `It is paused. Go on with martlet schedules resume ${which}.`);
  out.result({ schedule: one.$id, timezone: one.timezone, next: one.next }, () => one.next.map((time) => inZone(time, one.timezone)));
}

async function setEnabled({ connect, out }: CommandContext, which: string, enabled: boolean): Promise<void> {
  const api = await connect();
  const { $id } = await requireSchedule(api, which, 0);
  const changed = await api.send<ScheduleResource>('PATCH', `/schedules/${encodeURIComponent($id)}`, { enabled });
  out.result(changed, () => [`${out.style.green('✓')} ${changed.name}  ${enabled ? `resumed, ${stateOf(changed)}` : 'paused'}`]);
}

async function runNow(
  { connect, out }: CommandContext,
  [which]: readonly [string],
  { wait = false }: { readonly wait?: boolean },
): Promise<number> {
  const api = await connect();
  const { $id } = await requireSchedule(api, which, 0);
  const row = await api.send<ExecutionResource>('POST', `/schedules/${encodeURIComponent($id)}/executions`);
  showAccepted(out, row, { quietly: wait });
  return wait ? showEnded(out, await waitForEnd({ api, out }, row.$id)) : 0;
}

async function deleteSchedule({ connect, out }: CommandContext, [which]: readonly [string]): Promise<void> {
  const api = await connect();
  const { $id } = await requireSchedule(api, which, 0);
  await api.send('DELETE', `/schedules/${encodeURIComponent($id)}`);
  out.result({ deleted: $id }, () => [`${out.style.green('✓')} ${$id}  deleted`]);
}
