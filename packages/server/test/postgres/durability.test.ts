import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { describeDurability, judge } from '../../src/drivers/postgres-connection/describe-durability.ts';
import { suiteName } from '../support/suite-name.ts';
import { createPostgresServer, type PostgresServer } from './postgres-server.ts';
import { whyNoPostgres } from './shared-postgres.ts';

const skipped = whyNoPostgres();
const safe = { fsync: 'on', full_page_writes: 'on', session_commit: 'on', standbys: '', streaming: 0 };
const stateOf = (facts: Partial<typeof safe>, feature: string) =>
  judge({ ...safe, ...facts }).find((check) => check.feature === `database ${feature}`);

describe('the durability of a database', () => {
  it('is judged by each setting that a crash or a failover depends on', () => {
    expect(judge(safe).map(({ state }) => state)).toEqual(['good', 'good', 'good', 'good']);
    expect(stateOf({ fsync: 'off' }, 'fsync')).toMatchObject({ state: 'broken' });
    expect(stateOf({ full_page_writes: 'off' }, 'full_page_writes')).toMatchObject({ state: 'weak' });
    expect(stateOf({ session_commit: 'off' }, 'synchronous_commit')).toMatchObject({ state: 'broken' });
    expect(stateOf({ streaming: 2 }, 'standbys')).toMatchObject({ state: 'weak', detail: expect.stringContaining('2 asynchronous') });
    expect(stateOf({ standbys: 'ANY 1 (a, b)', streaming: 2 }, 'standbys')).toMatchObject({
      state: 'good',
      detail: expect.stringContaining('ANY 1 (a, b)'),
    });
  });
});

describe.skipIf(skipped !== undefined)(suiteName('the durability of a real database', skipped), () => {
  let server: PostgresServer;
  beforeAll(async () => {
    server = await createPostgresServer({ fsync: false });
  });
  afterAll(() => server?.destroy());

  it('is told from the server, without the password, and says why where there is none', async () => {
    const url = await server.createDatabase();
    const checks = await describeDurability(url.replace('martlet@', 'martlet:secret-word@'));
    const states = Object.fromEntries(checks.map(({ feature, state }) => [feature, state]));
    expect(states).toEqual({
      database: 'good',
      'database fsync': 'broken',
      'database full_page_writes': 'weak',
      'database synchronous_commit': 'good',
      'database standbys': 'good',
    });
    expect(JSON.stringify(checks)).not.toContain('secret-word');
    await server.stop('fast');
    await expect(describeDurability(url)).resolves.toMatchObject([{ feature: 'database', state: 'broken' }]);
    await expect(describeDurability('mysql://x')).rejects.toMatchObject({ code: 'config_invalid' });
  });
});
