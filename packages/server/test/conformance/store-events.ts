/** Events, and changes that tell them: part of the contract of the store. */
import { createHash } from 'node:crypto';
import { expect, it } from 'vitest';
import type { Store } from '../../src/ports/store.ts';
import { hostileTexts } from '../support/hostile-texts.ts';
import { aFunction, aJob, anEvent, aQuery } from '../support/rows.ts';

const NOW = 1_769_817_600_000;

export function testEvents(store: () => Store): void {
  const events = () => store().events;

  it('keeps an event with every fact and byte, once per source and id', async () => {
    const row = anEvent({
      id: 'e',
      projectId: 'e-kept',
      data: Buffer.from([0, 255, 1]),
      fired: { kind: 'platform', resources: [{ type: 'users', id: 'u.1' }], action: 'create' },
      userId: 'u.1',
      hops: 3,
    });
    await expect(
      events().append([row, { ...row, type: 'second' }, { ...row, source: '/other' }, { ...row, projectId: 'e-else' }]),
    ).resolves.toEqual([true, false, true, true]);
    const kept = await events().get('e-kept', row.source, 'e');
    expect({ ...kept, data: Buffer.from(kept?.data ?? []) }).toEqual({ ...row, data: Buffer.from(row.data) });
    await expect(events().get('e-kept', '/no', 'e')).resolves.toBeNull();
    await expect(events().list('e-kept', aQuery())).resolves.toMatchObject({ total: 2 });
    await expect(events().append([])).resolves.toEqual([]);
  });

  it('takes many at once, among them known ones and equal ones, and keeps their order', async () => {
    const ids = Array.from({ length: 1200 }, (_, index) => `m${index}`);
    const many = ids.map((id) => anEvent({ id, projectId: 'e-many', dispatchedAt: NOW }));
    const known = [
      anEvent({ id: 'm7', projectId: 'e-many', dispatchedAt: NOW }),
      anEvent({ id: 'm900', projectId: 'e-many', dispatchedAt: NOW }),
    ];
    await events().append(known);
    const again = anEvent({ id: 'm3', projectId: 'e-many', type: 'second' });
    const answers = await events().append([...many, again, anEvent({ id: 'm3', projectId: 'e-many-2', dispatchedAt: NOW })]);
    expect(answers).toHaveLength(1202);
    expect(answers.flatMap((isNew, index) => (isNew ? [] : [index]))).toEqual([7, 900, 1200]);
    await expect(events().get('e-many', '/shop', 'm3')).resolves.toMatchObject({ type: 'order.created' });
    const few = ['z', 'y', 'x', 'w', 'v'].map((id) => anEvent({ id, projectId: 'e-order', dispatchedAt: NOW }));
    await events().append(few);
    const listed = await events().list('e-order', aQuery());
    expect(listed.rows.map(({ id }) => id)).toEqual(['z', 'y', 'x', 'w', 'v']);
  });

  it('lists how long the data are, without them', async () => {
    const rows = [
      anEvent({ id: 'long', projectId: 'e-listed', data: Buffer.alloc(3000, 255) }),
      anEvent({
        id: 'none',
        projectId: 'e-listed',
        data: Buffer.alloc(0),
        fired: { kind: 'platform', resources: [{ type: 'users', id: 'u' }], action: 'create' },
      }),
    ];
    await events().append(rows);
    const listed = await events().list('e-listed', aQuery());
    expect(listed).toEqual({ total: 2, rows: rows.map(({ data, ...facts }) => ({ ...facts, dataBytes: data.length })) });
    for (const row of listed.rows) await events().dispatch({ ...row, now: NOW, jobs: [], decisions: [] });
  });

  it('keeps ids and sources of any text', async () => {
    for (const text of hostileTexts) {
      await expect(events().append([anEvent({ id: text, source: text, subject: text, projectId: 'e-hostile' })])).resolves.toEqual([true]);
      await expect(events().get('e-hostile', text, text)).resolves.toMatchObject({ id: text, subject: text });
    }
    for (const row of await events().pending({ limit: 1000, bytes: 1e9 }))
      await events().dispatch({ ...row, now: NOW, jobs: [], decisions: [] });
  });

  it('keeps the longest source and id, which no two events share', async () => {
    // Of characters that no compression makes small: what an index entry takes is counted after it.
    const source = `/${Array.from({ length: 80 }, (_, index) => createHash('sha256').update(String(index)).digest('base64url')).join('')}`;
    const at = { projectId: 'e-long', source, id: 'x'.repeat(256) };
    await expect(events().append([anEvent(at), anEvent({ ...at, source: `${source}1` }), anEvent(at)])).resolves.toEqual([
      true,
      true,
      false,
    ]);
    await expect(events().get('e-long', source, at.id)).resolves.toMatchObject(at);
    for (const row of await events().pending({ limit: 1000, bytes: 1e9 }))
      await events().dispatch({ ...row, now: NOW, jobs: [], decisions: [] });
  });

  it('dispatches each once, with its executions and lines', async () => {
    const row = anEvent({ id: 'once', projectId: 'e-once' });
    await events().append([row]);
    await expect(events().pending({ limit: 10, bytes: 1e9 })).resolves.toMatchObject([{ id: 'once' }]);
    const dispatch = (index: number) =>
      events().dispatch({
        projectId: 'e-once',
        source: row.source,
        id: 'once',
        now: NOW,
        jobs: [aJob({ id: `e-job-${index}`, projectId: 'e-once' })],
        decisions: [{ at: NOW, projectId: 'e-once', subject: 'event', subjectId: 'once', code: 'started', text: String(index) }],
      });
    const answers = await Promise.all(Array.from({ length: 6 }, (_, index) => dispatch(index)));
    expect(answers.filter(Boolean)).toHaveLength(1);
    await expect(events().get('e-once', row.source, 'once')).resolves.toMatchObject({ dispatchedAt: NOW, started: 1 });
    await expect(store().executions.list('e-once', null, aQuery())).resolves.toMatchObject({ total: 1 });
    await expect(store().decisions.list({ projectId: 'e-once', subject: 'event', subjectId: 'once', limit: 9 })).resolves.toHaveLength(1);
    await expect(events().pending({ limit: 10, bytes: 1e9 })).resolves.toEqual([]);
  });

  it('leaves out of what waits the events that it is told to, of their own project only', async () => {
    const rows = ['e-rest-1', 'e-rest-2'].map((projectId) => anEvent({ id: 'rests', projectId }));
    await events().append(rows);
    const left = { projectId: 'e-rest-1', source: '/shop', id: 'rests' };
    await expect(events().pending({ limit: 1, bytes: 1e9, except: [left] })).resolves.toMatchObject([{ projectId: 'e-rest-2' }]);
    await expect(events().pending({ limit: 9, bytes: 1e9, except: [{ ...left, source: '/else' }] })).resolves.toHaveLength(2);
    for (const row of rows) await events().dispatch({ ...row, now: NOW, jobs: [], decisions: [] });
  });

  it('reads no more of what waits than fits, and one event in any case', async () => {
    const rows = [9, 0, 2, 5].map((size, index) => anEvent({ id: `s${index}`, projectId: 'e-size', data: Buffer.alloc(size) }));
    await events().append(rows);
    const read = async (bytes: number) => (await events().pending({ limit: 9, bytes })).map(({ id }) => id);
    await expect(read(1)).resolves.toEqual(['s0']);
    await expect(read(10)).resolves.toEqual(['s0', 's1', 's2']);
    await expect(read(12)).resolves.toEqual(['s0', 's1', 's2', 's3']);
    await expect(events().pending({ limit: 2, bytes: 12 })).resolves.toHaveLength(2);
    await expect(events().depth({ projectId: 'e-size', max: 9 })).resolves.toBe(4);
    await expect(events().depth({ projectId: 'e-size', max: 3 })).resolves.toBe(3);
    for (const row of rows) await events().dispatch({ ...row, now: NOW, jobs: [], decisions: [] });
    await expect(events().depth({ projectId: 'e-size', max: 9 })).resolves.toBe(0);
  });

  it('forgets what is old and dispatched, and nothing that waits', async () => {
    await events().append([
      anEvent({ id: 'old', projectId: 'e-old', createdAt: 5 }),
      anEvent({ id: 'waits', projectId: 'e-old', createdAt: 5 }),
    ]);
    await events().dispatch({ projectId: 'e-old', source: '/shop', id: 'old', now: 6, jobs: [], decisions: [] });
    await expect(events().deleteBefore(6, 10)).resolves.toBe(1);
    await expect(events().list('e-old', aQuery())).resolves.toMatchObject({ rows: [{ id: 'waits' }] });
    await events().dispatch({ projectId: 'e-old', source: '/shop', id: 'waits', now: 6, jobs: [], decisions: [] });
  });

  it('stores a change and what it tells together, or neither', async () => {
    const told = (id: string) => [anEvent({ id, projectId: 'e-told' })];
    const telling = (id: string) => store().announcing(told(id)).functions;
    await telling('made').insert(aFunction({ id: 'f', projectId: 'e-told' }));
    await expect(telling('twice').insert(aFunction({ id: 'f', projectId: 'e-told' }))).rejects.toMatchObject({
      code: 'function_already_exists',
    });
    await expect(telling('changed').update('e-told', 'f', { name: 'New' })).resolves.toMatchObject({ name: 'New' });
    await expect(telling('missing').update('e-told', 'gone', { name: 'New' })).resolves.toBeNull();
    await expect(telling('read').get('e-told', 'f')).resolves.toMatchObject({ id: 'f' });
    await expect(telling('gone').delete('e-told', 'gone')).resolves.toBe(false);
    await expect(telling('deleted').delete('e-told', 'f')).resolves.toBe(true);
    const { rows } = await events().list('e-told', aQuery());
    expect(rows.map(({ id }) => id).toSorted()).toEqual(['changed', 'deleted', 'made']);
    for (const row of rows) await events().dispatch({ ...row, now: NOW, jobs: [], decisions: [] });
  });

  it('knows the functions that listen', async () => {
    await store().functions.insert(aFunction({ id: 'listens', projectId: 'e-listen', events: ['a.b'] }));
    await store().functions.insert(aFunction({ id: 'deaf', projectId: 'e-listen' }));
    await store().functions.insert(aFunction({ id: 'elsewhere', projectId: 'e-listen-2', events: ['a.b'] }));
    expect((await store().functions.listeners('e-listen')).map(({ id }) => id)).toEqual(['listens']);
  });
}
