/** Layouts of projects: which files are functions, what they are called, what is wrong. */
import { functionNameProblem } from '@martlet/protocol';
import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { findFunctions } from '../src/project/find-functions.ts';

function find(files: Record<string, string> | readonly string[]) {
  const texts = Array.isArray(files) ? {} : (files as Record<string, string>);
  const paths = Array.isArray(files) ? (files as readonly string[]) : Object.keys(texts);
  return findFunctions({ files: paths, texts: new Map(Object.entries(texts)) });
}
const named = (project: ReturnType<typeof find>) => Object.fromEntries(project.functions.map((one) => [one.name, one.entrypoint]));

describe('a folder of functions', () => {
  test('names functions after files, folders with an index or entry, and nested folders', () => {
    const project = find([
      'functions/hello.ts',
      'functions/a.mjs',
      'functions/users/index.ts',
      'functions/mail/entry.js',
      'functions/orders/process.ts',
    ]);
    expect(project.kind).toBe('martlet');
    expect(named(project)).toEqual({
      a: 'functions/a.mjs',
      hello: 'functions/hello.ts',
      mail: 'functions/mail/entry.js',
      'orders/process': 'functions/orders/process.ts',
      users: 'functions/users/index.ts',
    });
    expect(project.problems).toEqual([]);
  });

  test('takes the other files of a folder with an index as its modules, at any depth', () => {
    expect(
      named(find(['functions/users/index.ts', 'functions/users/db.ts', 'functions/users/lib/index.ts', 'functions/users/lib/deep/x.ts'])),
    ).toEqual({ users: 'functions/users/index.ts' });
  });

  test('ignores private files, tests, declarations, shared code and what is no code', () => {
    const files = [
      'functions/_lib.ts',
      'functions/.x.ts',
      'functions/_lib/a.ts',
      'functions/a/_b/c.ts',
      'functions/hello.test.ts',
      'functions/hello.spec.js',
      'functions/types.d.ts',
      'functions/shared/a.ts',
      'shared/b.ts',
      'functions/readme.md',
      'other/c.ts',
    ];
    const project = find(files);
    expect(project.functions).toEqual([]);
    expect(project.problems).toEqual([]);
  });

  test('reports a name that breaks the rules, with its file, and deploys the others', () => {
    const project = find(['functions/hello world.ts', 'functions/ok.ts', 'functions/index.ts']);
    expect(named(project)).toEqual({ ok: 'functions/ok.ts' });
    expect(project.problems.map((one) => one.file).toSorted()).toEqual(['functions/hello world.ts', 'functions/index.ts']);
  });

  test('deploys neither of two files that claim one name', () => {
    const project = find([
      'functions/a.ts',
      'functions/a/index.ts',
      'functions/b.ts',
      'functions/b.js',
      'functions/c/index.ts',
      'functions/c/entry.ts',
      'functions/d.ts',
    ]);
    expect(Object.keys(named(project))).toEqual(['d']);
    expect(project.problems.map((one) => one.message)).toEqual(
      ['a', 'b', 'c'].map((name) => expect.stringContaining(`two functions named "${name}"`)),
    );
  });

  test('follows name and entry of function.jsonc, which may have comments', () => {
    const project = find({
      'functions/x/function.jsonc': '{ "name": "mail/send", "entry": "./main.ts", /* why */ "timeout": 5, }',
      'functions/x/main.ts': '',
      'functions/x/other.ts': '',
    });
    expect(named(project)).toEqual({ 'mail/send': 'functions/x/main.ts' });
  });

  test.each([
    ['{ "name": ', /Cannot read it as JSON/],
    ['[]', /must hold one object/],
    ['{ "entry": "../../etc/passwd" }', /"entry": it must be/],
    ['{ "entry": "gone.ts" }', /Cannot find gone\.ts/],
    ['{ "name": 5 }', /"name": it must be text/],
  ])('reports function.jsonc %s instead of guessing', (text, message) => {
    const project = find({ 'functions/x/function.jsonc': text, 'functions/x/main.ts': '' });
    expect(project.functions).toEqual([]);
    expect(project.problems[0]?.message).toMatch(message);
    expect(project.problems[0]?.file).toMatch(/^functions\/x\/function\.jsonc/);
  });

  test('installs packages only when there are dependencies, and takes over the roles of the project', () => {
    const of = (text: string, lock = false) =>
      find({ 'functions/a.ts': '', 'package.json': text, ...(lock ? { 'package-lock.json': '{}' } : {}) });
    expect(of('{}').functions[0]?.commands).toBe('');
    expect(of('{"devDependencies":{"typescript":"7"}}').functions[0]?.commands).toBe('');
    expect(of('{"dependencies":{"zod":"4"}}').functions[0]?.commands).toBe('npm install');
    expect(of('{"dependencies":{"zod":"4"}}', true).functions[0]?.commands).toBe('npm ci');
    expect(of('{"martlet":{"execute":["users"]}}').functions[0]?.settings).toEqual({ execute: ['users'] });
    expect(of('{"martlet":{"execut":[]}}').problems[0]?.file).toBe('package.json');
  });

  test('never gives two functions one name, and only names that are allowed', () => {
    const listings = fc.array(fc.array(fc.stringMatching(/^[A-Za-z0-9_. -]{1,6}$/), { minLength: 1, maxLength: 4 }), { maxLength: 12 });
    fc.assert(
      fc.property(listings, (paths) => {
        const files = [...new Set(paths.map((segments) => `functions/${segments.join('/')}.ts`))];
        const project = find(files);
        const names = project.functions.map((one) => one.name);
        expect(new Set(names).size).toBe(names.length);
        expect(names.filter((name) => functionNameProblem(name) !== undefined)).toEqual([]);
        expect(project.functions.every((one) => files.includes(one.entrypoint))).toBe(true);
        expect(find(files.toReversed()).functions).toEqual(project.functions);
      }),
    );
  });
});

