/** Martlet as it is used: started by its command, deployed to through its API. Nothing is switched off. */
import { readFileSync } from 'node:fs';
import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { packTar } from 'modern-tar';
import { gzipSync } from 'node:zlib';
import { startServer } from './child-server.ts';
import type { Contender } from './peers.ts';

export interface Martlet {
  readonly pid: number;
  readonly port: number;
  readonly url: string;
  readonly project: string;
  readonly apiKey: string;
  readonly tier: string;
  readonly startMs: number;
  readonly dataDir: string;
  /** Creates a function and returns its id. */
  create(name: string): Promise<string>;
  /** Uploads a deployment that shall become active, without waiting for its build. Returns its id. */
  upload(functionId: string, archive: Uint8Array<ArrayBuffer>): Promise<string>;
  /** Resolves when the build of a deployment is ready. @throws {Error} when it fails */
  built(functionId: string, deploymentId: string): Promise<void>;
  /** Creates and deploys a function. Returns its id. */
  deploy(name: string, source: string): Promise<string>;
  /** Asks the control API. @throws {Error} for any other answer than 2xx */
  ask<T>(method: string, path: string, body?: object): Promise<T>;
  /** The function as a contender; its requests carry the API key. */
  contender(name: string): Contender;
  /** Stops the server and keeps its data. */
  stop(): Promise<void>;
}

export interface MartletOptions {
  /** Data folder of a former server, with the key that it gave out. Default: a new one. */
  readonly dataDir?: string;
  readonly apiKey?: string;
  /** Settings beyond the defaults. */
  readonly env?: Readonly<Record<string, string>>;
  /** Folder of another checkout, with its packages installed, to start in place of this one. */
  readonly checkout?: string;
}

interface ReadyLine {
  readonly url: string;
  readonly project: string;
  readonly apiKey?: string;
  readonly tier: string;
}

const CHECKOUT = fileURLToPath(new URL('../..', import.meta.url));
const COMMAND = 'packages/cli/bin/martlet.mjs';
const BUILD_MS_MAX = 60_000;

export const helloSource = readFileSync(new URL('../functions/hello.ts', import.meta.url), 'utf8');
export const lagSource = readFileSync(new URL('../functions/lag.ts', import.meta.url), 'utf8');
export const streamSource = readFileSync(new URL('../functions/stream.ts', import.meta.url), 'utf8');

export async function startMartlet(options: MartletOptions = {}): Promise<Martlet> {
  const dataDir = options.dataDir ?? (await mkdtemp(join(tmpdir(), 'martlet-bench-')));
  await mkdir(dataDir, { recursive: true });
  const server = await startServer({
    command: process.execPath,
    args: [join(options.checkout ?? CHECKOUT, COMMAND), 'serve', '--json', '--host', '127.0.0.1', '--port', '0', '--data', dataDir],
    // The command keeps its first key in the folder where it runs.
    cwd: dataDir,
    env: options.env ?? {},
    ready: readReadyLine,
  });
  const { url, project, tier } = server.ready;
  const apiKey = options.apiKey ?? server.ready.apiKey;
  if (apiKey === undefined) throw new Error('Cannot use the server: its ready line has no API key, and none was given');
  const api = createApi({ url, project, apiKey });
  const port = Number(new URL(url).port);
  return {
    pid: server.pid,
    port,
    url,
    project,
    apiKey,
    tier,
    startMs: server.startMs,
    dataDir,
    ...api,
    contender: (name) => ({
      name: 'martlet',
      pid: server.pid,
      port,
      path: `/functions/${name}`,
      headers: { 'x-martlet-key': apiKey },
      stop: () => server.stop(),
    }),
    stop: () => server.stop(),
  };
}

export async function removeData(martlet: Martlet): Promise<void> {
  await martlet.stop();
  await rm(martlet.dataDir, { recursive: true, force: true });
}

/** The archive of a deployment with one file, `index.ts`. */
export async function packSource(source: string): Promise<Uint8Array<ArrayBuffer>> {
  const tar = await packTar([{ header: { name: 'index.ts', size: Buffer.byteLength(source), mode: 0o644 }, body: source }]);
  return new Uint8Array(gzipSync(tar, { level: 1 }));
}

function readReadyLine(line: string): ReadyLine | undefined {
  const message = JSON.parse(line) as ReadyLine & { event?: string };
  return message.event === 'ready' ? message : undefined;
}

function createApi(connection: {
  url: string;
  project: string;
  apiKey: string;
}): Pick<Martlet, 'create' | 'upload' | 'built' | 'deploy' | 'ask'> {
  async function ask<T>(method: string, path: string, body?: FormData | object): Promise<T> {
    const form = body instanceof FormData;
    const headers = {
      'x-martlet-project': connection.project,
      'x-martlet-key': connection.apiKey,
      ...(form ? {} : { 'content-type': 'application/json' }),
    };
    const response = await fetch(`${connection.url}/v1${path}`, {
      method,
      headers,
      body: body === undefined ? null : form ? body : JSON.stringify(body),
    });
    if (!response.ok) throw new Error(`${method} ${path} answered ${response.status}: ${await response.text()}`);
    return (await response.json()) as T;
  }
  async function create(name: string): Promise<string> {
    const created = await ask<{ $id: string }>('POST', '/functions', {
      functionId: 'unique()',
      name,
      path: name,
      runtime: 'node-24',
      execute: [],
      entrypoint: 'index.ts',
      commands: '',
    });
    return created.$id;
  }
  async function upload(functionId: string, archive: Uint8Array<ArrayBuffer>): Promise<string> {
    const form = new FormData();
    form.set('entrypoint', 'index.ts');
    form.set('activate', 'true');
    form.set('code', new File([archive], 'code.tar.gz', { type: 'application/gzip' }));
    return (await ask<{ $id: string }>('POST', `/functions/${functionId}/deployments`, form)).$id;
  }
  async function built(functionId: string, deploymentId: string): Promise<void> {
    const deadline = performance.now() + BUILD_MS_MAX;
    for (;;) {
      const { status, buildLogs } = await ask<{ status: string; buildLogs: string }>(
        'GET',
        `/functions/${functionId}/deployments/${deploymentId}`,
      );
      if (status === 'ready') return;
      if (status === 'failed' || status === 'canceled') throw new Error(`The build of ${functionId} ${status}: ${buildLogs}`);
      if (performance.now() > deadline) throw new Error(`The build of ${functionId} is still ${status} after ${BUILD_MS_MAX} ms`);
      await wait(5);
    }
  }
  return {
    ask,
    create,
    upload,
    built,
    async deploy(name, source) {
      const functionId = await create(name);
      await built(functionId, await upload(functionId, await packSource(source)));
      return functionId;
    },
  };
}
