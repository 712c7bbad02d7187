/** Schedules: when a function runs by itself. */
import { segment } from '../functions/function-executions.ts';
import type { Execution } from '../resources.ts';
import type { CallApi } from '../transport/http.ts';
import type { ListOptions, Resource } from './resources.ts';

export interface ScheduleSettings {
  /** Five fields, six with seconds. */
  readonly cron?: string | undefined;
  /** IANA time zone; default UTC. */
  readonly timezone?: string | undefined;
  readonly enabled?: boolean | undefined;
  /** What the function gets as its body. */
  readonly data?: unknown;
  readonly [setting: string]: unknown;
}

export interface NewSchedule extends ScheduleSettings {
  readonly functionId: string;
  readonly cron: string;
}

export interface Schedule extends Resource {
  readonly functionId: string;
  readonly cron: string;
  readonly timezone: string;
  readonly enabled: boolean;
  readonly [field: string]: unknown;
}

export interface ScheduleList {
  readonly total: number;
  readonly schedules: Schedule[];
}

export interface Schedules {
  list(options?: ListOptions): Promise<ScheduleList>;
  get(scheduleId: string): Promise<Schedule>;
  create(schedule: NewSchedule): Promise<Schedule>;
  update(scheduleId: string, settings: ScheduleSettings): Promise<Schedule>;
  delete(scheduleId: string): Promise<void>;
  /** Executes its function now, beside its times. */
  run(scheduleId: string): Promise<Execution>;
}

export function createSchedules(api: CallApi): Schedules {
  const pathOf = (scheduleId: string): string => `/schedules/${segment('scheduleId', scheduleId)}`;
  return {
    list: async (query = {}) => api('GET', '/schedules', { query: { ...query } }),
    get: async (scheduleId) => api('GET', pathOf(scheduleId)),
    create: async (schedule) => api('POST', '/schedules', { body: schedule }),
    update: async (scheduleId, settings) => api('PATCH', pathOf(scheduleId), { body: settings }),
    delete: async (scheduleId) => api('DELETE', pathOf(scheduleId)),
    run: async (scheduleId) => api('POST', `${pathOf(scheduleId)}/run`),
  };
}
