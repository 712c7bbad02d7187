/** What the README and the pages of docs/ say can be done, done: their links, commands and the tour. */
import { execFile } from 'node:child_process';
import { existsSync, globSync, readFileSync } from 'node:fs';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { loadConfig } from '@martlet/server';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Martlet } from './start-martlet.ts';
import { REPOSITORY, startMartlet } from './start-martlet.ts';

const execute = promisify(execFile);
const pages = [
  'README.md',
  'CONTRIBUTING.md',
  'ARCHITECTURE.md',
  ...globSync('{docs,examples,fixtures}/**/*.md', { cwd: REPOSITORY, exclude: ['**/node_modules'] }),
];
const textOf = (page: string) => readFileSync(join(REPOSITORY, page), 'utf8');
const readme = textOf('README.md');
const GROUPS = new Set(['functions', 'deployments', 'executions', 'schedules', 'events', 'secrets', 'keys']);

describe('links', () => {
  test.each(pages)('of %s lead somewhere', (page) => {
    const broken = [...textOf(page).matchAll(/\]\(([^)\s]+)\)/g)]
      .map(([, target = '']) => target)
      .filter((target) => !/^https?:/.test(target) && !leadsSomewhere(page, target));
    expect(broken).toEqual([]);
  });

  function leadsSomewhere(page: string, target: string): boolean {
    const [path = '', anchor] = target.split('#');
    const file = path === '' ? page : join(dirname(page), path);
    if (!existsSync(join(REPOSITORY, file))) return false;
    return anchor === undefined || headingsOf(textOf(file)).includes(anchor);
  }

  function headingsOf(text: string): string[] {
    return [...text.matchAll(/^#+ (.+)$/gm)].map(([, title = '']) =>
      title
        .toLowerCase()
        .replace(/[^\w\s-]/g, '')
        .replaceAll(/\s/g, '-'),
    );
  }
});

describe('commands', () => {
  test('npm scripts exist', () => {
    const { scripts } = JSON.parse(textOf('package.json')) as { scripts: Record<string, string> };
    const named = pages.flatMap((page) =>
      [...textOf(page).matchAll(/npm (?:run ([\w:-]+)|(start|test))\b/g)].map(([, run, short]) => run ?? short ?? ''),
    );
    expect(named.filter((name) => scripts[name] === undefined)).toEqual([]);
  });

  const commands = [
    ...new Set(pages.flatMap((page) => [...textOf(page).matchAll(/npx martlet ((?:[a-z]+ ?)+)/g)].map(([, words = '']) => words.trim()))),
  ];

  test.each(commands)('martlet %s exists', async (words) => {
    const [command = '', second = ''] = words.split(' ');
    // What follows a command of one word is an argument, and help is shown all the same.
    const full = GROUPS.has(command) ? `${command} ${second}` : command;
    const { stdout } = await execute(process.execPath, [join(REPOSITORY, 'packages/cli/bin/martlet.mjs'), ...words.split(' '), '--help']);
    expect(stdout).toContain(`Usage: martlet ${full} `);
  });
});

describe('settings', () => {
  test('of the server are all explained in docs/operating.md', () => {
    // The refusal of a setting that does not exist names all that do.
    const refusal = () => loadConfig({ mode: 'dev', env: { MARTLET_NO_SUCH_SETTING: '1' } });
    expect(refusal).toThrow(/known are /);
    const known = /known are ([\w, ]+)/.exec(messageOf(refusal))?.[1]?.split(', ') ?? [];
    const page = textOf('docs/operating.md');
    const missing = known.filter(
      (name) => name !== 'limits' && !(page.includes(`(\`${name}\`)`) && page.includes(`\`${variableOf(name)}\``)),
    );
    expect(known.length).toBeGreaterThan(10);
    expect(missing).toEqual([]);
  });

  function messageOf(work: () => unknown): string {
    try {
      work();
    } catch (error) {
      return error instanceof Error ? error.message : '';
    }
    return '';
  }

  function variableOf(setting: string): string {
    return `MARTLET_${setting.replaceAll(/[A-Z]/g, (letter) => `_${letter}`).toUpperCase()}`;
  }
});

describe('the tour', () => {
  let martlet: Martlet;
  let folder: string;

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'martlet-readme-'));
    for (const [, path = '', code = ''] of readme.matchAll(/```ts\n\/\/ (functions\/\S+)\n([\s\S]*?)```/g)) {
      await mkdir(dirname(join(folder, path)), { recursive: true });
      await writeFile(join(folder, path), code);
    }
    martlet = await startMartlet(['dev', folder]);
  }, 120_000);

  afterAll(async () => {
    await martlet?.stop();
    if (folder !== undefined) await rm(folder, { recursive: true, force: true });
  });

  const shown = [...readme.matchAll(/```console\n\$ (.*)\n([\s\S]*?)```/g)].map(([, command = '', output = '']) => ({ command, output }));

  test('has something to try', () => {
    expect(shown.length).toBeGreaterThan(1);
  });

  test.each(shown)('$command prints what the README shows', async ({ command, output }) => {
    const { stdout } = await execute('bash', ['-c', command.replaceAll('http://127.0.0.1:8787', martlet.ready.url)]);
    expect(withoutIds(stdout.trim())).toBe(withoutIds(output.trim()));
  });

  function withoutIds(text: string): string {
    return text.replaceAll(/\b[0-9a-f]{20}\b/g, '<id>');
  }
});
