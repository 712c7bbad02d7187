import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { parseCronExpression } from './cron-expression.ts';
import { CATCH_UP_DEFAULT, decideDueTicks, type DueTicks, ON_TIME_MS, type ScheduleRules, type TickDecision } from './due-ticks.ts';
import { jitterOf } from './tick-jitter.ts';

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;
const START = Date.UTC(2026, 2, 1);

const recurring = (text: string, zone = 'UTC') => ({ kind: 'recurring', expression: parseCronExpression(text, zone) }) as const;
const rulesOf = (change: Partial<ScheduleRules> = {}): ScheduleRules => ({
  id: 'schedule',
  timing: recurring('* * * * *'),
  jitterMs: 0,
  catchUp: CATCH_UP_DEFAULT,
  overlap: 'allow',
  ...change,
});
const idle = { running: 0, waiting: 0 };
const look = (rules: ScheduleRules, cursorMs: number, nowMs: number, busy = idle) => decideDueTicks(rules, { cursorMs, nowMs, ...busy });
const runsOf = ({ decisions }: DueTicks) => decisions.flatMap((decision) => (decision.kind === 'run' ? [decision.tickMs] : []));
const missedOf = ({ decisions }: DueTicks) => decisions.flatMap((decision) => (decision.kind === 'missed' ? [decision] : []));

describe('on time', () => {
  test('nothing is due before its time, and then it runs once', () => {
    expect(look(rulesOf(), START, START + MINUTE - 1)).toEqual({
      decisions: [],
      cursorMs: START,
      nextDueMs: START + MINUTE,
      counters: { missed: 0, caughtUp: 0, skipped: 0 },
    });
    const due = look(rulesOf(), START, START + MINUTE);
    expect(due.decisions).toEqual([{ kind: 'run', tickMs: START + MINUTE, dueMs: START + MINUTE, caughtUp: false, waits: false }]);
    expect(due).toMatchObject({ cursorMs: START + MINUTE, nextDueMs: START + 2 * MINUTE });
  });

  test.each(['latest', 'all', 'skip'] as const)('a look that comes seconds late loses nothing with %s', (policy) => {
    const rules = rulesOf({ timing: recurring('* * * * * *'), catchUp: { ...CATCH_UP_DEFAULT, policy } });
    expect(runsOf(look(rules, START, START + ON_TIME_MS))).toHaveLength(10);
  });

  test('a time of its own runs once, and never again', () => {
    const rules = rulesOf({ timing: { kind: 'once', atMs: START + 1234 } });
    expect(look(rules, START, START + 1233)).toMatchObject({ decisions: [], nextDueMs: START + 1234 });
    const due = look(rules, START, START + 2000);
    expect(runsOf(due)).toEqual([START + 1234]);
    expect(due.nextDueMs).toBeNull();
    expect(look(rules, due.cursorMs, START + DAY)).toMatchObject({ decisions: [], nextDueMs: null });
  });
});

