/** Statements about the ledger. */
import type { DecisionStore, DecisionSubject, NewDecision } from '../../../ports/store/decision-store.ts';
import type { Database } from '../schema.ts';

const ROWS_AT_ONCE = 1000;

export async function appendDecisions(db: Database, batch: readonly NewDecision[]): Promise<void> {
  for (let at = 0; at < batch.length; at += ROWS_AT_ONCE) {
    await db
      .insertInto('decisions')
      .values(
        batch.slice(at, at + ROWS_AT_ONCE).map((decision) => ({
          at: decision.at,
          project_id: decision.projectId,
          subject: decision.subject,
          subject_id: decision.subjectId,
          code: decision.code,
          text: decision.text,
        })),
      )
      .execute();
  }
}

export async function listDecisions(db: Database, at: Parameters<DecisionStore['list']>[0]): Promise<readonly NewDecision[]> {
  const rows = await db
    .selectFrom('decisions')
    .selectAll()
    .where('subject_id', '=', at.subjectId)
    .where('subject', '=', at.subject)
    .where('project_id', '=', at.projectId)
    .orderBy('seq', 'desc')
    .limit(at.limit)
    .execute();
  return rows.toReversed().map((row) => ({
    at: row.at,
    projectId: row.project_id,
    subject: row.subject as DecisionSubject,
    subjectId: row.subject_id,
    code: row.code,
    text: row.text,
  }));
}

export async function deleteDecisionsBefore(db: Database, { time, limit }: { time: number; limit: number }): Promise<number> {
  const old = db.selectFrom('decisions').select('seq').where('at', '<', time).orderBy('at').limit(limit);
  const result = await db.deleteFrom('decisions').where('seq', 'in', old).executeTakeFirst();
  return Number(result.numDeletedRows);
}
