/** pg-boss with what its makers offer for speed: workers are notified, and ask on at once while there is more. */
import pg from 'pg';
import { PgBoss } from 'pg-boss';
import { clients, clockNow, runRound, url, workers } from './round.mjs';

const QUEUE = 'hello';
const boss = new PgBoss({ connectionString: url, max: clients, useListenNotify: true });
boss.on('error', (error) => console.error(error));
await boss.start();
await boss.createQueue(QUEUE, { notify: true });
const lags = [];
await boss.work(QUEUE, { localConcurrency: workers, pollingIntervalSeconds: 0.5, burstWhenBatchFull: true }, async (batch) => {
  for (const { data } of batch) lags.push(clockNow() - data.sentAt);
});

const client = new pg.Client({ connectionString: url });
await client.connect();
await runRound(
  {
    enqueue: (data) => boss.send(QUEUE, data),
    async left() {
      const { rows } = await client.query(`select count(*)::int as left from pgboss.job where name = $1 and state < 'completed'`, [QUEUE]);
      return rows[0].left;
    },
  },
  lags,
);
await client.end();
await boss.stop({ graceful: true, timeout: 5000 });
