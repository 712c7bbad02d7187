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
    return tellAll(await findExecution(sources, key), { first, news, stop });
  } catch (error) {
    stop.abort();
    throw error;
  }
}

interface News {
  readonly first: Promise<IteratorResult<FollowedLine>>;
  readonly news: AsyncIterator<FollowedLine>;
  readonly stop: AbortController;
}

async function* tellAll({ row, lines }: PendingExecution, { first, news, stop }: News): AsyncGenerator<FollowedLine> {
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
    for (let next = await first; next.done !== true; next = await news.next()) {
      if (next.value.line === undefined || !told.has(sign(next.value.line))) yield next.value;
      if (next.value.ended !== undefined) return;
    }
  } finally {
    stop.abort();
  }
}

export const executionNotFound = (id: string): PlatformError =>
  new PlatformError('execution_not_found', `Execution with the requested ID could not be found: "${id.slice(0, 40)}".`);
