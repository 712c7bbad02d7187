import { afterAll, describe, expect, it } from 'vitest';
import { createBench, outputOf, problemsOf, type Files } from './builder-bench.ts';

const bench = createBench();
afterAll(() => bench.close());

const build = (files: Files, entrypoint?: string) => bench.build(files, entrypoint);
const code = (config: string): Files => ({ 'index.ts': `type Anything = unknown;\n\n${config}\nexport default 1;` });

describe('settings in code', () => {
  it('are read without running it', async () => {
    const text =
      'export const config = { timeout: 5, "memory": 128, schedule: `*/5 * * * *`, execute: ["any", \'users\'], logging: false, egress: { allow: ["example.com"] } } as const satisfies Anything;\nthrow new Error("never run");';
    expect(outputOf(await build(code(text))).config).toEqual({
      timeout: 5,
      memory: 128,
      schedule: '*/5 * * * *',
      execute: ['any', 'users'],
      logging: false,
      egress: { allow: ['example.com'] },
    });
  });

  it('may be missing', async () => {
    expect(outputOf(await build(code('const config = { notExported: true }; console.log(config);'))).config).toEqual({});
  });

  it.each([
    ['const n = 3;\nexport const config = { timeout: n };', 4, 34],
    ['export const config = {\n  timeout: 3 + 4,\n};', 4, 12],
    ['export const config = {\n  ...process.env,\n};', 4, 3],
    ['export const config = {\n  [`timeout`]: 3,\n};', 4, 3],
    ['export const config = {\n  get timeout() { return 3; },\n};', 4, 3],
    ['export const config = {\n  schedule: `${1} * * * *`,\n};', 4, 13],
    ['export const config = {\n  execute: ["any", , "users"],\n};', 4, 12],
    ['export const config = {\n  retries: -x,\n};\ndeclare const x: number;', 4, 13],
  ])('must be literals: %j', async (text, line, column) => {
    const { code: reason, problems } = problemsOf(await build(code(text)));
    expect(reason).toBe('function_config_invalid');
    expect(problems).toMatchObject([
      { file: 'index.ts', line, column, message: 'config must be made of literals: it is read without running the code' },
    ]);
  });

  it.each(['let config = { timeout: 3 };\nexport { config };', 'export let config = { timeout: 3 };'])(
    'must be a constant: %j',
    async (text) => {
      expect(problemsOf(await build(code(text))).problems[0]?.message).toBe('config must be written as `export const config = { … }`');
    },
  );

  it('must be known and within their ranges, each told at its place', async () => {
    const { problems } = problemsOf(
      await build(code('export const config = {\n  timeouts: 3,\n  retries: 99,\n  schedule: "* * *",\n  egress: { allow: [3] },\n};')),
    );
    const told = problems.map(({ line, message }) => [line, message.split(';')[0]]);
    expect(told).toContainEqual([4, 'config: unknown key "timeouts"']);
    expect(told).toContainEqual([5, 'config.retries: Too big: expected number to be <=20']);
    expect(told).toContainEqual([6, 'config.schedule: Cannot use the schedule "* * *": it has 3 fields']);
    expect(told.some(([line, message]) => line === 7 && String(message).startsWith('config.egress'))).toBe(true);
  });

  it.each([
    ['orders', 'it has 1 part'],
    ['orders.$x', 'its part "$x" is not allowed'],
    ['users.*.explode', 'such event'],
    ['functions.*.create', 'a function cannot listen to events of functions'],
  ])('cannot listen to %j, which it would never hear of', async (pattern, reason) => {
    const { code: kind, problems } = problemsOf(await build(code(`export const config = {\n  events: ["a.b", "${pattern}"],\n};`)));
    expect([kind, problems[0]?.line]).toEqual(['function_config_invalid', 4]);
    expect(problems[0]?.message).toContain(`config.events: cannot listen to "${pattern}": `);
    expect(problems[0]?.message).toContain(reason);
  });

  it('cannot reach into prototypes', async () => {
    expect(problemsOf(await build(code('export const config = { "__proto__": { timeout: 3 } };'))).problems[0]?.message).toContain(
      'unknown key "__proto__"',
    );
  });

  it('do not hide a mistake of the code', async () => {
    const { code: reason, problems } = problemsOf(await build({ 'index.ts': 'export const config = { timeout: ;' }));
    expect([reason, problems[0]?.line]).toEqual(['build_failed', 1]);
  });
});

describe('settings in a file', () => {
  const beside = (settings: string, config = ''): Files => ({ 'f/index.ts': `${config}\nexport default 1;`, 'f/function.jsonc': settings });

  it('are JSON with comments, merged with those in code', async () => {
    const output = outputOf(
      await build(
        beside('{ "$schema": "x", /* why */ "timeout": 4, "name": "other", }', 'export const config = { memory: 128 };'),
        'f/index.ts',
      ),
    );
    expect(output.config).toEqual({ timeout: 4, name: 'other', memory: 128 });
    expect(output.inputs).toEqual(['f/function.jsonc', 'f/index.ts']);
  });

  it('must not say what the code says', async () => {
    const { problems } = problemsOf(await build(beside('{\n  "timeout": 4\n}', 'export const config = { timeout: 4 };'), 'f/index.ts'));
    expect(problems).toMatchObject([
      {
        file: 'f/function.jsonc',
        line: 2,
        message: '"timeout" is set in function.jsonc and in the config of f/index.ts; keep one of them',
      },
    ]);
  });

  it('are refused by file and key', async () => {
    const { code: reason, problems } = problemsOf(await build(beside('{\n  "timeOut": 4 }'), 'f/index.ts'));
    expect(reason).toBe('function_config_invalid');
    expect(problems[0]).toMatchObject({ file: 'f/function.jsonc', line: 2, column: 3 });
    expect(problems[0]?.message).toMatch(/^function\.jsonc: unknown key "timeOut"/);
    expect(problemsOf(await build(beside('{ "timeout": '), 'f/index.ts')).problems[0]?.message).toMatch(/is not JSON/);
    expect(problemsOf(await build(beside('[]'), 'f/index.ts')).problems[0]?.message).toMatch(/must be an object/);
  });

  it('are of one file', async () => {
    const files = { ...beside('{ "timeout": 4 }'), 'f/function.json': '{ "memory": 128 }' };
    expect(problemsOf(await build(files, 'f/index.ts')).problems[0]?.message).toMatch(
      /function\.jsonc and f\/function\.json both have settings/,
    );
  });

  it('of another function in the same folder do not count', async () => {
    expect(outputOf(await build(beside('{ "entry": "other.ts", "timeout": 4 }'), 'f/index.ts')).config).toEqual({});
  });
});
