/** `martlet login` without a key: a terminal waits in one process, a person allows it in a real browser. */
import { spawn, spawnSync } from 'node:child_process';
import { createInterface } from 'node:readline';
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { BrowserContext, Page, Response as PageResponse } from 'playwright-core';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
// @ts-expect-error a plain script, so that any Node from 18 on can run it
import { findChromium } from '../tools/install/ensure-chromium.mjs';
import { launchChromium } from './sdk/chromium-page.ts';
import { REPOSITORY, startMartlet, type Martlet } from './start-martlet.ts';

const MARTLET = join(REPOSITORY, 'packages/cli/bin/martlet.mjs');
const executable = findChromium() as string | undefined;

let folder = '';
let home = '';
let server: Martlet;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'martlet-e2e-login-'));
  await mkdir(join(folder, 'functions'));
  await writeFile(join(folder, 'functions/hello.ts'), `export default () => new Response('hello');\n`);
  server = await startMartlet(['dev', folder]);
  await (await server.call('hello')).text();
}, 240_000);
afterAll(async () => {
  await server?.stop();
  await rm(folder, { recursive: true, force: true });
});
beforeEach(async () => {
  home = await mkdtemp(join(tmpdir(), 'martlet-e2e-home-'));
});
afterEach(() => rm(home, { recursive: true, force: true }));

const environment = () => ({ PATH: process.env['PATH'], HOME: home });

function martlet(args: readonly string[], input = '') {
  return spawnSync(process.execPath, [MARTLET, ...args], { cwd: home, env: environment(), encoding: 'utf8', input });
}

interface CodeEvent {
  readonly event: 'code';
  readonly userCode: string;
  readonly verificationUrl: string;
  readonly verificationUrlComplete: string;
}

