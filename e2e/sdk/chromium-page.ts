/** A page in a real browser, on an origin of its own, with the SDK and code of a test in it. */
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { build } from 'esbuild';
import { chromium, type BrowserContext, type Page } from 'playwright-core';

export interface ChromiumPage {
  readonly page: Page;
  /** What the page wrote to its console. */
  readonly said: string[];
  close(): Promise<void>;
}

const FLAGS = [
  '--no-sandbox',
  '--disable-gpu',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
];

export interface PageOptions {
  readonly executable: string;
  /** A module; what it sets on `window` is what the test calls. */
  readonly entry: string;
  /** Folder below which `@martlet/sdk` is installed. */
  readonly folder: string;
}

export async function openChromiumPage({ executable, entry, folder }: PageOptions): Promise<ChromiumPage> {
  const script = await bundle(entry, folder);
  const server = createServer((request, response) => {
    if (request.url === '/page.js') response.writeHead(200, { 'content-type': 'text/javascript' }).end(script);
    else response.writeHead(200, { 'content-type': 'text/html' }).end('<!doctype html><script type="module" src="/page.js"></script>');
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { context, close } = await launchChromium(executable);
  const said: string[] = [];
  const page = await context.newPage();
  page.on('console', (message) => said.push(message.text()));
  page.on('pageerror', (error) => said.push(String(error)));
  await page.goto(`http://127.0.0.1:${(server.address() as AddressInfo).port}/`);
  return {
    page,
    said,
    async close() {
      await close();
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

/** A browser with a profile of its own. */
export async function launchChromium(executable: string): Promise<{ context: BrowserContext; close(): Promise<void> }> {
  const data = await mkdtemp(join(tmpdir(), 'martlet-chromium-'));
  const context = await chromium.launchPersistentContext(data, { executablePath: executable, headless: true, args: FLAGS });
  return {
    context,
    async close() {
      await context.close();
      await rm(data, { recursive: true, force: true });
    },
  };
}

async function bundle(entry: string, folder: string): Promise<string> {
  const { outputFiles } = await build({
    stdin: { contents: entry, resolveDir: folder, loader: 'ts' },
    bundle: true,
    format: 'esm',
    platform: 'browser',
    write: false,
  });
  return outputFiles[0]?.text ?? '';
}
