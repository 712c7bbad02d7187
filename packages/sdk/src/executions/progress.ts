/** What happens to one execution, told while it happens. */
import { MartletError } from '../errors.ts';
import type { Execution, LogLine } from '../resources.ts';
import type { Http } from '../transport/http.ts';
import { followEvents } from './follow-events.ts';

export type Progress =
  /** Its status is another one, or is told for the first time. */
  | { readonly type: 'status'; readonly execution: Execution }
  | { readonly type: 'line'; readonly line: LogLine }
  /** The last of all: it has completed or failed. */
  | { readonly type: 'ended'; readonly execution: Execution }
  /** The last of all: no more can be told. */
  | { readonly type: 'error'; readonly error: MartletError };

export const hasEnded = ({ status }: Execution): boolean => status === 'completed' || status === 'failed';

export function lineOf(data: string): LogLine {
  const { time, level, stream, text } = JSON.parse(data) as LogLine;
  return { time, level, stream, text };
}

/** Resolves with the last event, or when the signal aborts. What the listener throws is the listener's. */
export async function tellProgress(
  http: Http,
  { path, signal }: { path: string; signal: AbortSignal },
  listener: (progress: Progress) => void,
): Promise<void> {
  let lines = 0;
  let came = 0;
  let status: Execution['status'] | undefined;
  const onOpen = (): void => {
    came = 0;
  };

  const tell = (event: string, data: string): boolean => {
    if (event === 'line' && ++came > lines) {
      lines = came;
      listener({ type: 'line', line: lineOf(data) });
    }
    if (event !== 'status' && event !== 'ended') return false;
    const execution = JSON.parse(data) as Execution;
    if (execution.status !== status) listener({ type: 'status', execution });
    status = execution.status;
    if (event === 'ended') listener({ type: 'ended', execution });
    return event === 'ended';
  };

  try {
    for await (const { event, data } of followEvents(http, { path, signal, onOpen })) if (signal.aborted || tell(event, data)) return;
  } catch (error) {
    if (signal.aborted) return;
    if (!(error instanceof MartletError)) throw error;
    listener({ type: 'error', error });
  }
}
