import type { ExecutionResource, LogLine } from '@martlet/protocol';
import { headerPairs } from '../../../domain/contract/execution-headers.ts';
import { formatDate } from '../../../domain/contract/dates.ts';
import type { ExecutionRow } from '../../../ports/store.ts';

export interface ExecutionParts {
  /** Undefined for readers who may not see logs, and in lists. */
  readonly lines?: readonly LogLine[] | undefined;
  /** Of a caller that waited; flat. Default: what the record keeps. */
  readonly responseHeaders?: readonly string[];
  readonly responseBody?: string;
  /** Whether to show the lines one by one, too. */
  readonly withLines?: boolean;
}

const MICROS = 1_000_000;

export function viewExecution(row: ExecutionRow, parts: ExecutionParts = {}): ExecutionResource {
  const { lines = [], responseHeaders = row.responseHeaders, responseBody = '', withLines = false } = parts;
  return {
    $id: row.id,
    $createdAt: formatDate(row.createdAt),
    $updatedAt: formatDate(row.updatedAt),
    $permissions: row.userId === null ? [] : [`read("user:${row.userId}")`],
    functionId: row.functionId,
    resourceId: row.functionId,
    resourceType: 'functions',
    deploymentId: row.deploymentId,
    trigger: row.trigger,
    status: row.status,
    requestMethod: row.requestMethod,
    requestPath: row.requestPath,
    requestHeaders: headerPairs(row.requestHeaders),
    responseStatusCode: row.responseStatus,
    responseBody,
    responseHeaders: headerPairs(responseHeaders),
    logs: joinLines(lines, 'logs'),
    errors: joinLines(lines, 'errors'),
    duration: seconds(row.runMs),
    scheduledAt: row.scheduledAt === null ? null : formatDate(row.scheduledAt),
    errorCode: row.errorCode ?? '',
    start: row.cold === null ? 'none' : row.cold ? 'cold' : 'warm',
    timings: { queue: seconds(row.queueMs), coldStart: seconds(row.coldMs), run: seconds(row.runMs) },
    memoryPeak: row.memoryPeakBytes,
    cpuTime: row.cpuMicros / MICROS,
    requestSize: row.requestBytes,
    responseSize: row.responseBytes,
    ...(withLines ? { logLines: [...lines] } : {}),
    logsDropped: row.logsDroppedBytes,
    attempt: row.attempt,
  };
}

function joinLines(lines: readonly LogLine[], stream: LogLine['stream']): string {
  return lines
    .filter((line) => line.stream === stream)
    .map((line) => line.text)
    .join('\n');
}

/** To the microsecond: what is beyond is noise of the division. */
function seconds(ms: number): number {
  return Math.round(ms * 1000) / MICROS;
}
