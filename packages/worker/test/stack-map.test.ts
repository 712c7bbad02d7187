import { Script } from 'node:vm';
import { WORKER_FRAME_BYTES_MAX } from '@martlet/protocol/frames';
import { transformSync } from 'esbuild';
import { describe, expect, it } from 'vitest';
import { createStackMapper } from '../src/stack/stack-map.ts';

const FILE = '/function/index.js';
const SOURCE = `// a comment, so that lines differ
type Name = string;

export function fail(name: Name): never {
  throw new Error('broken ' + name);
}
`;
const built = transformSync(SOURCE, {
  loader: 'ts',
  format: 'cjs',
  sourcemap: 'external',
  sourcefile: '../../functions/hello.ts',
  minify: true,
});
const mapper = createStackMapper({ file: FILE, sourceMap: Buffer.from(built.map), workerFile: '/rt/worker.cjs' });

function thrownBy(run: () => unknown): unknown {
  try {
    run();
  } catch (error) {
    return error;
  }
  throw new Error('nothing was thrown');
}

function failInBundle(): unknown {
  const module = { exports: { fail: (name: string): unknown => name } };
  const run = new Script(`(function (module) {${built.code}})`, {
    filename: FILE,
    columnOffset: -'(function (module) {'.length,
  }).runInThisContext() as (module: object) => void;
  run(module);
  return thrownBy(() => module.exports.fail('x'));
}

describe('a stack', () => {
  it('points into the source of the author', () => {
    const { name, message, stack } = mapper.describeError(failInBundle());
    expect([name, message]).toEqual(['Error', 'broken x']);
    expect(stack).toMatch(/^Error: broken x\n\s+at .*\(?functions\/hello\.ts:5:\d+\)?\n/);
    expect(stack).not.toContain(FILE);
  });

  it('loses the frames of the worker and what called the worker, and no others', () => {
    const text = [
      'Error: x',
      `    at f (${FILE}:1:1)`,
      '    at process.nextTick (node:internal/x:1:1)',
      '    at async serve (/rt/worker.cjs:5:1)',
      '    at new Promise (<anonymous>)',
      '    at async Promise.all (index 0)',
      '    at /rt/worker.cjs:9:9',
      '    at process.processTicksAndRejections (node:internal/y:2:2)',
      'tail',
    ];
    expect(
      createStackMapper({ file: FILE, sourceMap: Buffer.alloc(0), workerFile: '/rt/worker.cjs' })
        .mapText(text.join('\n'))
        .split('\n'),
    ).toEqual([text[0], text[1], text[2], text[4], text[5], 'tail']);
  });

  it('stays as it is where the map is missing, broken, or has no such place', () => {
    const text = `Error: x\n    at f (${FILE}:999:1)`;
    for (const sourceMap of [
      Buffer.alloc(0),
      Buffer.from('{"version":3'),
      Buffer.from('[]'),
      Buffer.from('{"version":3,"sources":[],"mappings":"!!!"}'),
      Buffer.from(built.map),
    ]) {
      expect(createStackMapper({ file: FILE, sourceMap }).mapText(text)).toContain('Error: x\n    at f (');
    }
    expect(mapper.mapText(`see ${FILE}:1:1`)).toBe(`see ${FILE}:1:1`);
  });
});

describe('describing what was thrown', () => {
  it('follows causes and the errors of an aggregate', () => {
    const error = new AggregateError([new Error('one'), 'two'], 'both', { cause: new Error('why', { cause: { code: 5 } }) });
    const { stack } = mapper.describeError(error);
    expect(stack).toContain('AggregateError: both');
    expect(stack).toContain('[cause]: Error: why');
    expect(stack).toContain('[cause]: {"code":5}');
    expect(stack).toContain('[errors 0]: Error: one');
    expect(stack).toContain('[errors 1]: two');
  });

  it.each([
    ['oops', 'oops'],
    [{ code: 5 }, '{"code":5}'],
    [undefined, 'undefined'],
    [null, 'null'],
    [7n, '7'],
    [Symbol('s'), 'Symbol(s)'],
  ])('takes %s, which is no error', (value, text) => {
    expect(mapper.describeError(value)).toEqual({ name: 'Error', message: text, stack: text });
  });

  it('keeps to the sizes of a failure message', () => {
    const error = Object.assign(new Error('m'.repeat(50_000)), { name: 'n'.repeat(1000) });
    error.cause = error;
    const { name, message, stack } = mapper.describeError(error);
    expect([name.length, message.length]).toEqual([200, 10_000]);
    expect(stack.length).toBeLessThanOrEqual(100_000);
  });

  it.each<[string, unknown]>([
    [
      'getters that throw',
      Object.defineProperties(new Error('x'), {
        stack: {
          get() {
            throw new Error('no');
          },
        },
        name: {
          get() {
            throw new Error('no');
          },
        },
        cause: {
          get() {
            throw new Error('no');
          },
        },
      }),
    ],
    ['fields that are no text', { message: 'x', name: 5, stack: {}, errors: 'no list' }],
    [
      'a proxy that throws',
      new Proxy(new Error('x'), {
        get() {
          throw new Error('no');
        },
        has() {
          throw new Error('no');
        },
        ownKeys() {
          throw new Error('no');
        },
      }),
    ],
    [
      'a toJSON that throws',
      {
        toJSON() {
          throw new Error('no');
        },
      },
    ],
    [
      'a function that cannot be shown',
      Object.assign(() => 1, {
        toString() {
          throw new Error('no');
        },
      }),
    ],
    ['a toJSON that gives no text', { toJSON: () => undefined }],
    ['causes without end', endless()],
  ])('survives %s', (_, error) => {
    const { name, message, stack } = mapper.describeError(error);
    expect([typeof name, typeof message, typeof stack]).toEqual(['string', 'string', 'string']);
  });
});

it.each(['a', '漢', '\u0001', '"'])('keeps an error of many %j within a frame of the wall', (character) => {
  const error = new Error(character.repeat(150_000));
  const payload = Buffer.from(
    JSON.stringify({ kind: 'threw', ...createStackMapper({ file: '/f.js', sourceMap: Buffer.alloc(0) }).describeError(error) }),
  );
  expect(payload.length).toBeLessThan(WORKER_FRAME_BYTES_MAX);
});

function endless(): object {
  return {
    message: 'x',
    get cause() {
      return endless();
    },
    get errors() {
      return [endless(), endless()];
    },
  };
}
