import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { shareOut, type FairState, type WaitingGroup } from './fair-claims.ts';

const keyOf = ({ projectId, functionId }: { projectId: string; functionId: string }) => `${projectId}/${functionId}`;
const total = (takes: readonly { readonly count: number }[]) => takes.reduce((sum, { count }) => sum + count, 0);
const roomOf = ({ ready, free }: WaitingGroup) => Math.max(0, Math.min(ready, free));
const group = (projectId: string, functionId: string, ready: number, free = ready): WaitingGroup => ({
  projectId,
  functionId,
  ready,
  free,
});

const name = (prefix: string, max: number) => fc.integer({ min: 1, max }).map((number) => `${prefix}${number}`);
const anyGroup = fc.record({
  projectId: name('p', 6),
  functionId: name('f', 5),
  ready: fc.integer({ min: 0, max: 20 }),
  free: fc.integer({ min: -2, max: 20 }),
});
const anyGroups = fc.uniqueArray(anyGroup, { selector: keyOf, maxLength: 25 });
const anyCapacity = fc.integer({ min: 0, max: 60 });

describe('one call', () => {
  test('projects first, then functions within each: a long queue takes no more than its turn', () => {
    const groups = [group('noisy', 'a', 1000), group('noisy', 'b', 1000), group('quiet', 'c', 3), group('small', 'd', 50, 1)];
    expect(shareOut(undefined, groups, 10).takes).toEqual([
      { projectId: 'noisy', functionId: 'a', count: 3 },
      { projectId: 'noisy', functionId: 'b', count: 3 },
      { projectId: 'quiet', functionId: 'c', count: 3 },
      { projectId: 'small', functionId: 'd', count: 1 },
    ]);
  });

  test.each([0, -1, 0.5, Number.NaN])('a capacity of %d takes nothing and moves no turn', (capacity) => {
    const before = shareOut(undefined, [group('a', 'f', 1), group('b', 'f', 1)], 1).state;
    expect(shareOut(before, [group('a', 'f', 9)], capacity)).toEqual({ takes: [], state: before });
  });

  test('takes no more than there is, and all that there is room for', () => {
    fc.assert(
      fc.property(anyGroups, anyCapacity, (groups, capacity) => {
        const { takes } = shareOut(undefined, groups, capacity);
        const rooms = new Map(groups.map((waiting) => [keyOf(waiting), roomOf(waiting)]));
        for (const take of takes) {
          expect(take.count).toBeGreaterThan(0);
          expect(take.count).toBeLessThanOrEqual(rooms.get(keyOf(take)) ?? 0);
        }
        expect(new Set(takes.map(keyOf)).size).toBe(takes.length);
        const room = [...rooms.values()].reduce((sum, count) => sum + count, 0);
        expect(total(takes)).toBe(Math.min(capacity, room));
      }),
    );
  });

  test('no project, and no function in it, gets more than one place above another that wants more', () => {
    fc.assert(
      fc.property(anyGroups, anyCapacity, (groups, capacity) => {
        const { takes } = shareOut(undefined, groups, capacity);
        const got = new Map(takes.map((take) => [keyOf(take), take.count]));
        const byProject = Map.groupBy(groups, ({ projectId }) => projectId);
        const projects = [...byProject.values()].map((own) => ({
          got: own.reduce((sum, waiting) => sum + (got.get(keyOf(waiting)) ?? 0), 0),
          room: own.reduce((sum, waiting) => sum + roomOf(waiting), 0),
        }));
        expectFair(projects);
        for (const own of byProject.values())
          expectFair(own.map((waiting) => ({ got: got.get(keyOf(waiting)) ?? 0, room: roomOf(waiting) })));
      }),
    );
  });
});

describe('call after call', () => {
  test('a project that floods the queue gets its share and no more, place by place', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 2, max: 8 }),
        fc.array(fc.integer({ min: 1, max: 7 }), { minLength: 1, maxLength: 60 }),
        (projectCount, capacities) => {
          const flood = Array.from({ length: 20 }, (_, at) => group('p0', `f${at}`, 1000));
          const others = Array.from({ length: projectCount - 1 }, (_, at) => group(`p${at + 1}`, 'f', 1000));
          const served = new Map<string, number>();
          let state: FairState | undefined;
          for (const capacity of capacities) {
            const shared = shareOut(state, [...flood, ...others], capacity);
            state = shared.state;
            for (const { projectId, count } of shared.takes) served.set(projectId, (served.get(projectId) ?? 0) + count);
          }
          const counts = Array.from({ length: projectCount }, (_, at) => served.get(`p${at}`) ?? 0);
          expect(Math.max(...counts) - Math.min(...counts)).toBeLessThanOrEqual(1);
        },
      ),
    );
  });

  test('who has work and room waits no longer than one round, whatever the others do', () => {
    const patient = { projectId: 'p3', functions: ['f1', 'f3', 'f5'] };
    const others = fc.uniqueArray(
      anyGroup.filter(({ projectId }) => projectId !== patient.projectId),
      { selector: keyOf, maxLength: 20 },
    );
    fc.assert(
      fc.property(fc.array(fc.tuple(others, fc.integer({ min: 1, max: 3 })), { minLength: 40, maxLength: 60 }), (calls) => {
        let state: FairState | undefined;
        const waited = new Map(patient.functions.map((functionId) => [functionId, 0]));
        for (const [groups, capacity] of calls) {
          const own = patient.functions.map((functionId) => group(patient.projectId, functionId, 100));
          const shared = shareOut(state, [...groups, ...own], capacity);
          state = shared.state;
          const served = new Set(shared.takes.filter(({ projectId }) => projectId === patient.projectId).map((take) => take.functionId));
          for (const [functionId, places] of waited) waited.set(functionId, served.has(functionId) ? 0 : places + total(shared.takes));
          // A round hands one place to each of the six projects; this one gives its own to each of its three functions in turn.
          expect(Math.max(...waited.values())).toBeLessThan(6 * patient.functions.length);
        }
      }),
    );
  });

  test('the state holds a thousand projects and those of the last call, and can be written as JSON', () => {
    let state: FairState | undefined;
    for (let call = 0; call < 30; call += 1) {
      const groups = Array.from({ length: 100 }, (_, at) => group(`p${call * 100 + at}`, 'f', 1));
      state = shareOut(JSON.parse(JSON.stringify(state ?? null)) ?? undefined, groups, 100).state;
      expect(Object.keys(state.lastFunctions).length).toBeLessThan(1000 + groups.length);
    }
  });

  test('the same state and groups, in any order, give the same shares', () => {
    fc.assert(
      fc.property(anyGroups, anyCapacity, fc.integer({ min: 0, max: 30 }), (groups, capacity, turn) => {
        const { state } = shareOut(undefined, groups, turn);
        const sorted = (result: ReturnType<typeof shareOut>) => result.takes.toSorted((a, b) => (keyOf(a) < keyOf(b) ? -1 : 1));
        expect(sorted(shareOut(state, groups.toReversed(), capacity))).toEqual(sorted(shareOut(state, groups, capacity)));
      }),
    );
  });
});

/** Whoever has room left got at most one place less than anybody else. */
function expectFair(lines: readonly { readonly got: number; readonly room: number }[]): void {
  const most = Math.max(0, ...lines.map(({ got }) => got));
  for (const { got, room } of lines) if (got < room) expect(got).toBeGreaterThanOrEqual(most - 1);
}
