/** Executions by their own id, whatever function they are of. */
import { MartletError } from '../errors.ts';
import { segment } from '../functions/function-executions.ts';
import type { Execution, ExecutionList, LogLine } from '../resources.ts';
import { startDeadline, type DeadlineOptions } from '../transport/deadline.ts';
import type { Http } from '../transport/http.ts';
import { pause } from '../transport/pause.ts';
import { followEvents } from './follow-events.ts';
import { hasEnded, lineOf, tellProgress, type Progress } from './progress.ts';

export interface LogsOptions {
  /** Waits for more until the execution ends. */
  readonly follow?: boolean | undefined;
  readonly signal?: AbortSignal | undefined;
}

export interface Executions {
  get(executionId: string, options?: DeadlineOptions): Promise<Execution>;
  /** Of all functions; `queries` made with `Query`. */
  list(which?: { readonly queries?: readonly string[] | undefined; readonly total?: boolean | undefined }): Promise<ExecutionList>;
  /** One that has ended stays as it is. */
  cancel(executionId: string): Promise<Execution>;
  /** The record, once the execution has completed or failed. @throws {TimeoutError | AbortError} */
  wait(executionId: string, options?: DeadlineOptions): Promise<Execution>;
  /** The log line by line; needs a key or the service role. @throws {MartletError} for anybody else */
  logs(executionId: string, options?: LogsOptions): AsyncGenerator<LogLine, void, undefined>;
  /**
   * Tells of every change of state, of log lines where the caller may see them, and of the end. Comes back by itself when
   * the connection breaks.
   * @returns what ends it before the execution does
   */
  subscribe(executionId: string, listener: (progress: Progress) => void): () => void;
}

const POLL_FIRST_MS = 50;
const POLL_LONGEST_MS = 2000;

export function createExecutions(http: Http): Executions {
  const { api } = http;
  const pathOf = (executionId: string): string => `/executions/${segment('executionId', executionId)}`;
  const get: Executions['get'] = async (executionId, options = {}) => api<Execution>('GET', pathOf(executionId), options);

  async function* writtenLines(executionId: string, signal: AbortSignal | undefined): AsyncGenerator<LogLine, void, undefined> {
    const { logLines } = await get(executionId, { signal });
    if (logLines === undefined) throw new MartletError('Cannot read the log: only keys and the service role see it.');
    yield* logLines;
  }

  async function* followedLines(executionId: string, signal: AbortSignal | undefined): AsyncGenerator<LogLine, void, undefined> {
    let told = 0;
    let came = 0;
    // A new connection tells all lines from the first.
    const onOpen = (): void => {
      came = 0;
    };
    for await (const { event, data } of followEvents(http, { path: '/logs', query: { executionId }, signal, onOpen })) {
      if (event === 'ended') return;
      if (event !== 'line' || ++came <= told) continue;
      told = came;
      yield lineOf(data);
    }
  }

  return {
    get,
    list: async (which = {}) => api('GET', '/executions', { query: which }),
    cancel: async (executionId) => api('POST', `${pathOf(executionId)}/cancel`),

    async wait(executionId, options = {}) {
      const deadline = startDeadline(options);
      const { signal } = deadline;
      try {
        for (let ms = POLL_FIRST_MS; ; ms = Math.min(ms * 1.5, POLL_LONGEST_MS)) {
          const execution = await get(executionId, { signal });
          if (hasEnded(execution)) return execution;
          await pause(ms, signal);
        }
      } catch (error) {
        // Each call follows the signal of the deadline; only the deadline knows why that one aborted.
        throw signal.aborted ? deadline.explain(undefined, `wait for execution ${executionId}`) : error;
      } finally {
        deadline.end();
      }
    },

    logs: (executionId, { follow = false, signal } = {}) => (follow ? followedLines : writtenLines)(executionId, signal),

    subscribe(executionId, listener) {
      const stop = new AbortController();
      void tellProgress(http, { path: `${pathOf(executionId)}/events`, signal: stop.signal }, listener);
      return () => stop.abort();
    },
  };
}