describe('after downtime', () => {
  test('what is decided piece by piece is what would be decided at once', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 50 }),
        fc.integer({ min: 1, max: 300 }),
        fc.constantFrom('all', 'latest', 'skip'),
        (atOnce, minutes, policy) => {
          const rules = rulesOf({ catchUp: { policy, max: 200, windowMs: 2 * HOUR } });
          const nowMs = START + minutes * MINUTE;
          const whole = look(rules, START, nowMs);
          const pieces: DueTicks[] = [];
          let cursorMs = START;
          while (cursorMs < whole.cursorMs) {
            const piece = decideDueTicks(rules, { cursorMs, nowMs, ...idle, atOnce });
            expect(runsOf(piece).length).toBeLessThanOrEqual(atOnce);
            expect(piece.cursorMs).toBeGreaterThan(cursorMs);
            pieces.push(piece);
            cursorMs = piece.cursorMs;
          }
          expect(pieces.flatMap(({ decisions }) => decisions)).toEqual(whole.decisions);
          expect(pieces.at(-1)?.nextDueMs).toBe(whole.nextDueMs);
        },
      ),
    );
  });

  const hourly = (catchUp: Partial<ScheduleRules['catchUp']>) =>
    look(rulesOf({ timing: recurring('@hourly'), catchUp: { ...CATCH_UP_DEFAULT, ...catchUp } }), START, START + 50 * HOUR + 30 * MINUTE);

  test('latest runs the newest, and counts the others', () => {
    const due = hourly({});
    expect(runsOf(due)).toEqual([START + 50 * HOUR]);
    expect(missedOf(due)).toEqual([
      { kind: 'missed', firstMs: START + HOUR, lastMs: START + 26 * HOUR, count: 26, reason: 'outside_window' },
      { kind: 'missed', firstMs: START + 27 * HOUR, lastMs: START + 49 * HOUR, count: 23, reason: 'superseded' },
    ]);
    expect(due.counters).toEqual({ missed: 49, caughtUp: 1, skipped: 0 });
    expect(due).toMatchObject({ cursorMs: START + 50 * HOUR, nextDueMs: START + 51 * HOUR });
  });

  test('latest is the tick of now where there is one', () => {
    const rules = rulesOf({ timing: recurring('@hourly') });
    const due = look(rules, START, START + 5 * HOUR + 100);
    expect(runsOf(due)).toEqual([START + 5 * HOUR]);
    expect(due.counters).toEqual({ missed: 4, caughtUp: 0, skipped: 0 });
  });

  test('all runs those within the window, oldest first, up to the most', () => {
    const within = hourly({ policy: 'all' });
    expect(runsOf(within)).toEqual(Array.from({ length: 24 }, (_, at) => START + (27 + at) * HOUR));
    expect(missedOf(within)).toMatchObject([{ count: 26, reason: 'outside_window' }]);
    const few = hourly({ policy: 'all', max: 3 });
    expect(runsOf(few)).toEqual([48, 49, 50].map((hours) => START + hours * HOUR));
    expect(missedOf(few)).toMatchObject([{ reason: 'outside_window' }, { count: 21, reason: 'over_max' }]);
  });

  test('skip runs none of them', () => {
    const due = hourly({ policy: 'skip' });
    expect(runsOf(due)).toEqual([]);
    expect(due.counters).toEqual({ missed: 50, caughtUp: 0, skipped: 0 });
    expect(missedOf(due).at(-1)).toMatchObject({ count: 24, reason: 'policy_skip' });
  });

  test('a time of its own still runs late, and tells when it is over', () => {
    const rules = rulesOf({ timing: { kind: 'once', atMs: START + HOUR } });
    expect(runsOf(look(rules, START, START + 2 * HOUR))).toEqual([START + HOUR]);
    expect(missedOf(look(rules, START, START + 30 * HOUR))).toMatchObject([{ count: 1, reason: 'outside_window' }]);
  });

  test('400 days of every second are told exactly', () => {
    const due = look(rulesOf({ timing: recurring('* * * * * *', 'Europe/Berlin') }), START, START + 400 * DAY);
    expect(due.counters).toEqual({ missed: 400 * 86_400 - runsOf(due).length, caughtUp: 0, skipped: 0 });
  });
});

describe('overlap', () => {
  const two = (overlap: ScheduleRules['overlap'], busy: { running: number; waiting: number }) =>
    look(rulesOf({ overlap, catchUp: { ...CATCH_UP_DEFAULT, policy: 'all' } }), START, START + 3 * MINUTE + 30_000, busy).decisions.map(
      (decision) => (decision.kind === 'run' ? (decision.waits ? 'waits' : 'runs') : decision.reason),
    );

  test.each([
    ['allow', 0, 0, ['runs', 'runs', 'runs']],
    ['allow', 5, 5, ['runs', 'runs', 'runs']],
    ['skip', 0, 0, ['runs', 'overlap', 'overlap']],
    ['skip', 1, 0, ['overlap', 'overlap', 'overlap']],
    ['queue', 0, 0, ['runs', 'waits', 'queue_full']],
    ['queue', 1, 0, ['waits', 'queue_full', 'queue_full']],
    ['queue', 1, 1, ['queue_full', 'queue_full', 'queue_full']],
    ['queue', 0, 1, ['queue_full', 'queue_full', 'queue_full']],
  ] as const)('%s with %i running and %i waiting', (overlap, running, waiting, expected) => {
    expect(two(overlap, { running, waiting })).toEqual(expected);
  });
});

