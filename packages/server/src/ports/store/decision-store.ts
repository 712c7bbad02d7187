/**
 * The ledger of why something ran, or did not: one short line per decision about an execution, a schedule's tick, an
 * event or a webhook, written in the commit that carries the decision out.
 */
export type DecisionSubject = 'execution' | 'schedule' | 'event' | 'webhook';

export interface NewDecision {
  readonly at: number;
  readonly projectId: string;
  readonly subject: DecisionSubject;
  readonly subjectId: string;
  /** One word of `decisionCodes`. */
  readonly code: string;
  /** The particulars, for people. */
  readonly text: string;
}

export interface DecisionStore {
  append(batch: readonly NewDecision[]): Promise<void>;
  /** In the order in which they were taken, the newest `limit`. */
  list(at: {
    readonly projectId: string;
    readonly subject: DecisionSubject;
    readonly subjectId: string;
    readonly limit: number;
  }): Promise<readonly NewDecision[]>;
  /** @returns how many */
  deleteBefore(time: number, limit: number): Promise<number>;
}
