/** Schedules: part of the contract of the store. */
import { expect, it } from 'vitest';
import type { Store } from '../../src/ports/store.ts';
import type { ScheduleAdvance, ScheduleRow } from '../../src/ports/store/schedule-store.ts';
import { aFunction, aJob, aQuery, aSchedule } from '../support/rows.ts';

const NOW = 1_769_817_600_000;

export function testSchedules(store: () => Store): void {
  const schedules = () => store().schedules;
  const advance = (
    row: ScheduleRow,
    change: Partial<ScheduleAdvance['change']> = {},
    rest: Partial<ScheduleAdvance> = {},
  ): ScheduleAdvance => ({
    projectId: row.projectId,
    id: row.id,
    from: row,
    change: { ...row, cursor: row.cursor + 1000, nextDue: null, ran: row.ran + 1, ...change },
    jobs: [],
    decisions: [],
    ...rest,
  });

  it('keeps a schedule with every fact, per project, until its function is deleted', async () => {
    await store().functions.insert(aFunction({ id: 'f', projectId: 's-kept' }));
    const row = aSchedule({
      id: 's',
      projectId: 's-kept',
      functionId: 'f',
      at: NOW + 1,
      expression: '',
      enabled: false,
      request: { method: 'PUT', path: '/ü', headers: ['a', 'b'], body: 'x' },
      catchUp: { policy: 'all', max: 3, windowMs: 5 },
      overlap: 'queue',
      lastTick: 4,
      lastExecutionId: 'e',
      open: ['e'],
    });
    await schedules().insert(row);
    await expect(schedules().get('s-kept', 's')).resolves.toEqual(row);
    await expect(schedules().get('other', 's')).resolves.toBeNull();
    await expect(schedules().insert(row)).rejects.toMatchObject({ code: 'schedule_already_exists' });
    await expect(schedules().insert({ ...row, id: 't', functionId: 'gone' })).rejects.toMatchObject({ code: 'function_not_found' });
    await expect(schedules().list('s-kept', 'f', aQuery())).resolves.toEqual({ rows: [row], total: 1 });
    await expect(schedules().list('s-kept', 'g', aQuery())).resolves.toEqual({ rows: [], total: 0 });
    await expect(schedules().update('s-kept', 's', { enabled: true, nextDue: 7 })).resolves.toEqual({ ...row, enabled: true, nextDue: 7 });
    await expect(schedules().update('s-kept', 'gone', { enabled: true })).resolves.toBeNull();
    await expect(schedules().update('s-kept', 's', { name: 'Late' }, { ...row, cursor: row.cursor - 1 })).resolves.toBeNull();
    await expect(schedules().update('s-kept', 's', { enabled: true }, row)).resolves.toMatchObject({ name: row.name });
    await store().functions.delete('s-kept', 'f');
    await expect(schedules().get('s-kept', 's')).resolves.toBeNull();
    await expect(schedules().delete('s-kept', 's')).resolves.toBe(false);
  });

  it('keeps a schedule paused whose settings say another time', async () => {
    const fn = aFunction({ id: 'paused', projectId: 's-paused', schedule: '0 0 1 1 *', timezone: 'UTC', updatedAt: NOW });
    await store().functions.insert(fn);
    await schedules().update('s-paused', 'paused', { enabled: false, nextDue: null });
    await store().functions.update('s-paused', 'paused', { schedule: '* * * * *', updatedAt: NOW + 1000 });
    await expect(schedules().get('s-paused', 'paused')).resolves.toMatchObject({ expression: '* * * * *', enabled: false, nextDue: null });
  });

  it('keeps a schedule paused whose ticks are being decided', async () => {
    await store().functions.insert(aFunction({ id: 'f', projectId: 's-decided' }));
    const row = aSchedule({ id: 's', projectId: 's-decided', functionId: 'f', nextDue: NOW });
    await schedules().insert(row);
    // By the clock of a server that is behind, a pause leaves the cursor where it is.
    await schedules().update('s-decided', 's', { enabled: false, nextDue: null }, row);
    await expect(schedules().advance([advance(row, { nextDue: NOW + 5 })])).resolves.toEqual([false]);
    await schedules().update('s-decided', 's', { enabled: true, updatedAt: row.updatedAt + 1 });
    await expect(schedules().advance([advance(row, { nextDue: NOW + 5 })])).resolves.toEqual([false]);
    await expect(schedules().get('s-decided', 's')).resolves.toMatchObject({ ran: 0, nextDue: null });
  });

  it('leaves ticks decided that another server has decided by a clock that is ahead', async () => {
    await store().functions.insert(aFunction({ id: 'skew', projectId: 's-skew', schedule: '0 0 * * *', timezone: 'UTC', updatedAt: NOW }));
    await schedules().update('s-skew', 'skew', { cursor: NOW + 90_000, updatedAt: NOW + 90_000 });
    await store().functions.update('s-skew', 'skew', { schedule: '* * * * *', updatedAt: NOW + 1000 });
    await expect(schedules().get('s-skew', 'skew')).resolves.toMatchObject({
      cursor: NOW + 90_000,
      nextDue: NOW + 120_000,
      updatedAt: NOW + 90_001,
    });
  });

  it('follows the settings of a function, and leaves those of the API alone', async () => {
    await store().functions.insert(
      aFunction({ id: 'auto', projectId: 's-settings', schedule: '0 0 1 1 *', timezone: 'UTC', updatedAt: NOW }),
    );
    const first = await schedules().get('s-settings', 'auto');
    expect(first).toMatchObject({
      functionId: 'auto',
      source: 'settings',
      expression: '0 0 1 1 *',
      cursor: NOW,
      nextDue: Date.UTC(2027, 0, 1),
    });
    await store().functions.update('s-settings', 'auto', { name: 'Renamed', updatedAt: NOW + 5 });
    await expect(schedules().get('s-settings', 'auto')).resolves.toMatchObject({ cursor: NOW });
    await store().functions.update('s-settings', 'auto', { timezone: 'Asia/Tokyo', updatedAt: NOW + 9 });
    await expect(schedules().get('s-settings', 'auto')).resolves.toMatchObject({ timezone: 'Asia/Tokyo', cursor: NOW + 9 });
    await store().functions.update('s-settings', 'auto', { schedule: '', updatedAt: NOW + 10 });
    await expect(schedules().get('s-settings', 'auto')).resolves.toBeNull();
    await schedules().insert(aSchedule({ id: 'auto', projectId: 's-settings', functionId: 'auto', source: 'api' }));
    await store().functions.update('s-settings', 'auto', { schedule: '* * * * *', updatedAt: NOW + 11 });
    await expect(schedules().get('s-settings', 'auto')).resolves.toMatchObject({ source: 'api' });
  });

  it('finds what is due, longest waiting first, with the executions that have not ended', async () => {
    await store().functions.insert(aFunction({ id: 'f', projectId: 's-due' }));
    const at = (id: string, nextDue: number | null, open: string[] = []) =>
      schedules().insert(aSchedule({ id, projectId: 's-due', functionId: 'f', nextDue, open }));
    await store().jobs.enqueue([aJob({ id: 's-open', projectId: 's-due', functionId: 'f' })], []);
    await at('later', -50);
    await at('first', -100, ['s-open', 's-gone']);
    await at('never', null);
    await at('ahead', Date.now() + 3_600_000);
    await schedules().insert(aSchedule({ id: 'paused', projectId: 's-due', functionId: 'f', nextDue: -70, enabled: false }));
    const due = await schedules().due(2);
    expect(due.rows.map(({ id, open }) => [id, open])).toEqual([
      ['first', ['s-open']],
      ['later', []],
    ]);
    expect(due.next).toBe(-100);
    expect(Math.abs(due.now - Date.now())).toBeLessThan(60_000);
    await expect(schedules().due(1)).resolves.toMatchObject({ rows: [{ id: 'first' }] });
    for (const id of ['first', 'later', 'paused', 'ahead']) await schedules().delete('s-due', id);
    expect((await schedules().due(1000)).rows.filter(({ projectId }) => projectId === 's-due')).toEqual([]);
  });

  it('deletes those that run once when they have, the oldest first, and none that may still run', async () => {
    await store().functions.insert(aFunction({ id: 'f', projectId: 's-done' }));
    const once = (id: string, facts: Partial<ScheduleRow>) =>
      schedules().insert(aSchedule({ id, projectId: 's-done', functionId: 'f', expression: '', at: 10, cursor: 10, ...facts }));
    await once('oldest', {});
    await once('old', { at: 20, cursor: 20 });
    await once('waits', { nextDue: NOW });
    await once('paused', { enabled: false });
    await once('recent', { at: 30, cursor: 30 });
    await once('recurs', { at: null, expression: '0 0 1 1 *' });
    const left = async () => (await schedules().list('s-done', 'f', aQuery())).rows.map(({ id }) => id).toSorted();
    await expect(schedules().deleteDoneBefore(30, 1)).resolves.toBe(1);
    await expect(left()).resolves.toEqual(['old', 'paused', 'recent', 'recurs', 'waits']);
    await expect(schedules().deleteDoneBefore(30, 10)).resolves.toBe(1);
    await expect(left()).resolves.toEqual(['paused', 'recent', 'recurs', 'waits']);
    await schedules().delete('s-done', 'waits');
  });

  it('lets one decision through per cursor, with its executions and its lines', async () => {
    await store().functions.insert(aFunction({ id: 'f', projectId: 's-adv' }));
    const row = aSchedule({ id: 's', projectId: 's-adv', functionId: 'f' });
    await schedules().insert(row);
    const decide = (index: number) =>
      schedules().advance([
        advance(
          row,
          { lastExecutionId: `s-run-${index}` },
          {
            jobs: [aJob({ id: `s-run-${index}`, projectId: 's-adv', functionId: 'f' })],
            decisions: [{ at: NOW, projectId: 's-adv', subject: 'schedule', subjectId: 's', code: 'ran', text: String(index) }],
          },
        ),
      ]);
    const answers = (await Promise.all(Array.from({ length: 8 }, (_, index) => decide(index)))).flat();
    expect(answers.filter(Boolean)).toHaveLength(1);
    const winner = answers.indexOf(true);
    await expect(schedules().get('s-adv', 's')).resolves.toMatchObject({
      cursor: row.cursor + 1000,
      ran: 1,
      lastExecutionId: `s-run-${winner}`,
    });
    const { rows } = await store().executions.list('s-adv', 'f', aQuery());
    expect(rows.map(({ id }) => id)).toEqual([`s-run-${winner}`]);
    await expect(store().decisions.list({ projectId: 's-adv', subject: 'schedule', subjectId: 's', limit: 10 })).resolves.toMatchObject([
      { text: String(winner) },
    ]);
  });
}
