/**
 * One PostgreSQL for all tests of a run, started when the first of them asks for it: a test makes a file in the folder
 * of the run, the process of the run starts the server and answers with another file.
 */
import { existsSync, mkdtempSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import pg from 'pg';
import type { TestProject } from 'vitest/node';
import { createPostgresServer, findPostgres, type PostgresServer } from './postgres-server.ts';

declare module 'vitest' {
  interface ProvidedContext {
    postgresFolder: string;
  }
}

type Reply = { readonly port: number } | { readonly problem: string };
const LOOK_MS = 100;
const ANSWER_MS_MAX = 90_000;

/** Of the process of the run: vitest calls it before all tests, and what it returns after them. */
export function setup(project: TestProject): () => Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), 'martlet-pg-run-'));
  project.provide('postgresFolder', folder);
  let starting: Promise<PostgresServer> | undefined;
  const timer = setInterval(() => {
    if (starting !== undefined || !existsSync(join(folder, 'wanted'))) return;
    starting = createPostgresServer({ fsync: false });
    starting.then(
      ({ port }) => reply(folder, { port }),
      (error: unknown) => reply(folder, { problem: error instanceof Error ? error.message : String(error) }),
    );
  }, LOOK_MS);
  return async () => {
    clearInterval(timer);
    await starting?.then(
      (server) => server.destroy(),
      () => undefined,
    );
    rmSync(folder, { recursive: true, force: true });
  };
}

function reply(folder: string, answer: Reply): void {
  writeFileSync(join(folder, 'reply.new'), JSON.stringify(answer));
  renameSync(join(folder, 'reply.new'), join(folder, 'reply'));
}

/** Why tests on PostgreSQL cannot run on this machine; undefined where they can. */
export function whyNoPostgres(): string | undefined {
  const found = findPostgres();
  return 'missing' in found ? found.missing : undefined;
}

/** A way to make empty databases on the server of this run. `folder`: what the run provides as `postgresFolder`. */
export async function sharedPostgres(folder: string): Promise<{ createDatabase(): Promise<string> }> {
  writeFileSync(join(folder, 'wanted'), '');
  const deadline = Date.now() + ANSWER_MS_MAX;
  while (!existsSync(join(folder, 'reply'))) {
    if (Date.now() > deadline) throw new Error('Cannot start PostgreSQL: the process of the test run did not answer');
    await wait(50);
  }
  const answer = JSON.parse(readFileSync(join(folder, 'reply'), 'utf8')) as Reply;
  if ('problem' in answer) throw new Error(answer.problem);
  const at = (database: string): string => `postgres://martlet@127.0.0.1:${answer.port}/${database}`;
  let count = 0;
  return {
    async createDatabase() {
      count += 1;
      const name = `test_${process.pid}_${count}_${Date.now().toString(36)}`;
      const client = new pg.Client({ connectionString: at('postgres') });
      await client.connect();
      await client.query(`create database ${name}`);
      await client.end();
      return at(name);
    },
  };
}
