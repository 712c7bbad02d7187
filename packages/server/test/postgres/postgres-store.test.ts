import { inject } from 'vitest';
import { createPostgresStore } from '../../src/drivers/postgres-store/postgres-store.ts';
import { testStore } from '../conformance/store.ts';
import { sharedPostgres, whyNoPostgres } from './shared-postgres.ts';

const skipped = whyNoPostgres();
const server = skipped === undefined ? await sharedPostgres(inject('postgresFolder')) : undefined;
const urls = await Promise.all(Array.from({ length: 13 }, () => server?.createDatabase() ?? ''));

testStore({
  name: 'postgres-store',
  skipped,
  create: () => createPostgresStore({ url: urls.pop() ?? '' }),
});
