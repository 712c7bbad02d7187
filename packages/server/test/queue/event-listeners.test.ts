import { describe, expect, it } from 'vitest';
import { createChanges } from '../../src/services/changes.ts';
import { createEventListeners } from '../../src/services/events/event-listeners.ts';
import type { FunctionRow } from '../../src/ports/store.ts';
import { aFunction } from '../support/rows.ts';

const FIRED = { kind: 'custom', name: 'order.created' } as const;

/** Listeners whose reads answer when the test says so. */
function createTested() {
  const reads: { answer(id: string): void; fail(): void }[] = [];
  const changes = createChanges();
  const listeners = createEventListeners<FunctionRow>({
    changes,
    kinds: ['function'],
    read: () =>
      new Promise((resolve, reject) => {
        reads.push({
          answer: (id) => resolve([aFunction({ id, events: ['order.*'] })]),
          fail: () => reject(new Error('away')),
        });
      }),
  });
  const matching = async (): Promise<readonly string[]> =>
    (await listeners.matching('p', FIRED)).map(({ subscription }) => subscription.id);
  return { reads, changes, matching };
}

describe('the listeners of a project', () => {
  it('are read once for all events of a moment', async () => {
    const { reads, matching } = createTested();
    const asked = Promise.all(Array.from({ length: 100 }, matching));
    expect(reads).toHaveLength(1);
    reads[0]?.answer('one');
    expect(new Set((await asked).flat())).toEqual(new Set(['one']));
    await expect(matching()).resolves.toEqual(['one']);
    expect(reads).toHaveLength(1);
  });

  it('are read again after a change, also where a read from before it is still under way', async () => {
    const { reads, changes, matching } = createTested();
    const before = matching();
    changes.announce({ kind: 'function', projectId: 'p', functionId: 'one' });
    const after = matching();
    reads[1]?.answer('new');
    await expect(after).resolves.toEqual(['new']);
    reads[0]?.answer('old');
    await expect(before).resolves.toEqual(['old']);
    await expect(matching()).resolves.toEqual(['new']);
    expect(reads).toHaveLength(2);
  });

  it('are asked for anew where a read has failed', async () => {
    const { reads, matching } = createTested();
    const first = matching();
    reads[0]?.fail();
    await expect(first).rejects.toThrow('away');
    const second = matching();
    reads[1]?.answer('one');
    await expect(second).resolves.toEqual(['one']);
  });
});
