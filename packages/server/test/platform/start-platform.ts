/** A whole server in this process, on a folder of its own, with the shared fixtures or a test's own code to deploy. */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { createPlatform, loadConfig, type Config, type Platform } from '@martlet/server';
import type { ExecutionResource } from '@martlet/protocol';

const FIXTURES = fileURLToPath(new URL('../../../../fixtures', import.meta.url));
/** A connection that the server was told to close stays open at most this long. */
const SEND_MS_MAX = 10_000;

export interface TestPlatform {
  readonly platform: Platform;
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
  /** Deploys a fixture under its own name. @returns its id */
  deploy(name: string, settings?: object): Promise<string>;
  /** Deploys one file of TypeScript that a test has written itself. @returns its id */
  deployCode(name: string, source: string, settings?: object): Promise<string>;
  /** Calls a function over HTTP. */
  call(path: string, init?: RequestInit): Promise<Response>;
  /** Sends bytes (Latin-1) as they are. @returns all that came until the server closed the connection; rejects when it keeps it open */
  send(bytes: string): Promise<string>;
  /** The record of an execution once it has ended. */
  recordOf(response: Response | string): Promise<ExecutionResource>;
  api(method: string, path: string, body?: unknown): Promise<{ status: number; body: unknown }>;
  close(): Promise<void>;
}

export async function startPlatform(change: Partial<Config> = {}): Promise<TestPlatform> {
  const data = mkdtempSync(join(tmpdir(), 'martlet-test-'));
  const code = mkdtempSync(join(tmpdir(), 'martlet-code-'));
  const config = loadConfig({ mode: 'dev', env: { PATH: process.env['PATH'] }, flags: { port: 0, data }, folder: data });
  const platform = await createPlatform({ ...config, logLevel: 'error', blanks: 1, drainSeconds: 0, ...change });
  const headers = { 'x-martlet-key': platform.apiKey ?? '', 'content-type': 'application/json' };

  const api: TestPlatform['api'] = async (method, path, body) => {
    const response = await fetch(platform.url + path, { method, headers, ...(body !== undefined && { body: JSON.stringify(body) }) });
    const text = await response.text();
    return { status: response.status, body: text === '' ? undefined : JSON.parse(text) };
  };

  async function deployFrom(folder: string, name: string, settings: object): Promise<string> {
    const created = await api('POST', '/v1/functions', {
      functionId: 'unique()',
      name,
      runtime: 'node-24',
      execute: ['any'],
      entrypoint: `functions/${name}.ts`,
      ...settings,
    });
    if (created.status !== 201) throw new Error(`Cannot create ${name}: ${JSON.stringify(created.body)}`);
    const { $id } = created.body as { $id: string };
    const fn = await platform.services.functions.row(platform.project, $id);
    const { deployment, problems } = await platform.services.deployments.createFromFolder({ fn, folder, entrypoint: fn.entrypoint });
    if (deployment.status !== 'ready') throw new Error(`Cannot build ${name}: ${JSON.stringify(problems)}`);
    return $id;
  }

  return {
    platform,
    url: platform.url,
    headers,
    api,
    deploy: (name, settings = {}) => deployFrom(FIXTURES, name, settings),
    deployCode(name, source, settings = {}) {
      const folder = join(code, name);
      const file = join(folder, 'functions', `${name}.ts`);
      mkdirSync(dirname(file), { recursive: true });
      writeFileSync(file, source);
      return deployFrom(folder, name, settings);
    },
    call: (path, init) => fetch(`${platform.url}/functions/${path}`, init),
    send: (bytes) => sendBytes(platform.port, bytes),
    async recordOf(response) {
      const id = typeof response === 'string' ? response : (response.headers.get('x-martlet-execution-id') ?? '');
      for (let tries = 0; tries < 400; tries += 1) {
        const { body } = await api('GET', `/v1/executions/${id}`);
        const record = body as ExecutionResource;
        if (record.status === 'completed' || record.status === 'failed') return record;
        await new Promise((resolve) => setTimeout(resolve, 25));
      }
      throw new Error(`The execution ${id} did not end`);
    },
    async close() {
      await platform.close();
      for (const folder of [data, code]) rmSync(folder, { recursive: true, force: true });
    },
  };
}

function sendBytes(port: number, bytes: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const socket = connect(port, '127.0.0.1', () => socket.write(bytes, 'latin1'));
    let answer = '';
    socket.setEncoding('latin1');
    socket.setTimeout(SEND_MS_MAX, () => socket.destroy(new Error(`The server kept the connection open after: ${answer}`)));
    socket.on('data', (part) => {
      answer += part;
    });
    socket.on('error', reject);
    socket.on('close', () => resolve(answer));
  });
}
