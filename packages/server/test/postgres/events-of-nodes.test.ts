/** Two servers on one database that are sent the same events. */
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';
import { laneName } from '../../src/drivers/postgres-store/lanes.ts';
import { createPostgresStore } from '../../src/drivers/postgres-store/postgres-store.ts';
import type { Store } from '../../src/ports/store.ts';
import { anEvent } from '../support/rows.ts';
import { suiteName } from '../support/suite-name.ts';
import { sharedPostgres, whyNoPostgres } from './shared-postgres.ts';

const skipped = whyNoPostgres();
const ROUNDS = 12;
const COUNT = 300;

describe.skipIf(skipped !== undefined)(suiteName('events of several nodes', skipped), () => {
  let stores: Store[] = [];
  beforeAll(async () => {
    const url = await (await sharedPostgres(inject('postgresFolder'))).createDatabase();
    stores = [createPostgresStore({ url }), createPostgresStore({ url })];
    for (const store of stores) await store.open();
  });
  afterAll(async () => {
    await Promise.all(stores.map((store) => store.close()));
  });

  it('are each new once, and none is refused, in whichever order the servers have them', async () => {
    for (let round = 0; round < ROUNDS; round += 1) {
      const rows = Array.from({ length: COUNT }, (_, index) => anEvent({ id: `r${round}-${index}` }));
      const [forwards = [], backwards = []] = await Promise.all([
        stores[0]?.events.append(rows),
        stores[1]?.events.append(rows.toReversed()),
      ]);
      expect(rows.map((_, index) => Number(forwards[index]) + Number(backwards[COUNT - 1 - index]))).toEqual(rows.map(() => 1));
    }
  });
});

it('a change that tells of itself waits for no batch of events', () => {
  const lanes = (['events.announce', 'events.append', 'events.dispatch'] as const).map(laneName);
  expect(new Set(lanes).size).toBe(3);
});