describe('for any run of looks', () => {
  const timing = fc.oneof(
    fc
      .constantFrom('* * * * *', '*/7 * * * *', '@hourly', '30 2 * * *', '*/20 * * * * *', '0,1 0-3 * * *')
      .map((text) => recurring(text, 'Europe/Berlin')),
    fc.integer({ min: 1, max: 2 * DAY }).map((offset) => ({ kind: 'once', atMs: Date.UTC(2026, 2, 28) + offset }) as const),
  );
  const anyRules = fc.record<ScheduleRules>({
    id: fc.string({ minLength: 1, maxLength: 8 }),
    timing,
    jitterMs: fc.constantFrom(0, 500, 5000, HOUR),
    catchUp: fc.record({
      policy: fc.constantFrom('latest', 'all', 'skip'),
      max: fc.constantFrom(1, 5, 100),
      windowMs: fc.constantFrom(0, HOUR, DAY),
    }),
    overlap: fc.constantFrom('allow', 'skip', 'queue'),
  });
  const from = Date.UTC(2026, 2, 28);
  /** Clocks step back as well. */
  const looks = fc.array(fc.integer({ min: -HOUR, max: 6 * HOUR }), { maxLength: 15 });

  test('the cursor never goes back, each tick is decided once, and none is passed over', () => {
    fc.assert(
      fc.property(anyRules, looks, fc.nat(2), fc.nat(2), (rules, steps, running, waiting) => {
        let [cursor, now] = [from, from];
        const decided: TickDecision[] = [];
        for (const step of steps) {
          now += step;
          const due = look(rules, cursor, now, { running, waiting });
          expect(due.cursorMs).toBeGreaterThanOrEqual(cursor);
          if (due.nextDueMs !== null && now >= due.cursorMs) expect(due.nextDueMs).toBeGreaterThan(now);
          decided.push(...due.decisions);
          cursor = due.cursorMs;
        }
        const spans = decided.map((decision) =>
          decision.kind === 'missed' ? [decision.firstMs, decision.lastMs] : [decision.tickMs, decision.tickMs],
        );
        for (const [at, [first = 0, last = 0]] of spans.entries()) {
          expect(first).toBeLessThanOrEqual(last);
          if (at > 0) expect(first).toBeGreaterThan(spans[at - 1]?.[1] ?? 0);
        }
        const total = decided.reduce((sum, decision) => sum + (decision.kind === 'missed' ? decision.count : 1), 0);
        const { timing } = rules;
        if (timing.kind === 'recurring') expect(total).toBe(timing.expression.countBetween(from, cursor));
        else expect(total).toBe(cursor >= timing.atMs ? 1 : 0);
      }),
      { numRuns: 200 },
    );
  });

  test('with all, how often somebody looks changes nothing', () => {
    const all = anyRules.map(
      (rules) => ({ ...rules, overlap: 'allow', catchUp: { policy: 'all', max: 100_000, windowMs: 100 * DAY } }) as const,
    );
    fc.assert(
      fc.property(all, fc.nat(8 * HOUR), fc.nat(8 * HOUR), (rules, first, second) => {
        const [b, c] = [from + first, from + first + second];
        const early = look(rules, from, b);
        const late = look(rules, early.cursorMs, c);
        const once = look(rules, from, c);
        expect([...runsOf(early), ...runsOf(late)]).toEqual(runsOf(once));
        expect(late.cursorMs).toBe(once.cursorMs);
        expect(late.nextDueMs).toBe(once.nextDueMs);
      }),
      { numRuns: 100 },
    );
  });

  test('waking at the time that was told runs every tick at its own time, under every policy', () => {
    const woken = anyRules.filter(({ timing }) => timing.kind === 'recurring').map((rules) => ({ ...rules, overlap: 'allow' }) as const);
    fc.assert(
      fc.property(woken, (rules) => {
        let due = look(rules, from, from);
        for (let wakes = 0; wakes < 20 && due.nextDueMs !== null; wakes += 1) {
          const now = due.nextDueMs;
          due = look(rules, due.cursorMs, now);
          expect(due.decisions).toMatchObject([{ kind: 'run', dueMs: now, caughtUp: false }]);
        }
      }),
      { numRuns: 50 },
    );
  });
});

describe('jitter', () => {
  test('is the same on every node, spreads evenly, and stays below its most', () => {
    const amounts = Array.from({ length: 2000 }, (_, at) => jitterOf(`schedule${at}`, START, 999));
    expect(amounts).toEqual(Array.from({ length: 2000 }, (_, at) => jitterOf(`schedule${at}`, START, 999)));
    expect(Math.min(...amounts)).toBeGreaterThanOrEqual(0);
    expect(Math.max(...amounts)).toBeLessThanOrEqual(999);
    for (let tenth = 0; tenth < 10; tenth += 1) {
      const inside = amounts.filter((amount) => Math.floor(amount / 100) === tenth).length;
      expect(inside).toBeGreaterThan(140);
      expect(inside).toBeLessThan(260);
    }
    expect(jitterOf('a', START, 0)).toBe(0);
  });

  test('never reaches the next tick', () => {
    const rules = rulesOf({ jitterMs: 10 * HOUR });
    for (let tick = START; tick < START + HOUR; tick += MINUTE) {
      const { nextDueMs } = look(rules, tick, tick);
      expect(nextDueMs).toBeGreaterThanOrEqual(tick + MINUTE);
      expect(nextDueMs).toBeLessThan(tick + 2 * MINUTE);
    }
  });
});