/** A terminal that waits for its login. */
async function waitingLogin(...args: string[]) {
  const child = spawn(process.execPath, [MARTLET, 'login', '--device', '--json', '--url', server.ready.url, ...args], {
    cwd: home,
    env: environment(),
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let errors = '';
  child.stderr.on('data', (chunk: Buffer) => (errors += chunk.toString()));
  const lines: Record<string, unknown>[] = [];
  const first = Promise.withResolvers<CodeEvent>();
  createInterface({ input: child.stdout }).on('line', (line) => {
    lines.push(JSON.parse(line) as Record<string, unknown>);
    if (lines.length === 1) first.resolve(JSON.parse(line) as CodeEvent);
  });
  const ended = new Promise<number | null>((resolve) => child.once('close', resolve));
  void ended.then(() => first.reject(new Error(`martlet login ended early: ${errors}`)));
  return { child, lines, ended, errors: () => errors, code: await first.promise };
}

describe('a person in Chromium', () => {
  let browser: { context: BrowserContext; close(): Promise<void> } | undefined;
  let page: Page;
  const said: string[] = [];
  beforeAll(async () => {
    if (executable === undefined) return;
    browser = await launchChromium(executable);
    page = await browser.context.newPage();
    page.on('console', (message) => said.push(message.text()));
  }, 120_000);
  afterAll(() => browser?.close());

  const title = () => page.locator('h1').innerText();

  test('types the code, sees who asks, and allows it', async ({ skip }) => {
    if (executable === undefined) return skip('no Chromium on this machine');
    const login = await waitingLogin('prod', '--scope', 'functions.read', 'executions.read');
    await page.goto(login.code.verificationUrl);
    await page.getByLabel('Code').fill(login.code.userCode.toLowerCase().replace('-', ''));
    await page.getByRole('button', { name: 'Continue' }).click();
    const shown = await page.locator('main').innerText();
    for (const text of [login.code.userCode, 'functions.read', 'executions.read', server.ready.project, '127.0.0.1', 'just now'])
      expect(shown).toContain(text);

    await page.getByLabel('Your API key').fill('mk_not-a-key-at-all');
    await page.getByRole('button', { name: 'Allow' }).click();
    expect(await page.getByRole('alert').innerText()).toContain('does not know this key');
    await page.getByLabel('Your API key').fill(server.ready.apiKey);
    await page.getByRole('button', { name: 'Allow' }).click();
    expect(await title()).toBe('Allowed');
    expect(await login.ended, login.errors()).toBe(0);

    expect(login.lines.map(({ event }) => event)).toEqual(['code', 'stored']);
    expect(login.lines[1]).toMatchObject({ context: 'prod', url: server.ready.url, scopes: ['functions.read', 'executions.read'] });
    const { contexts } = JSON.parse(await readFile(join(home, '.config/martlet/contexts.json'), 'utf8'));
    expect(contexts.prod.apiKey).toMatch(/^mk_/);
    expect(contexts.prod.apiKey).not.toBe(server.ready.apiKey);
    for (const secret of [contexts.prod.apiKey, server.ready.apiKey])
      expect(JSON.stringify(login.lines) + login.errors()).not.toContain(secret);
    const list = martlet(['functions', 'list']);
    expect([list.status, list.stdout]).toEqual([0, expect.stringContaining('hello')]);
    expect(martlet(['keys', 'list']).stderr).toContain('keys.read');
    // Of the wrong key; of what the page may load, nothing was refused.
    expect(said).toEqual([expect.stringContaining('status of 403')]);
  }, 120_000);

  test('denies it, and the terminal says so', async ({ skip }) => {
    if (executable === undefined) return skip('no Chromium on this machine');
    const login = await waitingLogin();
    await page.goto(login.code.verificationUrlComplete);
    await page.getByLabel('Your API key').fill(server.ready.apiKey);
    await page.getByRole('button', { name: 'Deny' }).click();
    expect(await title()).toBe('Denied');
    expect([await login.ended, login.errors()]).toEqual([1, expect.stringContaining('login_denied')]);
    expect(JSON.parse(martlet(['context', 'list', '--json']).stdout).total).toBe(0);
    await page.goto(login.code.verificationUrlComplete);
    expect(await page.getByRole('alert').innerText()).toContain('No terminal waits');
  }, 120_000);

  test('needs no script, and no other page can hold or send the form', async ({ skip }) => {
    if (browser === undefined) return skip('no Chromium on this machine');
    const login = await waitingLogin();
    const hostile = await browser.context.newPage();
    const target = login.code.verificationUrlComplete;
    const frame = `<iframe src="${target}"></iframe>`;
    const form = `<form method="post" action="${login.code.verificationUrl}"><input name="code" value="${login.code.userCode}"><input name="key" value="${server.ready.apiKey}"><button name="decision" value="allow">x</button></form>`;
    const answered: PageResponse[] = [];
    hostile.on('response', (response) => answered.push(response));
    await hostile.route('http://evil.example/', (route) => route.fulfill({ contentType: 'text/html', body: frame + form }));
    await hostile.goto('http://evil.example/');
    expect(await hostile.frames()[1]?.content()).not.toContain(login.code.userCode);
    await hostile.getByRole('button').click();
    expect(await hostile.getByRole('alert').innerText()).toContain('did not come from this page');
    expect(answered.find((response) => response.request().method() === 'POST')?.status()).toBe(403);
    await hostile.close();
    login.child.kill('SIGINT');
    expect([await login.ended, login.errors()]).toEqual([1, expect.stringContaining('Nothing was stored')]);
  }, 120_000);
});

test('without a person at the terminal the command says what to do instead', () => {
  const refused = martlet(['login', '--url', server.ready.url]);
  expect(refused.status).toBe(2);
  for (const way of ['--key', '< key.txt', '--device', 'MARTLET_API_KEY']) expect(refused.stderr).toContain(way);
  expect(martlet(['login', '--device', '--key', 'mk_0123456789']).stderr).toContain('--device and --key at once');
  expect(martlet(['login', '--device', '--scope', 'root']).stderr).toContain('"root"');
  expect(martlet(['login', '--device', '--url', 'http://127.0.0.1:1']).status).toBe(1);
});
