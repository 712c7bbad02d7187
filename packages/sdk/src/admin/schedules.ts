/** Schedules: when a function runs by itself. */
import { segment } from '../functions/function-executions.ts';
import type { Execution, Header } from '../resources.ts';
import type { CallApi } from '../transport/http.ts';
import type { Decision } from './executions.ts';
import type { ListOptions, Resource } from './resources.ts';

export interface ScheduleSettings {
  readonly name?: string | undefined;
  /** Five fields, six with seconds, or `@daily` and the like. */
  readonly expression?: string | undefined;
  /** ISO 8601: once, at this time, in place of an expression. */
  readonly at?: string | undefined;
  /** IANA time zone; default UTC. */
  readonly timezone?: string | undefined;
  /** False pauses it. */
  readonly enabled?: boolean | undefined;
  /** What the function is called with. */
  readonly request?:
    | {
        readonly method?: string | undefined;
        readonly path?: string | undefined;
        readonly headers?: Readonly<Record<string, string>> | undefined;
        readonly body?: string | undefined;
      }
    | undefined;
  /** Seconds by which its times are spread at most. */
  readonly jitter?: number | undefined;
  /** What becomes of ticks that nobody was there for. */
  readonly catchUp?: Partial<Schedule['catchUp']> | undefined;
  /** What becomes of a tick while the run before still goes on. */
  readonly overlap?: Schedule['overlap'] | undefined;
}

export interface NewSchedule extends ScheduleSettings {
  readonly functionId: string;
  /** Default: a fresh id. */
  readonly scheduleId?: string | undefined;
}

export interface Schedule extends Resource {
  readonly functionId: string;
  readonly name: string;
  /** `settings`: it stands beside the code of the function. */
  readonly source: 'settings' | 'api';
  readonly expression: string;
  readonly timezone: string;
  readonly at: string;
  readonly enabled: boolean;
  readonly request: { readonly method: string; readonly path: string; readonly headers: Header[]; readonly body: string };
  readonly jitter: number;
  readonly catchUp: { readonly policy: 'latest' | 'all' | 'skip'; readonly max: number; readonly window: number };
  readonly overlap: 'allow' | 'skip' | 'queue';
  /** The next times, jitter included; the next one only in lists. */
  readonly next: string[];
  readonly lastTick: string;
  readonly lastExecutionId: string;
  readonly counters: { readonly ran: number; readonly missed: number; readonly caughtUp: number; readonly skipped: number };
}

export interface ScheduleList {
  readonly total: number;
  readonly schedules: Schedule[];
}

export interface Schedules {
  /** Of one function, or of all. */
  list(options?: ListOptions & { readonly functionId?: string | undefined }): Promise<ScheduleList>;
  /** With its next times: 5, or as many as asked for, up to 100. */
  get(scheduleId: string, options?: { readonly next?: number | undefined }): Promise<Schedule>;
  create(schedule: NewSchedule): Promise<Schedule>;
  update(scheduleId: string, settings: ScheduleSettings): Promise<Schedule>;
  delete(scheduleId: string): Promise<void>;
  /** Executes its function now, beside its times. */
  run(scheduleId: string): Promise<Execution>;
  /** What was decided about its times, and why. */
  why(scheduleId: string): Promise<Decision[]>;
}

export function createSchedules(api: CallApi): Schedules {
  const rootOf = (functionId: string): string => `/functions/${segment('functionId', functionId)}/schedules`;
  const pathOf = (scheduleId: string): string => `/schedules/${segment('scheduleId', scheduleId)}`;
  return {
    list: async ({ functionId, ...query } = {}) => api('GET', functionId === undefined ? '/schedules' : rootOf(functionId), { query }),
    get: async (scheduleId, { next } = {}) => api('GET', pathOf(scheduleId), { query: { next } }),
    create: async ({ functionId, ...body }) => api('POST', rootOf(functionId), { body }),
    update: async (scheduleId, settings) => api('PATCH', pathOf(scheduleId), { body: settings }),
    delete: async (scheduleId) => api('DELETE', pathOf(scheduleId)),
    run: async (scheduleId) => api('POST', `${pathOf(scheduleId)}/executions`),
    why: async (scheduleId) => (await api<{ decisions: Decision[] }>('GET', `${pathOf(scheduleId)}/decisions`)).decisions,
  };
}
