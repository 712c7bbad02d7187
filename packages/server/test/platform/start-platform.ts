/** A whole server in this process, on a folder of its own, with the shared fixtures to deploy. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { createPlatform, loadConfig, type Config, type Platform } from '@martlet/server';
import type { ExecutionResource } from '@martlet/protocol';

const FIXTURES = fileURLToPath(new URL('../../../../fixtures', import.meta.url));

export interface TestPlatform {
  readonly platform: Platform;
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
  /** Deploys a fixture under its own name, or the code of `options.code`. @returns its id */
  deploy(name: string, settings?: object): Promise<string>;
  /** Calls a function over HTTP. */
  call(path: string, init?: RequestInit): Promise<Response>;
  /** The record of an execution once it has ended. */
  recordOf(response: Response | string): Promise<ExecutionResource>;
  api(method: string, path: string, body?: unknown): Promise<{ status: number; body: unknown }>;
  close(): Promise<void>;
}

export async function startPlatform(change: Partial<Config> = {}): Promise<TestPlatform> {
  const data = mkdtempSync(join(tmpdir(), 'martlet-test-'));
  const config = loadConfig({ mode: 'dev', env: { PATH: process.env['PATH'] }, flags: { port: 0, data }, folder: data });
  const platform = await createPlatform({ ...config, logLevel: 'error', blanks: 1, drainSeconds: 0, ...change });
  const headers = { 'x-martlet-key': platform.apiKey ?? '', 'content-type': 'application/json' };

  const api: TestPlatform['api'] = async (method, path, body) => {
    const response = await fetch(platform.url + path, { method, headers, ...(body !== undefined && { body: JSON.stringify(body) }) });
    const text = await response.text();
    return { status: response.status, body: text === '' ? undefined : JSON.parse(text) };
  };

  return {
    platform,
    url: platform.url,
    headers,
    api,
    async deploy(name, settings = {}) {
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
      const { deployment, problems } = await platform.services.deployments.createFromFolder({
        fn,
        folder: FIXTURES,
        entrypoint: fn.entrypoint,
      });
      if (deployment.status !== 'ready') throw new Error(`Cannot build ${name}: ${JSON.stringify(problems)}`);
      return $id;
    },
    call: (path, init) => fetch(`${platform.url}/functions/${path}`, init),
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
      rmSync(data, { recursive: true, force: true });
    },
  };
}
