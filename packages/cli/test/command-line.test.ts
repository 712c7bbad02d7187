/** The command as people start it: output, exit codes, what goes to which stream. */
import { spawnSync } from 'node:child_process';
import { mkdtemp, readFile, readdir, rm, writeFile } from 'node:fs/promises';
import { createServer, type AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { readProject } from '../src/project/read-project.ts';
import { styleFor, printable } from '../src/terminal/style.ts';
import { table } from '../src/terminal/table.ts';
import { ago, bytes, duration } from '../src/terminal/units.ts';

const MARTLET = fileURLToPath(new URL('../bin/martlet.mjs', import.meta.url));
let folder = '';
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'martlet-cli-'));
});
afterEach(() => rm(folder, { recursive: true, force: true }));

function martlet(...args: string[]) {
  const env = { PATH: process.env['PATH'], HOME: folder };
  return spawnSync(process.execPath, [MARTLET, ...args], { cwd: folder, env, encoding: 'utf8', input: '' });
}

/** An address that was free a moment ago, so that nobody listens there. */
async function closedAddress(): Promise<string> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  return `http://127.0.0.1:${port}`;
}

describe('exit codes and streams', () => {
  test('0 for the version and for help, on stdout', () => {
    const version = martlet('--version');
    expect([version.status, version.stdout.trim(), version.stderr]).toEqual([0, expect.stringMatching(/^\d+\.\d+\.\d+$/), '']);
    expect(martlet('deploy', '--help')).toMatchObject({ status: 0, stdout: expect.stringContaining('Usage: martlet deploy') });
  });

  test.each([
    [['frob']],
    [['functions', 'lst']],
    [['invoke']],
    [['deploy', '--nope']],
    [['invoke', '../x']],
    [['functions', 'list', '--url', 'x']],
    [['invoke', 'a', '--as', 'king']],
    [['dev', 'gone']],
    [['keys', 'create', 'k', '--scope', 'x']],
  ])('2 for wrong usage: %j', (args) => {
    const { status, stdout, stderr } = martlet(...args);
    expect([status, stdout]).toEqual([2, '']);
    expect(stderr).not.toBe('');
  });

  test('1 when no server answers, with what, why and the next command, and no stack', async () => {
    const url = await closedAddress();
    const { status, stdout, stderr } = martlet('functions', 'list', '--json', '--url', url);
    expect([status, stdout]).toEqual([1, '']);
    expect(stderr).toBe(
      `✗ Cannot reach ${url}: connection refused.\n  Next: Is the server running? Start it with martlet dev, or name another one with --url.\n`,
    );
  });

  test('1 for a project without functions, with what to do', () => {
    expect(martlet('deploy')).toMatchObject({ status: 1, stderr: expect.stringContaining('martlet init') });
  });

  test('2 for a name that the project does not have, with those it has', async () => {
    martlet('init');
    expect(martlet('deploy', 'helo')).toMatchObject({ status: 2, stderr: expect.stringContaining('hello, orders/create') });
  });
});

describe('init', () => {
  test('writes a project whose functions are found, and says what to do next', async () => {
    const { status, stderr, stdout } = martlet('init', 'my-app', '--json');
    expect(status).toBe(0);
    expect(JSON.parse(stdout)).toMatchObject({ written: expect.arrayContaining(['functions/hello.ts', '.gitignore']), kept: [] });
    expect(stderr).toContain('cd my-app');
    const project = await readProject(join(folder, 'my-app'));
    expect(project.functions.map((one) => one.name)).toEqual(['hello', 'orders/create']);
    expect(project.problems).toEqual([]);
    expect(await readFile(join(folder, 'my-app/.gitignore'), 'utf8')).toContain('.martlet');
  });

  test('never overwrites a file', async () => {
    await writeFile(join(folder, 'package.json'), '{"mine":true}');
    expect(martlet('init').status).toBe(0);
    expect(await readFile(join(folder, 'package.json'), 'utf8')).toBe('{"mine":true}');
    expect(await readdir(folder)).toContain('functions');
  });
});

describe('what a terminal is shown', () => {
  test('has colours only on a terminal, and none with NO_COLOR', () => {
    expect(styleFor({ isTTY: true }, {}).red('x')).toBe('\u001b[31mx\u001b[39m');
    expect(styleFor({ isTTY: true }, { NO_COLOR: '1' }).red('x')).toBe('x');
    expect(styleFor({}, {}).red('x')).toBe('x');
  });

  test('has no control characters that a function wrote', () => {
    expect(printable('a\u001b[31mred\u001b[0m b\u001b]0;title\u0007\rfake\u202etxt\ttab\nnext')).toBe(
      'ared b\ufffd]0;title\ufffd\ufffdfake\ufffdtxt\ttab\n    next',
    );
  });

  test('has aligned tables without blanks at the ends', () => {
    expect(
      table(
        ['name', 'ms'],
        [
          ['hello', '1.5 ms'],
          ['a', '12 ms'],
        ],
      ),
    ).toEqual(['NAME       MS', 'hello  1.5 ms', 'a       12 ms']);
    expect(table(['name', 'note'], [['a', '']])).toEqual(['NAME  NOTE', 'a']);
  });

  test('has numbers in the words of people', () => {
    expect([3.14, 42, 1420, 185_000].map(duration)).toEqual(['3.1 ms', '42 ms', '1.42 s', '3 min 5 s']);
    expect([812, 4100, 30_000_000].map(bytes)).toEqual(['812 B', '4.1 KB', '30.0 MB']);
    expect(ago('2026-01-01T00:00:00.000+00:00', Date.UTC(2026, 0, 1, 0, 5))).toBe('5 min ago');
    expect(ago('', 0)).toBe('');
  });
});
