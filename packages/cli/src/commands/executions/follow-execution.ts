/** What was accepted, and what became of it, for the commands that start executions. */
import { setTimeout as sleep } from 'node:timers/promises';
import type { ExecutionResource } from '@martlet/protocol';
import type { ApiClient } from '../../api/api-client.ts';
import { remedyOf } from '../../cli-error.ts';
import type { Output } from '../../terminal/output.ts';
import { duration, until } from '../../terminal/units.ts';

const POLL_FIRST_MS = 50;
const POLL_LONGEST_MS = 1000;

/** The id alone on stdout, so that a script can keep it. `quietly`: the result is still to come, only people are told. */
export function showAccepted(out: Output, row: ExecutionResource, { quietly }: { readonly quietly: boolean }): void {
  const { green, dim, bold } = out.noteStyle;
  out.note(`${green('✓')} ${acceptance(row)}  ${dim(`execution ${row.$id}`)}`);
  if (quietly) return;
  out.note(`  ${bold('Next:')} martlet why ${row.$id}`);
  out.result(row, () => [row.$id]);
}

function acceptance(row: ExecutionResource): string {
  if (row.status === 'scheduled') return `accepted, runs ${until(row.scheduledAt ?? '', Date.now())} (${row.scheduledAt ?? ''})`;
  return row.status === 'waiting' ? 'accepted' : `accepted before: it is ${row.status}`;
}

export function isOver(row: ExecutionResource): boolean {
  return row.status === 'completed' || row.status === 'failed';
}

/** Resolves with the record of an execution that has ended, attempts after failures included. */
export async function waitForEnd({ api, out }: { readonly api: ApiClient; readonly out: Output }, id: string): Promise<ExecutionResource> {
  let told = 0;
  for (let ms = POLL_FIRST_MS; ; ms = Math.min(ms * 1.5, POLL_LONGEST_MS)) {
    const row = await api.get<ExecutionResource>(`/executions/${encodeURIComponent(id)}`);
    if (isOver(row)) return row;
    // Its error is that of the attempt before, and another one follows.
    if (row.status === 'waiting' && row.errorCode !== '' && row.attempt > told) {
      told = row.attempt;
      out.note(`${out.noteStyle.yellow('!')} attempt ${row.attempt} ended with ${row.errorCode}; another one follows`);
    }
    await sleep(ms);
  }
}

/** @returns the exit code */
export function showEnded(out: Output, row: ExecutionResource): number {
  const { green, red, dim, bold } = out.noteStyle;
  const ok = row.status === 'completed';
  const facts = [
    ...(row.responseStatusCode === 0 ? [] : [String(row.responseStatusCode)]),
    ...(row.attempt > 1 ? [`attempt ${row.attempt}`] : []),
    duration(row.duration * 1000),
    `execution ${row.$id}`,
  ];
  out.note(`${ok ? green('✓') : red('✗')} ${row.status}${row.errorCode === '' ? '' : ` (${row.errorCode})`}  ${dim(facts.join('  '))}`);
  if (!ok) {
    const remedy = remedyOf(row.errorCode);
    out.note(`  ${bold('Next:')} martlet executions get ${row.$id}, martlet why ${row.$id}${remedy === undefined ? '' : `. ${remedy}`}`);
  }
  out.result(row, () => [row.$id]);
  return ok ? 0 : 1;
}
