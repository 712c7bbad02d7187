import { AsyncLocalStorage } from 'node:async_hooks';
import nodeConsole from 'node:console';
import process from 'node:process';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { installConsole, type CapturedConsole } from '../src/console/console-capture.ts';
import { cutLogLine } from '../src/console/cut-log-line.ts';
import { formatLog } from '../src/console/format-log.ts';

const scopes = new AsyncLocalStorage<object>();
const saved = { ...console };
const { write: writeOut } = process.stdout;
const { write: writeError } = process.stderr;
let lines: [level: string, text: string][] = [];
let captured: CapturedConsole;

beforeEach(() => {
  lines = [];
  captured = installConsole({
    write: (level, text) => lines.push([level, text]),
    scope: () => scopes.getStore(),
    mapText: (text) => text.replaceAll('bundle.js', 'hello.ts'),
  });
});

afterEach(() => {
  Object.assign(console, saved);
  process.stdout.write = writeOut;
  process.stderr.write = writeError;
});

describe('console', () => {
  it('writes each method at its level, through every name of the console', () => {
    console.log('a %d', 1, { b: 2 });
    console.info('i');
    console.debug('d');
    console.warn('w');
    console.error('e');
    console.dir({ a: { b: { c: {} } } }, { depth: 0 });
    nodeConsole.log('n');
    expect(lines).toEqual([
      ['info', 'a 1 { b: 2 }'],
      ['info', 'i'],
      ['debug', 'd'],
      ['warn', 'w'],
      ['error', 'e'],
      ['info', '{ a: [Object] }'],
      ['info', 'n'],
    ]);
  });

  it('leaves a lone string as it is, and an empty call empty', () => {
    console.log('100% %s');
    console.log();
    expect(lines.map(([, text]) => text)).toEqual(['100% %s', '']);
  });

  it('draws tables, checks assertions, shows where a trace was asked for', () => {
    console.table([{ a: 1 }]);
    console.table('no table');
    console.assert(true, 'silent');
    console.assert(false, 'because %d', 1);
    console.assert(false);
    console.trace('here');
    const [table, text, because, bare, trace] = lines.map(([, line]) => line);
    expect(table).toMatch(/│ \(index\) │ a │\n.*\n│ 0 +│ 1 │/);
    expect([text, because, bare]).toEqual(['no table', 'Assertion failed: because 1', 'Assertion failed']);
    expect(trace).toMatch(/^Trace: here\n\s+at .*console-capture\.test\.ts/);
  });

  it('keeps groups, counters and timers of two executions apart', () => {
    const [first, second] = [{}, {}];
    scopes.run(first, () => {
      console.group('G');
      console.log('in\nside');
      console.count('n');
    });
    scopes.run(second, () => {
      console.log('out');
      console.count('n');
      console.timeEnd('t');
      console.countReset('missing');
    });
    scopes.run(first, () => {
      console.groupEnd();
      console.groupEnd();
      console.count('n');
      console.time('t');
      console.timeLog('t', 'so far');
      console.timeEnd('t');
      console.timeEnd('t');
    });
    expect(lines.map(([, text]) => text.replace(/\d+\.\d+ms/, 'ms'))).toEqual([
      'G',
      '  in\n  side',
      '  n: 1',
      'out',
      'n: 1',
      "No such label 't' for console timers",
      "Count for 'missing' does not exist",
      'n: 2',
      't: ms so far',
      't: ms',
      "No such label 't' for console timers",
    ]);
  });

  it('maps the stacks of errors', () => {
    const error = new Error('broken');
    error.stack = 'Error: broken\n    at f (bundle.js:1:2)';
    console.error('failed', error);
    expect(lines).toEqual([['error', 'failed Error: broken\n    at f (hello.ts:1:2)']]);
  });
});

