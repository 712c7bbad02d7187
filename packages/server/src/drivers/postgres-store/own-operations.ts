/** Operations whose statement for every dialect is not right with several writers: PostgreSQL has its own. */
import { sql, type RawBuilder } from 'kysely';
import { belongings, endedBefore, ownedBy, projectsWithEnded } from '../sql/executions.ts';
import type { InputOf, OperationName, ResultOf } from '../sql/operations.ts';
import type { Database } from '../sql/schema.ts';

type OwnOperations = { readonly [Name in OperationName]?: (db: Database, input: InputOf<Name>) => Promise<ResultOf<Name>> };

export const ownOperations: OwnOperations = {
  'functions.deleteExecutions': (db, at) =>
    deleteExecutions(db, sql`${sql.join(ownedBy(at.projectId, at.id), sql` and `)} order by created_at, seq limit ${at.limit}`),
  'executions.deleteEndedBefore': async (db, at) =>
    deleteExecutions(db, endedBefore(sql`project_key = any(${await projectsWithEnded(db, at)}::bigint[])`, at)),
};

/** Chosen once, for executions and their belongings alike, and past those that another node is deleting. */
async function deleteExecutions(db: Database, choice: RawBuilder<unknown>): Promise<number> {
  const others = belongings.map(
    (table) => sql`${sql.ref(`from_${table}`)} as (delete from ${sql.table(table)} where execution_id in (select id from chosen))`,
  );
  const result = await sql`
    with chosen as (select id from executions where ${choice} for update skip locked), ${sql.join(others)}
    delete from executions where id in (select id from chosen)`.execute(db);
  return Number(result.numAffectedRows ?? 0);
}
