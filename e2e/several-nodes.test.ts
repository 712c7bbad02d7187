/** Three servers on one PostgreSQL: one is killed in the middle, the database goes away and comes back. */
import { execFile } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { cp, mkdir, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';
import type { ExecutionResource } from '@martlet/protocol';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import {
  createPostgresServer,
  findPostgres,
  queryDatabase,
  type PostgresServer,
} from '../packages/server/test/postgres/postgres-server.ts';
import { suiteName } from '../packages/server/test/support/suite-name.ts';
import { REPOSITORY, startMartlet, type Martlet } from './start-martlet.ts';

const LAUNCHER = join(REPOSITORY, 'packages/cli/bin/martlet.mjs');
const found = findPostgres();
const skipped = 'missing' in found ? found.missing : undefined;
const ACCEPTED = 60;
/** The lease of a dead node, and what its executions take again on a busy machine. */
const TAKEN_OVER_WITHIN_MS = 60_000;
const RECOVERED_WITHIN_MS = 5000;

let home: string;
let database: PostgresServer;
let url: string;
const nodes: Martlet[] = [];
let apiKey = '';
const vaultKey = randomBytes(32).toString('base64');

async function startNode(number: number): Promise<Martlet> {
  const node = await startMartlet(['serve'], {
    cwd: home,
    data: join(home, `node-${number}`),
    apiKey,
    env: {
      MARTLET_HOST: '127.0.0.1',
      MARTLET_SANDBOX_TIER: 'C',
      MARTLET_DATABASE_URL: url,
      MARTLET_VAULT_KEY: vaultKey,
      MARTLET_BLANKS: '1',
    },
  });
  nodes.push(node);
  return node;
}

/** The one of these nodes that has taken an execution. */
async function busyOne(candidates: readonly Martlet[]): Promise<Martlet> {
  const deadline = Date.now() + 10_000;
  while (Date.now() < deadline) {
    const busy = await queryDatabase<{ name: string }>(
      url,
      `select distinct nodes.name from executions join nodes on nodes.id = executions.node_id where queue = 'taken'`,
    );
    const node = candidates.find(({ ready }) => busy.some(({ name }) => name.endsWith(` ${ready.pid}`)));
    if (node !== undefined) return node;
    await sleep(20);
  }
  throw new Error('No other node took an execution');
}

function ask(node: Martlet, path: string, init: RequestInit = {}): Promise<Response> {
  const headers = { 'x-martlet-project': node.ready.project, 'x-martlet-key': apiKey, 'content-type': 'application/json' };
  return fetch(`${node.ready.url}/v1${path}`, { ...init, headers });
}

describe.skipIf(skipped !== undefined)(suiteName('three servers on one database', skipped), () => {
  beforeAll(async () => {
    home = await mkdtemp(join(tmpdir(), 'martlet-nodes-'));
    await mkdir(join(home, 'functions'));
    for (const name of ['echo', 'sleeps']) await cp(join(REPOSITORY, `fixtures/functions/${name}.ts`), join(home, `functions/${name}.ts`));
    database = await createPostgresServer({ fsync: true });
    url = await database.createDatabase();
    const first = await startNode(1);
    apiKey = first.ready.apiKey;
    await Promise.all([startNode(2), startNode(3)]);
    await promisify(execFile)(process.execPath, [LAUNCHER, 'deploy'], {
      cwd: home,
      env: { ...process.env, MARTLET_URL: first.ready.url, MARTLET_API_KEY: apiKey },
    });
  }, 180_000);
  afterAll(async () => {
    await Promise.all(nodes.map((node) => node.stop()));
    await database?.destroy();
    await rm(home, { recursive: true, force: true });
  }, 120_000);

  test('every accepted execution completes, though the node that runs some of them is killed', async () => {
    const [one, ...others] = nodes;
    if (one === undefined) throw new Error('There are no nodes');
    const list = (await (await ask(one, '/functions')).json()) as { functions: { $id: string; name: string }[] };
    const id = list.functions.find(({ name }) => name === 'sleeps')?.$id;
    const accepted = await Promise.all(
      Array.from({ length: ACCEPTED }, async (_, index) => {
        const node = nodes[index % nodes.length] ?? one;
        const answer = await ask(node, `/functions/${id}/executions`, {
          method: 'POST',
          body: JSON.stringify({ async: true, path: '/?ms=3000', method: 'GET' }),
        });
        expect(answer.status).toBe(202);
        return ((await answer.json()) as ExecutionResource).$id;
      }),
    );
    const victim = await busyOne(others);
    process.kill(victim.ready.pid, 'SIGKILL');
    await victim.ended;
    const deadline = Date.now() + TAKEN_OVER_WITHIN_MS;
    const open = new Set(accepted);
    while (open.size > 0 && Date.now() < deadline) {
      for (const execution of open) {
        const record = (await (await ask(one, `/executions/${execution}`)).json()) as ExecutionResource;
        if (record.status === 'failed') throw new Error(`${execution} failed: ${JSON.stringify(record)}`);
        if (record.status === 'completed') open.delete(execution);
      }
      await sleep(200);
    }
    expect([...open]).toEqual([]);
    // What the killed one had was run a second time, by another.
    const again = await queryDatabase<{ nodes: number }>(
      url,
      'select count(distinct node_id)::int as nodes from execution_attempts group by execution_id having count(*) > 1',
    );
    expect(again.length).toBeGreaterThan(0);
    expect(new Set(again.map((row) => row.nodes))).toEqual(new Set([2]));
  }, 120_000);

  test('warm functions answer while the database is away, the rest says when to come back, and all is well once it is', async () => {
    const alive = await queryDatabase<{ name: string }>(url, 'select name from nodes');
    const [one, two] = nodes.filter(({ ready }) => alive.some(({ name }) => name.endsWith(` ${ready.pid}`)));
    if (one === undefined || two === undefined) throw new Error('There are no nodes');
    for (const node of [one, two]) expect((await node.call('echo')).status).toBe(200);
    await database.stop('immediate');
    expect((await one.call('echo')).status).toBe(200);
    const away = await ask(one, '/functions');
    expect([away.status, away.headers.get('retry-after')]).toEqual([503, '1']);
    await database.start();
    const back = Date.now();
    for (const node of [one, two]) {
      for (let status = 0; status !== 200; await sleep(50)) status = (await ask(node, '/functions')).status;
    }
    expect(Date.now() - back).toBeLessThan(RECOVERED_WITHIN_MS);
    expect(await one.executionOf(await one.call('echo'))).toMatchObject({ status: 'completed' });
  }, 60_000);
});
