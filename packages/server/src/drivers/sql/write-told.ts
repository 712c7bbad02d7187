/** The write of executions with events that tell of them: the way for projects where somebody listens to executions. */
import { sql } from 'kysely';
import type { ExecutionWrite } from '../../ports/store.ts';
import { appendExecution, changingExecutionColumns, executionColumns } from './executions.ts';
import type { Cell } from './row-codec.ts';
import type { Database } from './schema.ts';
import { appendEvents } from './triggers/append-events.ts';

const columns = sql.join(executionColumns.map((column) => sql.ref(column)));
const changes = sql.raw(changingExecutionColumns.map((column) => `${column} = excluded.${column}`).join(', '));

export async function writeTold(db: Database, batch: readonly ExecutionWrite[]): Promise<void> {
  const written: ExecutionWrite[] = [];
  for (const write of batch) {
    const { row, lines, serverId = null } = write;
    const cells: Cell[] = [];
    appendExecution(cells, row);
    const { numAffectedRows = 0n } = await sql`insert into executions (${columns}, node_id) values (${sql.join([...cells, serverId])})
      on conflict (id) do update set ${changes}
      where executions.status not in ('completed', 'failed')`.execute(db);
    if (numAffectedRows === 0n) continue;
    written.push(write);
    if (lines.length > 0)
      await db
        .insertInto('execution_logs')
        .values({ execution_id: row.id, lines: JSON.stringify(lines) })
        .execute();
  }
  await appendEvents(
    db,
    written.flatMap(({ told = [] }) => told),
  );
}
