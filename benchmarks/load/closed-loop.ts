/**
 * As many requests as a server can answer over 32 connections: by wrk where it is installed, else by a generator of our
 * own, which costs more of the machine but does not change what a request costs the server.
 */
import { execFile, spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { encodeRequest, openConnection, type RequestFacts } from './http-connection.ts';

export interface ClosedLoopResult {
  readonly requests: number;
  readonly seconds: number;
}

const CONNECTIONS = 32;
const run = promisify(execFile);
export const hasWrk: boolean = spawnSync('wrk', ['--version']).error === undefined;

/** @throws {Error} when any request failed: a rate of errors is no rate */
export function closedLoop(port: number, request: RequestFacts, seconds: number): Promise<ClosedLoopResult> {
  return hasWrk ? byWrk(port, request, seconds) : byOwnGenerator(port, request, seconds);
}

async function byWrk(port: number, { method, path, headers, body }: RequestFacts, seconds: number): Promise<ClosedLoopResult> {
  const folder = mkdtempSync(join(tmpdir(), 'martlet-wrk-'));
  const script = join(folder, 'request.lua');
  const all = body === undefined ? headers : { ...headers, 'content-type': 'application/json' };
  // JSON strings of ASCII are Lua strings too.
  const lines = [
    `wrk.method = ${JSON.stringify(method)}`,
    ...Object.entries(all).map(([name, value]) => `wrk.headers[${JSON.stringify(name)}] = ${JSON.stringify(value)}`),
  ];
  if (body !== undefined) lines.push(`wrk.body = ${JSON.stringify(body)}`);
  writeFileSync(script, lines.join('\n'));
  try {
    const { stdout } = await run('wrk', ['-t1', `-c${CONNECTIONS}`, `-d${seconds}s`, '-s', script, `http://127.0.0.1:${port}${path}`]);
    return readWrk(stdout);
  } finally {
    rmSync(folder, { recursive: true });
  }
}

function readWrk(text: string): ClosedLoopResult {
  const [, requests, amount, unit] = /(\d+) requests in ([\d.]+)(ms|s|m)/.exec(text) ?? [];
  const wrong = /Non-2xx or 3xx responses: \d+|Socket errors: .*/.exec(text)?.[0];
  if (requests === undefined || wrong !== undefined || Number(requests) === 0)
    throw new Error(`Cannot use a round of wrk: ${wrong ?? text}`);
  return { requests: Number(requests), seconds: Number(amount) * ({ ms: 0.001, s: 1, m: 60 }[unit ?? 's'] ?? 1) };
}

async function byOwnGenerator(port: number, facts: RequestFacts, seconds: number): Promise<ClosedLoopResult> {
  const request = encodeRequest(facts);
  const began = performance.now();
  let requests = 0;
  const one = async () => {
    const connection = openConnection(port);
    while (performance.now() - began < seconds * 1000) {
      const status = await new Promise<number>((done) => connection.send(request, done));
      if (status !== 200) throw new Error(`Cannot use a round: a request was answered with ${status}`);
      requests += 1;
    }
    connection.close();
  };
  await Promise.all(Array.from({ length: CONNECTIONS }, one));
  return { requests, seconds: (performance.now() - began) / 1000 };
}
