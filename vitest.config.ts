import { availableParallelism } from 'node:os';
import { defineConfig } from 'vitest/config';

export default defineConfig({
  test: {
    include: ['packages/*/{src,test}/**/*.test.ts', 'tools/**/*.test.ts', 'e2e/**/*.test.ts'],
    pool: 'forks',
    // Half of what the tests do is waiting: on two cores one file at a time leaves half of the machine idle.
    maxWorkers: Math.max(2, availableParallelism() - 1),
    globalSetup: ['packages/server/test/postgres/shared-postgres.ts'],
    testTimeout: 20_000,
    hookTimeout: 60_000,
  },
});
