import { afterAll, describe, expect, it } from 'vitest';
import { createBase44Runtime } from '../src/base44-runtime.ts';
import { preloadBuiltIns } from '../src/warm-up.ts';

afterAll(() => {
  Reflect.deleteProperty(globalThis, 'Base44');
  Reflect.deleteProperty(globalThis, 'EdgeRuntime');
});

describe('base44:runtime', () => {
  it('knows secrets that are set later, and nothing inherited', () => {
    const env: Record<string, string> = {};
    const { secrets } = createBase44Runtime({ env, waitUntil: () => undefined });
    env['KEY'] = 'value';
    expect([secrets.get('KEY'), secrets.get('NONE'), secrets.get('constructor')]).toEqual(['value', undefined, undefined]);
  });

  it('hands work to the execution and gives it back, also under its global names', async () => {
    const waiting: Promise<unknown>[] = [];
    const runtime = createBase44Runtime({ env: {}, waitUntil: (work) => waiting.push(work) });
    const work = Promise.resolve(1);
    expect(runtime.waitUntil(work)).toBe(work);
    const { Base44, EdgeRuntime } = globalThis as unknown as Record<string, typeof runtime>;
    expect(Base44).toBe(runtime);
    EdgeRuntime?.waitUntil('not a promise');
    expect(await Promise.all(waiting)).toEqual([1, 'not a promise']);
    expect(Object.keys(runtime)).toEqual(['secrets', 'waitUntil']);
  });
});

it('loads built-in modules more than once without harm', () => {
  preloadBuiltIns();
  const startedAt = performance.now();
  preloadBuiltIns();
  expect(performance.now() - startedAt).toBeLessThan(100);
  expect(process.getBuiltinModule('http2').constants.HTTP2_HEADER_STATUS).toBe(':status');
});
