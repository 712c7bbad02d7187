/** The clock of the store, as a server whose own is wrong reads it. */
import { setTimeout as wait } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { createSharedClock } from '../../src/services/upkeep/shared-clock.ts';

const HOUR = 3_600_000;
const log = { debug: () => undefined, info: () => undefined, warn: () => undefined, error: () => undefined };
const wrong = (aheadMs: number) => ({ now: () => Date.now() + aheadMs, uniqueMicros: () => 0 });

describe('the clock that all nodes share', () => {
  it.each([HOUR, -HOUR])('is told by a server whose own clock is %i ms off', async (aheadMs) => {
    const shared = createSharedClock({ nodes: { now: async () => Date.now() }, clock: wrong(aheadMs), log });
    await shared.read();
    expect(Math.abs(shared.now() - Date.now())).toBeLessThan(1000);
    shared.stop();
  });

  it('goes on from what was read last while the store is away', async () => {
    let away = false;
    const now = async () => (away ? Promise.reject(new Error('away')) : Date.now());
    const shared = createSharedClock({ nodes: { now }, clock: wrong(HOUR), log });
    await shared.read();
    away = true;
    await shared.read();
    expect(Math.abs(shared.now() - Date.now())).toBeLessThan(1000);
    shared.stop();
  });

  it('learns of a step of the own clock by itself', async () => {
    let aheadMs = 0;
    const shared = createSharedClock({
      nodes: { now: async () => Date.now() },
      clock: { now: () => Date.now() + aheadMs, uniqueMicros: () => 0 },
      log,
      everyMs: 20,
    });
    await shared.read();
    aheadMs = HOUR;
    for (let tries = 0; tries < 200 && Math.abs(shared.now() - Date.now()) > 1000; tries += 1) await wait(20);
    expect(Math.abs(shared.now() - Date.now())).toBeLessThan(1000);
    shared.stop();
  });
});
