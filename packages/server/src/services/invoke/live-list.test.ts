import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { LiveList } from './live-list.ts';

describe('LiveList', () => {
  test('behaves as a set, whatever is removed in whatever order, once or twice', () => {
    fc.assert(
      fc.property(fc.array(fc.tuple(fc.boolean(), fc.nat({ max: 30 })), { maxLength: 300 }), (steps) => {
        const items = Array.from({ length: 31 }, (_, name) => ({ name, place: -1 }));
        const list = new LiveList<{ name: number; place: number }>();
        const model = new Set<{ name: number; place: number }>();
        for (const [add, name] of steps) {
          const item = items[name];
          if (item === undefined) continue;
          if (add && !model.has(item)) {
            list.add(item);
            model.add(item);
          } else if (!add) {
            list.remove(item);
            model.delete(item);
          }
          expect(list.size).toBe(model.size);
          expect(new Set(list.all())).toEqual(model);
        }
      }),
    );
  });
});
