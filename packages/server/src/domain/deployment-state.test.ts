import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { formatId, functionConfigSchema } from '@martlet/protocol';
import { settingsChange, takesPointer } from './deployment-state.ts';

describe('the pointer of a function', () => {
  it('ends at the newest deployment that was to be activated, in whatever order builds become ready', () => {
    const deployments = fc
      .uniqueArray(fc.integer({ min: 1, max: 1000 }), { minLength: 1, maxLength: 8 })
      .chain((times) =>
        fc
          .tuple(fc.shuffledSubarray(times, { minLength: times.length }), fc.func(fc.boolean()))
          .map(([order, activate]) => order.map((time) => ({ id: formatId(time * 1_000_000, 0), activate: activate(time) }))),
      );
    fc.assert(
      fc.property(deployments, (ready) => {
        let active: string | null = null;
        for (const deployment of ready) if (takesPointer(deployment, active)) active = deployment.id;
        const wanted = ready
          .filter(({ activate }) => activate)
          .map(({ id }) => id)
          .toSorted();
        expect(active).toBe(wanted.at(-1) ?? null);
      }),
    );
  });

  it('follows a new build after a rollback to an old one', () => {
    expect(takesPointer({ id: '0000000c', activate: true }, '0000000a')).toBe(true);
  });
});

describe('settings of a file', () => {
  it('change only what they set', () => {
    expect(settingsChange({})).toEqual({});
    expect(settingsChange({ name: 'elsewhere', timeout: 3, memory: 128, execute: [] })).toEqual({
      timeoutSeconds: 3,
      memoryMb: 128,
      execute: [],
    });
  });

  it('each reach the function, but for the name', () => {
    const full = functionConfigSchema.parse({
      name: 'x',
      schedule: '* * * * *',
      timezone: 'UTC',
      events: ['a.b'],
      execute: ['any'],
      scopes: ['log.read'],
      timeout: 1,
      memory: 64,
      concurrency: 1,
      retries: 1,
      egress: 'none',
      logging: false,
      durability: 'strict',
    });
    expect(Object.keys(full).toSorted()).toEqual(Object.keys(functionConfigSchema.shape).toSorted());
    expect(Object.keys(settingsChange(full))).toHaveLength(Object.keys(full).length - 1);
  });
});
