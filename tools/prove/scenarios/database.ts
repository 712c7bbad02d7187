/** PostgreSQL in trouble: restarted as after a crash, its sessions ended, its connections dead without a word. */
import { setTimeout as pause } from 'node:timers/promises';
import { queryDatabase } from '../../../packages/server/test/postgres/postgres-server.ts';
import { startLoad } from '../world/load.ts';
import { observe } from '../world/observe.ts';
import { createWorld, type World } from '../world/world.ts';
import { inWorld, type Scenario } from './scenario.ts';

const RECOVERED_WITHIN_MS = 5000;
const LEASE_MS = 15_000;

export const databaseTrouble: Scenario = {
  name: 'database-trouble',
  kind: 'postgres',
  run: ({ random, scale, say }) =>
    inWorld(createWorld({ kind: 'postgres' }), async (world) => {
      // Some run for long, so that the lease runs out under them.
      const load = startLoad(world, { random, msMax: 6000 });
      const further: string[] = [];
      const rounds = Math.max(1, Math.round(scale / 8));
      for (let round = 0; round < rounds; round += 1) {
        for (const [name, fault] of Object.entries(FAULTS)) {
          await pause(1500);
          await fault(world);
          const took = await recovery(world);
          say(`${name}: accepts again after ${took} ms`);
          if (took > RECOVERED_WITHIN_MS) further.push(`${name}: it took ${took} ms until work was accepted again`);
        }
      }
      await load.stop();
      const faults = rounds * Object.keys(FAULTS).length;
      return { faults, kills: 0, further, observations: await observe(world, { calm: false, frozen: [] }) };
    }),
};

const FAULTS: Readonly<Record<string, (world: World) => Promise<void>>> = {
  async 'immediate restart'({ database }) {
    await database?.stop('immediate');
    await pause(500);
    await database?.start();
  },
  async 'sessions ended'({ database }) {
    const url = `postgres://martlet@127.0.0.1:${database?.port}/postgres`;
    for (let time = 0; time < 5; time += 1) {
      await queryDatabase(url, `select pg_terminate_backend(pid) from pg_stat_activity where application_name like 'martlet%'`);
      await pause(200);
    }
  },
  /** Longer than a lease: every server has to give up what it had taken, and nothing may end by that. */
  async 'away for long'({ database }) {
    await database?.stop('fast');
    await pause(LEASE_MS + 3000);
    await database?.start();
  },
  async 'connections half open'({ way }) {
    way?.cutHalf();
    await pause(RECOVERED_WITHIN_MS);
  },
};

/** Milliseconds until an execution is accepted. */
async function recovery(world: World): Promise<number> {
  const started = Date.now();
  for (;;) {
    const token = `recovery-${started}-${Date.now()}`;
    world.journal.asked(token, 'work');
    const answer = await world
      .ask('POST', `/v1/functions/${world.functions['work']}/executions`, { body: { async: true, path: `/?token=${token}` } })
      .catch(() => undefined);
    if (answer !== undefined) {
      const { $id: id = '' } = (await answer.json()) as { $id?: string };
      world.journal.answered(token, { status: answer.status, id, retryAfter: answer.headers.get('retry-after') });
      if (answer.status === 202) return Date.now() - started;
    }
    if (Date.now() - started > 60_000) return Date.now() - started;
    await pause(100);
  }
}
