/** What the database says about executions that ran. */
import { setTimeout as wait } from 'node:timers/promises';
import type { DatabaseView } from '../../hosts/database.ts';

const LOOK_MS = 5;
const DONE_MS_MAX = 300_000;

/** Resolves when none waits or runs. Two seeks in partial indexes: looking costs next to nothing. */
export async function untilDone(view: DatabaseView): Promise<void> {
  const deadline = performance.now() + DONE_MS_MAX;
  for (;;) {
    const open = await view.rows(
      "select 1 as open from executions where queue = 'ready' union all select 1 from executions where queue = 'taken' limit 1",
    );
    if (open.length === 0) return;
    if (performance.now() > deadline) throw new Error('Cannot use a round: it does not end');
    await wait(LOOK_MS);
  }
}

/** Number of the newest log line. */
export async function lastLine(view: DatabaseView): Promise<number> {
  const [row] = await view.rows<{ last: number | null }>('select max(seq) as last from execution_logs');
  return Number(row?.last ?? 0);
}

/** What `functions/lag.ts` has written since. @throws {Error} when it is not as many as it must be */
export async function readLags(view: DatabaseView, { after, count }: { after: number; count: number }): Promise<number[]> {
  const written = await view.rows<{ lines: string }>(`select lines from execution_logs where seq > ${after}`);
  const lags = written.flatMap(({ lines }) => (JSON.parse(lines) as { text: string }[]).map(({ text }) => Number(text)));
  if (lags.length !== count || lags.some(Number.isNaN)) throw new Error(`Cannot use a round: ${lags.length} of ${count} lags were written`);
  return lags;
}
