/** Schedules in memory. */
import { PlatformError } from '@martlet/protocol';
import { isTerminal } from '../../domain/execution-state.ts';
import type { scheduleAttributes } from '../../domain/list-attributes.ts';
import { settingsChange, settingsSchedule } from '../../domain/schedules/settings-schedule.ts';
import type { FunctionRow } from '../../ports/store.ts';
import type { JobStore } from '../../ports/store/job-store.ts';
import type { ScheduleRow, ScheduleStore, ScheduleVersion } from '../../ports/store/schedule-store.ts';
import { listRows, type AttributeReaders } from './list-rows.ts';
import { changed } from './memory-table.ts';
import { functionKey, type MemoryTables } from './memory-tables.ts';

const readers: AttributeReaders<typeof scheduleAttributes, ScheduleRow> = {
  $id: (row) => row.id,
  $createdAt: (row) => row.createdAt,
  $updatedAt: (row) => row.updatedAt,
  $sequence: (_row, entry) => entry.sequence,
  functionId: (row) => row.functionId,
  name: (row) => row.name,
  source: (row) => row.source,
  enabled: (row) => row.enabled,
};

export function memorySchedules({ schedules, functions, executions }: MemoryTables, jobs: JobStore): ScheduleStore {
  const find = (projectId: string, id: string) => schedules.get(functionKey(projectId, id));
  const isOpen = (id: string) => {
    const row = executions.get(id);
    return row !== null && !isTerminal(row.status);
  };

  return {
    async insert(row) {
      if (find(row.projectId, row.id) !== null)
        throw new PlatformError('schedule_already_exists', `A schedule with the id "${row.id}" exists already.`);
      if (functions.get(functionKey(row.projectId, row.functionId)) === null)
        throw new PlatformError('function_not_found', `Cannot add a schedule: the function "${row.functionId}" does not exist.`);
      schedules.put(row);
    },
    get: async (projectId, id) => find(projectId, id),
    async list(projectId, functionId, query) {
      const entries = schedules.entries((row) => row.projectId === projectId && (functionId === null || row.functionId === functionId));
      return listRows({ noun: 'Schedule', entries, attributes: readers, insertion: ['$sequence'] }, query);
    },
    // oxlint-disable-next-line max-params -- the port's signature
    async update(projectId, id, change, from) {
      const row = find(projectId, id);
      return row === null || (from !== undefined && !isVersion(row, from)) ? null : schedules.put(changed(row, change));
    },
    delete: async (projectId, id) => schedules.delete((row) => row.projectId === projectId && row.id === id).length > 0,
    async due(limit) {
      const now = Date.now();
      const waiting = schedules.rows((row) => row.nextDue !== null && row.enabled).toSorted((a, b) => (a.nextDue ?? 0) - (b.nextDue ?? 0));
      const rows = waiting.filter((row) => (row.nextDue ?? 0) <= now).slice(0, limit);
      return { now, next: waiting[0]?.nextDue ?? null, rows: rows.map((row) => ({ ...row, open: row.open.filter(isOpen) })) };
    },
    async deleteDoneBefore(time, limit) {
      const done = schedules
        .rows((row) => row.at !== null && row.nextDue === null && row.enabled && row.cursor < time)
        .toSorted((a, b) => a.cursor - b.cursor);
      const old = new Set(done.slice(0, limit));
      return schedules.delete((row) => old.has(row)).length;
    },
    async advance(batch) {
      const answers: boolean[] = [];
      for (const { projectId, id, from, change, jobs: made, decisions } of batch) {
        const row = find(projectId, id);
        const first = row !== null && row.enabled && isVersion(row, from);
        answers.push(first);
        if (!first) continue;
        schedules.put({ ...row, ...change });
        await jobs.enqueue(made, decisions);
      }
      return answers;
    },
  };
}

const isVersion = (row: ScheduleRow, from: ScheduleVersion): boolean => row.cursor === from.cursor && row.updatedAt === from.updatedAt;

/** Brings the schedule that stands in the settings of a function in line with them. */
export function followSettings({ schedules }: MemoryTables, fn: FunctionRow): void {
  const old = schedules.get(functionKey(fn.projectId, fn.id));
  if (fn.schedule === '') {
    if (old?.source === 'settings') schedules.delete((row) => row === old);
    return;
  }
  if (old !== null && old.source !== 'settings') return;
  if (old === null) {
    schedules.put(settingsSchedule(fn));
    return;
  }
  const change = settingsChange(fn, old);
  // One that is paused stays so, whatever its times are now.
  if (change !== null) schedules.put({ ...old, ...change, nextDue: old.enabled ? change.nextDue : null });
}
