import { defineConfig } from 'vitest/config';

export default defineConfig({
  test: {
    include: ['packages/*/{src,test}/**/*.test.ts', 'tools/**/*.test.ts', 'e2e/**/*.test.ts'],
    pool: 'forks',
    globalSetup: ['packages/server/test/postgres/shared-postgres.ts'],
    testTimeout: 20_000,
    hookTimeout: 60_000,
  },
});
