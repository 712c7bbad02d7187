/** What the load asked for and what it was answered, kept outside the servers: each line is on its way to the disk before the next step. */
import { appendFileSync } from 'node:fs';

export type Kind = 'work' | 'fails' | 'hangs' | 'keyed' | 'delayed' | 'idempotent' | 'event';

export interface Asked {
  /** In the path of the request, or the id of the event; for idempotent requests also their key. */
  readonly token: string;
  readonly kind: Kind;
  readonly at: number;
  /** Every answer that came: none when the connection broke. */
  readonly answers: { readonly status: number; readonly id: string; readonly at: number; readonly retryAfter: string | null }[];
}

export interface Journal {
  readonly entries: ReadonlyMap<string, Asked>;
  asked(token: string, kind: Kind): void;
  answered(token: string, answer: { readonly status: number; readonly id: string; readonly retryAfter: string | null }): void;
}

export const wasAccepted = ({ answers }: Asked): boolean => answers.some(({ status }) => status === 202);

export function createJournal(file: string): Journal {
  const entries = new Map<string, Asked>();
  const write = (line: object): void => appendFileSync(file, `${JSON.stringify(line)}\n`);
  return {
    entries,
    asked(token, kind) {
      const at = Date.now();
      write({ asked: token, kind, at });
      // The same token again is the same wish again.
      if (!entries.has(token)) entries.set(token, { token, kind, at, answers: [] });
    },
    answered(token, answer) {
      const at = Date.now();
      write({ answered: token, ...answer, at });
      entries.get(token)?.answers.push({ ...answer, at });
    },
  };
}
