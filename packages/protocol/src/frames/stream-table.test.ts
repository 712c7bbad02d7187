import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { StreamTable } from './stream-table.ts';

describe('StreamTable', () => {
  test('behaves as a map of streams that come in growing order and end in any', () => {
    fc.assert(
      fc.property(fc.array(fc.oneof(fc.constant('add' as const), fc.nat({ max: 400 })), { maxLength: 600 }), (steps) => {
        const table = new StreamTable<{ stream: number }>();
        const model = new Map<number, { stream: number }>();
        let last = 0;
        for (const step of steps) {
          if (step === 'add') {
            last += 1;
            const value = { stream: last };
            table.add(value);
            model.set(last, value);
          } else {
            table.delete(step);
            model.delete(step);
          }
          expect(table.get(last)).toBe(model.get(last));
        }
        expect(table.size).toBe(model.size);
        expect(new Set(table.values())).toEqual(new Set(model.values()));
        for (let stream = 0; stream <= last + 1; stream += 1) expect(table.get(stream)).toBe(model.get(stream));
      }),
    );
  });

  test('does not grow with the streams that pass by a long-lived one', () => {
    const table = new StreamTable<{ stream: number }>();
    table.add({ stream: 1 });
    const before = process.memoryUsage().rss;
    for (let stream = 2; stream < 3_000_000; stream += 1) {
      table.add({ stream });
      table.delete(stream);
    }
    // A ring that grew would take 33 MB, twice while it is copied.
    expect(process.memoryUsage().rss - before).toBeLessThan(25_000_000);
  });

  test('keeps a long-lived stream apart from those that come round to its slot', () => {
    const table = new StreamTable<{ stream: number }>();
    const first = { stream: 1 };
    table.add(first);
    for (let stream = 2; stream < 10_000; stream += 1) {
      table.add({ stream });
      table.delete(stream);
    }
    expect(table.get(1)).toBe(first);
    expect(table.size).toBe(1);
  });
});
