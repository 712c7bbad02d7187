/** Finds schedules by their id, or by the name of the function that they run. */
import { functionNameProblem, type ScheduleResource } from '@martlet/protocol';
import type { ApiClient } from './api-client.ts';
import { CliError } from '../cli-error.ts';
import { findFunction, limitQuery } from './function-lookup.ts';

export interface ScheduleList {
  readonly total: number;
  readonly schedules: readonly ScheduleResource[];
}

/** `next`: how many of its next times come along. Undefined where nothing has this id, and no function of this name a schedule. */
export async function findSchedule(api: ApiClient, which: string, next = 5): Promise<ScheduleResource | undefined> {
  const byId = which.includes('/') ? undefined : await readSchedule(api, which, next);
  if (byId !== undefined || functionNameProblem(which) !== undefined) return byId;
  const fn = await findFunction(api, which);
  if (fn === undefined) return undefined;
  const { schedules } = await api.get<ScheduleList>(`/functions/${encodeURIComponent(fn.$id)}/schedules`, { queries: [limitQuery(100)] });
  const [first, ...more] = schedules;
  if (first === undefined) return undefined;
  if (more.length > 0)
    throw new CliError(`Cannot tell which schedule of "${which}" is meant: it has ${schedules.map((one) => one.$id).join(', ')}.`, {
      exitCode: 2,
      next: `martlet schedules list --function ${which}`,
    });
  return readSchedule(api, first.$id, next);
}

/** @throws {CliError} when there is none */
export async function requireSchedule(api: ApiClient, which: string, next?: number): Promise<ScheduleResource> {
  const found = await findSchedule(api, which, next);
  if (found !== undefined) return found;
  throw new CliError(`Cannot find the schedule "${which}": no schedule has this id, and no function of this name has one.`, {
    next: 'martlet schedules list',
    code: 'schedule_not_found',
  });
}

async function readSchedule(api: ApiClient, id: string, next: number): Promise<ScheduleResource | undefined> {
  try {
    return await api.get<ScheduleResource>(`/schedules/${encodeURIComponent(id)}`, { next });
  } catch (error) {
    if (error instanceof CliError && error.code === 'schedule_not_found') return undefined;
    throw error;
  }
}
