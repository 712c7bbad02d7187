/** graphile-worker as it is by default, with as many workers and connections as the others have. */
import pg from 'pg';
import { Logger, run } from 'graphile-worker';
import { clients, clockNow, runRound, url, workers } from './round.mjs';

const lags = [];
const runner = await run({
  connectionString: url,
  concurrency: workers,
  maxPoolSize: clients,
  noHandleSignals: true,
  logger: new Logger(() => (level, message) => {
    if (level === 'error' || level === 'warning') console.error(message);
  }),
  taskList: {
    hello: async ({ sentAt }) => {
      lags.push(clockNow() - sentAt);
    },
  },
});

const client = new pg.Client({ connectionString: url });
await client.connect();
await runRound(
  {
    enqueue: (data) => runner.addJob('hello', data),
    async left() {
      const { rows } = await client.query('select count(*)::int as left from graphile_worker._private_jobs');
      return rows[0].left;
    },
  },
  lags,
);
await client.end();
await runner.stop();
