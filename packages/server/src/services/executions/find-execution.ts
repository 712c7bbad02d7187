/** Looks for the record of an execution where it is, and follows its log. */
import { PlatformError, type LogLine } from '@martlet/protocol';
import { actsForProject } from '../../domain/principal-scopes.ts';
import type { Principal } from '../../domain/principal.ts';
import { isTerminal } from '../../domain/execution-state.ts';
import type { ExecutionRow, Store } from '../../ports/store.ts';
import type { FollowedLine, Invoke, PendingExecution } from '../invoke/invoke.ts';

/** Which execution: of one function, or with null of any function of the project. */
export interface ExecutionKey {
  readonly projectId: string;
  readonly functionId: string | null;
  readonly id: string;
}

export interface ExecutionSources {
  readonly store: Pick<Store, 'executions'>;
  readonly invoke: Pick<Invoke, 'pending' | 'followLines'>;
}

/**
 * What runs or is not yet committed is looked for first: the store does not know its latest state.
 * @throws {PlatformError} `execution_not_found`
 */
export async function findExecution({ store, invoke }: ExecutionSources, key: ExecutionKey): Promise<PendingExecution> {
  const { projectId, functionId, id } = key;
  const pending = invoke.pending(id);
  if (pending !== undefined) {
    if (pending.row.projectId !== projectId || (functionId !== null && pending.row.functionId !== functionId)) throw executionNotFound(id);
    return pending.linesGoOn === true ? { row: pending.row, lines: [...(await store.executions.lines(id)), ...pending.lines] } : pending;
  }
  const row = functionId === null ? await store.executions.find(projectId, id) : await store.executions.get(projectId, functionId, id);
  if (row === null) throw executionNotFound(id);
  return { row, lines: await store.executions.lines(id) };
}

export function mayRead(reader: Principal, row: ExecutionRow): boolean {
  return actsForProject(reader) || (reader.kind === 'user' && reader.userId === row.userId);
}

/**
 * All lines that there are, then the new ones, then the record once it has ended. It listens before it looks at what is
 * there, so that no line falls between; what comes twice is told once.
 * @throws {PlatformError} `execution_not_found`
 */
export async function followExecution(
  sources: ExecutionSources,
  key: ExecutionKey,
  signal: AbortSignal,
): Promise<AsyncIterable<FollowedLine>> {
  const stop = new AbortController();
  const which = { projectId: key.projectId, executionId: key.id, signal: AbortSignal.any([signal, stop.signal]) };
  const news = sources.invoke.followLines(which)[Symbol.asyncIterator]();
  const first = news.next();
  // Nobody may be left to await it when the look-up below throws.
  first.catch(() => undefined);
  try {
    const look = () => findExecution(sources, key);
    return tellAll(await look(), { first, news, stop, look });
  } catch (error) {
    stop.abort();
    throw error;
  }
}

interface News {
  readonly first: Promise<IteratorResult<FollowedLine>>;
  readonly news: AsyncIterator<FollowedLine>;
  readonly stop: AbortController;
  look(): Promise<PendingExecution>;
}

/** How often the record is looked at: an execution may end without a word here, on another server or while it waits. */
const LOOK_MS = 500;
/** The end of an attempt is told before it is on record, and may not be the end of its execution. */
const SETTLING_MS = 25;

async function* tellAll({ row, lines }: PendingExecution, { first, news, stop, look }: News): AsyncGenerator<FollowedLine> {
  const told = new Set<string>();
  const sign = (line: LogLine): string => `${line.time} ${line.text}`;
  try {
    for (const line of lines) {
      told.add(sign(line));
      yield { executionId: row.id, functionId: row.functionId, line };
    }
    if (isTerminal(row.status)) {
      yield { executionId: row.id, functionId: row.functionId, ended: row };
      return;
    }
    let next: Promise<IteratorResult<FollowedLine>> = first;
    for (let wait = LOOK_MS; ;) {
      const came = await Promise.race([next, later(wait)]);
      if (came?.done === true) return;
      wait = LOOK_MS;
      if (came !== undefined) next = news.next();
      if (came?.value.line !== undefined) {
        if (!told.has(sign(came.value.line))) yield came.value;
        told.add(sign(came.value.line));
        continue;
      }
      if (came?.value.ended?.attempt === 0) {
        yield came.value;
        return;
      }
      if (came !== undefined) wait = SETTLING_MS;
      const found = await look();
      if (!isTerminal(found.row.status)) continue;
      for (const line of found.lines) if (!told.has(sign(line))) yield { executionId: row.id, functionId: row.functionId, line };
      yield { executionId: row.id, functionId: row.functionId, ended: found.row };
      return;
    }
  } finally {
    stop.abort();
  }
}

function later(ms: number): Promise<undefined> {
  return new Promise((resolve) => {
    setTimeout(resolve, ms);
  });
}

export const executionNotFound = (id: string): PlatformError =>
  new PlatformError('execution_not_found', `Execution with the requested ID could not be found: "${id.slice(0, 40)}".`);