describe('the standard streams', () => {
  it('are written by the line, with half lines kept by execution and flushed at its end', () => {
    const [first, second] = [{}, {}];
    scopes.run(first, () => process.stdout.write('par'));
    scopes.run(second, () => process.stdout.write('other\n'));
    scopes.run(first, () => process.stdout.write('tial\r\nrest'));
    expect(lines).toEqual([
      ['info', 'other'],
      ['info', 'partial'],
    ]);
    captured.flush(second);
    captured.flush(first);
    captured.flush(first);
    expect(lines.slice(2)).toEqual([['info', 'rest']]);
  });

  it('take bytes that break inside a character, encodings and callbacks', async () => {
    const bytes = Buffer.from('é\n');
    process.stderr.write(bytes.subarray(0, 1));
    process.stderr.write(bytes.subarray(1));
    await new Promise<void>((resolve) => void process.stdout.write('w6k=', 'base64', () => resolve()));
    captured.flush();
    expect(lines).toEqual([
      ['error', 'é'],
      ['info', 'é'],
    ]);
    expect(() => process.stdout.write(JSON.parse('5'))).toThrow(TypeError);
  });

  it('do not gather a line without end', () => {
    process.stdout.write('x'.repeat(70_000));
    expect(lines.length).toBe(1);
  });
});

describe('formatting', () => {
  const hostile: [string, unknown][] = [
    [
      'a throwing inspector',
      {
        [Symbol.for('nodejs.util.inspect.custom')]() {
          throw new Error('no');
        },
      },
    ],
    [
      'a throwing toString',
      {
        toString() {
          throw new Error('no');
        },
      },
    ],
    [
      'a throwing getter',
      {
        get a() {
          throw new Error('no');
        },
      },
    ],
    [
      'a throwing tag',
      {
        get [Symbol.toStringTag]() {
          throw new Error('no');
        },
      },
    ],
    [
      'a throwing proxy',
      new Proxy(
        {},
        {
          ownKeys() {
            throw new Error('no');
          },
          get() {
            throw new Error('no');
          },
          getPrototypeOf() {
            throw new Error('no');
          },
        },
      ),
    ],
    ['a revoked proxy', revoked()],
    [
      'an error with a throwing stack',
      Object.defineProperty(new Error('x'), 'stack', {
        get() {
          throw new Error('no');
        },
      }),
    ],
  ];

  it.each(hostile)('survives %s', (_, value) => {
    expect(typeof formatLog([value])).toBe('string');
    expect(typeof formatLog(['%s %d %o', value, value, value])).toBe('string');
    expect(formatLog(['before', value, 'after'])).toMatch(/^before .* after$/s);
  });

  it('bounds the work for huge values, and says that there is more', () => {
    const wide = Object.fromEntries(Array.from({ length: 50_000 }, (_, index) => [`k${index}`, { index }]));
    let branches: unknown = 'leaf';
    for (let depth = 0; depth < 30; depth += 1) branches = Array.from({ length: 10 }, () => branches);
    expect(formatLog([wide])).toContain('49900 more keys');
    expect(formatLog([wide]).length).toBeLessThan(20_000);
    expect(formatLog([branches]).length).toBeLessThan(100_000);
    expect(formatLog([Array.from({ length: 1_000_000 }, () => 1)])).toContain('999900 more items');
    expect(formatLog([{ text: 'x'.repeat(1_000_000) }]).length).toBeLessThan(11_000);
  });

  it('shows circles, maps, sets and depth like Node', () => {
    const circle: Record<string, unknown> = { a: 1 };
    circle['self'] = circle;
    expect(formatLog([circle])).toBe('<ref *1> { a: 1, self: [Circular *1] }');
    expect(formatLog([new Map([['a', new Set([1])]]), 10n, Symbol('s'), null, undefined])).toBe(
      "Map(1) { 'a' => Set(1) { 1 } } 10n Symbol(s) null undefined",
    );
    expect(formatLog([{ a: { b: { c: { d: { e: 1 } } } } }])).toContain('e: 1');
  });

  it('cuts a line at its limit, never inside a character', () => {
    expect(cutLogLine('abc', 3)).toBe('abc');
    expect(cutLogLine('abcd', 3)).toBe('abc... Log truncated due to size limit (3 characters)');
    expect(cutLogLine('ab😀', 3).isWellFormed()).toBe(true);
  });
});

function revoked(): object {
  const { proxy, revoke } = Proxy.revocable({}, {});
  revoke();
  return proxy;
}