describe('a Base44 project', () => {
  test('has its functions in base44/functions, with entries inside entries, and leaves the web app at home', () => {
    const project = find([
      'base44/functions/hello/entry.ts',
      'base44/functions/hello/more/entry.ts',
      'base44/functions/flat.ts',
      'base44/shared/u.ts',
      'src/app.tsx',
      'functions/no.ts',
    ]);
    expect(project.kind).toBe('base44');
    expect(named(project)).toEqual({
      flat: 'base44/functions/flat.ts',
      hello: 'base44/functions/hello/entry.ts',
      'hello/more': 'base44/functions/hello/more/entry.ts',
    });
    expect(project.functions[0]?.ignore).toContain('!/base44');
  });

  test('may name its folder in the configuration, and does not install the packages of the web app', () => {
    const project = find({
      'base44/config.jsonc': '{ "name": "x", "functionsDir": "./fns/" }',
      'base44/fns/a/entry.ts': '',
      'package.json': '{"dependencies":{"react":"19"}}',
    });
    expect(named(project)).toEqual({ a: 'base44/fns/a/entry.ts' });
    expect(project.functions[0]?.commands).toBe('');
  });
});

describe('an Appwrite project', () => {
  const config = (...functions: object[]) => JSON.stringify({ projectId: 'p', functions });

  test.each(['appwrite.config.json', 'appwrite.json'])('lists its functions in %s, each with root, id and settings', (file) => {
    const entry = {
      $id: 'f1',
      name: 'Send mail',
      path: 'functions/mail',
      entrypoint: 'src/main.js',
      commands: 'npm install',
      execute: ['users'],
      events: ['users.*.create'],
      schedule: '0 5 * * *',
      timeout: 30,
      enabled: true,
      logging: false,
      runtime: 'node-22',
      ignore: ['node_modules', '.npm'],
    };
    const project = find({ [file]: config(entry), 'functions/mail/src/main.js': '' });
    expect(project.kind).toBe('appwrite');
    expect(project.functions).toEqual([
      {
        name: 'f1',
        id: 'f1',
        file: 'functions/mail/src/main.js',
        root: 'functions/mail',
        entrypoint: 'src/main.js',
        commands: 'npm install',
        ignore: ['node_modules', '.npm'],
        settings: {
          name: 'Send mail',
          runtime: 'node-22',
          execute: ['users'],
          events: ['users.*.create'],
          schedule: '0 5 * * *',
          timeout: 30,
          enabled: true,
          logging: false,
        },
      },
    ]);
  });

  test('reports entries that lead nowhere or out of the project, and keeps the good ones', () => {
    const good = { $id: 'a', name: 'hello', path: './functions/a/', entrypoint: 'main.js' };
    const project = find({
      'appwrite.json': config(
        good,
        { $id: 'b', name: 'b', path: '../x', entrypoint: 'm.js' },
        { $id: 'c', name: 'c', entrypoint: 'gone.js' },
        { name: 'd' },
      ),
      'functions/a/main.js': '',
    });
    expect(project.functions.map((one) => one.name)).toEqual(['hello']);
    expect(project.problems.map((one) => one.file)).toEqual([
      'appwrite.json functions[1]',
      'appwrite.json functions[2]',
      'appwrite.json functions[3]',
    ]);
  });
});
