/** `martlet migrate` and `martlet backup` as commands, killed in the middle. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import pg from 'pg';
import { afterAll, describe, expect, inject, it } from 'vitest';
import { createSqliteStore } from '../../src/drivers/sqlite-store/sqlite-store.ts';
import { sharedPostgres, whyNoPostgres } from '../postgres/shared-postgres.ts';
import { aDeployment, aFunction, anExecution, aProject } from '../support/rows.ts';
import { suiteName } from '../support/suite-name.ts';

const MARTLET = fileURLToPath(new URL('../../../cli/bin/martlet.mjs', import.meta.url));
const skipped = whyNoPostgres();
const server = skipped === undefined ? await sharedPostgres(inject('postgresFolder')) : { createDatabase: () => Promise.resolve('') };
const root = mkdtempSync(join(tmpdir(), 'martlet-cut-'));
afterAll(() => rmSync(root, { recursive: true, force: true }));
const silent = { debug: () => undefined, info: () => undefined, warn: () => undefined, error: () => undefined };
const ROWS = 20_000;

async function fill(data: string): Promise<void> {
  const store = createSqliteStore({ path: join(data, 'martlet.db'), log: silent });
  await store.open();
  await store.projects.ensure(aProject());
  await store.functions.insert(aFunction());
  await store.deployments.insert(aDeployment());
  for (let from = 0; from < ROWS; from += 1000)
    await store.executions.write(
      Array.from({ length: 1000 }, (_, index) => ({
        row: anExecution({ id: `e${from + index}` }),
        lines: [{ time: 1, level: 'info' as const, stream: 'logs' as const, text: `${from + index}` }],
      })),
    );
  await store.close();
}

function martlet(...args: string[]) {
  const child = spawn(process.execPath, [MARTLET, ...args, '--json', '--quiet'], {
    cwd: root,
    env: { PATH: process.env['PATH'], HOME: root },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let stdout = '';
  let stderr = '';
  child.stdout.setEncoding('utf8').on('data', (text: string) => (stdout += text));
  child.stderr.setEncoding('utf8').on('data', (text: string) => (stderr += text));
  const ended = once(child, 'close').then(([code]) => ({ code: code as number | null, stdout, stderr }));
  return { child, ended };
}

async function copiedRows(client: pg.Client): Promise<number> {
  const { rows: tables } = await client.query(`select 1 from pg_tables where tablename = 'copies'`);
  if (tables.length === 0) return 0;
  const { rows } = await client.query<{ n: number }>(
    'select (select count(*) from executions)::int + (select count(*) from execution_logs)::int as n',
  );
  return rows[0]?.n ?? 0;
}

describe.skipIf(skipped !== undefined)(suiteName('a copy that is killed', skipped), () => {
  it('goes on where it was, each time, and ends with all of it once', async () => {
    const data = mkdtempSync(join(root, 'data-'));
    await fill(data);
    const url = await server.createDatabase();
    const client = new pg.Client({ connectionString: url });
    await client.connect();
    const marks: number[] = [];
    for (let kill = 1; kill <= 4; kill += 1) {
      const { child, ended } = martlet('migrate', '--from', data, '--to', url);
      const before = await copiedRows(client);
      while (child.exitCode === null && (await copiedRows(client)) < before + 5000) await wait(10);
      child.kill('SIGKILL');
      const { code, stderr } = await ended;
      expect(code, stderr).toBeNull();
      marks.push(await copiedRows(client));
    }
    expect(marks).toEqual(marks.toSorted((a, b) => a - b));
    const { code, stdout, stderr } = await martlet('migrate', '--from', data, '--to', url).ended;
    expect(code, stderr).toBe(0);
    expect(JSON.parse(stdout)).toMatchObject({ was: 'resumed', tables: { executions: ROWS, execution_logs: ROWS } });
    const { rows } = await client.query('select count(distinct id)::int as ids, count(distinct seq)::int as seqs from executions');
    expect(rows).toEqual([{ ids: ROWS, seqs: ROWS }]);
    await client.end();
  });

  it('leaves no backup under its name', async () => {
    const data = mkdtempSync(join(root, 'data-'));
    await fill(data);
    const file = join(mkdtempSync(join(root, 'backup-')), 'all.martlet');
    const { child, ended } = martlet('backup', file, '--data', data);
    while (child.exitCode === null && readdirSync(join(file, '..')).length === 0) await wait(2);
    child.kill('SIGKILL');
    const killed = await ended;
    expect(killed.code, killed.stderr).toBeNull();
    expect(readdirSync(join(file, '..'))).toEqual(['all.martlet.unfinished']);
    const again = await martlet('backup', file, '--data', data).ended;
    expect(again.code, again.stderr).toBe(0);
    expect(readdirSync(join(file, '..'))).toEqual(['all.martlet']);
    const restored = mkdtempSync(join(root, 'restored-'));
    expect(JSON.parse((await martlet('restore', file, '--data', restored).ended).stdout)).toMatchObject({ tables: { executions: ROWS } });
  });

  it('is wrong usage without a folder, and refused without a database', async () => {
    expect((await martlet('migrate').ended).code).toBe(2);
    const { code, stderr } = await martlet('migrate', '--from', root).ended;
    expect([code, stderr]).toEqual([1, expect.stringContaining('MARTLET_DATABASE_URL')]);
  });
});
