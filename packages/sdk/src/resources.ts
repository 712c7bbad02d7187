/** Resources as the server sends them: the shapes of the Appwrite Functions contract, then what Martlet adds. */

interface Resource {
  readonly $id: string;
  /** ISO 8601 in UTC. */
  readonly $createdAt: string;
  readonly $updatedAt: string;
}

export interface Header {
  readonly name: string;
  readonly value: string;
}

export interface LogLine {
  /** Milliseconds since 1970. */
  readonly time: number;
  readonly level: 'debug' | 'info' | 'warn' | 'error';
  readonly stream: 'logs' | 'errors';
  readonly text: string;
}

/** One recorded run of a function. */
export interface Execution extends Resource {
  readonly $permissions: string[];
  readonly functionId: string;
  readonly resourceId: string;
  readonly resourceType: 'functions';
  readonly deploymentId: string;
  readonly trigger: 'http' | 'schedule' | 'event' | 'manual';
  readonly status: ExecutionStatus;
  readonly requestMethod: string;
  readonly requestPath: string;
  readonly requestHeaders: Header[];
  readonly responseStatusCode: number;
  /** Only in the answer to a `createExecution` that waited. */
  readonly responseBody: string;
  readonly responseHeaders: Header[];
  readonly logs: string;
  readonly errors: string;
  /** Seconds. */
  readonly duration: number;
  readonly scheduledAt: string | null;
  /** Code of the error registry; empty unless failed. */
  readonly errorCode: string;
  /** Attempts begun, for executions that nobody waits for; else 0. */
  readonly attempt: number;
  readonly start: 'cold' | 'warm' | 'none';
  /** Seconds. */
  readonly timings: { queue: number; coldStart: number; run: number };
  /** Bytes. */
  readonly memoryPeak: number;
  /** Seconds. */
  readonly cpuTime: number;
  readonly requestSize: number;
  readonly responseSize: number;
  /** In single reads with an API key. */
  readonly logLines?: LogLine[] | undefined;
  /** Bytes of log beyond the limit. */
  readonly logsDropped: number;
}

export interface ExecutionList {
  readonly total: number;
  readonly executions: Execution[];
}

export const ExecutionStatus = {
  Waiting: 'waiting',
  Processing: 'processing',
  Completed: 'completed',
  Failed: 'failed',
  Scheduled: 'scheduled',
} as const;
export type ExecutionStatus = (typeof ExecutionStatus)[keyof typeof ExecutionStatus];

export const ExecutionMethod = {
  GET: 'GET',
  POST: 'POST',
  PUT: 'PUT',
  PATCH: 'PATCH',
  DELETE: 'DELETE',
  OPTIONS: 'OPTIONS',
  HEAD: 'HEAD',
} as const;
export type ExecutionMethod = (typeof ExecutionMethod)[keyof typeof ExecutionMethod];

/** Whoever signed up, or was signed in without a name. */
export interface User extends Resource {
  readonly name: string;
  readonly email: string;
  readonly registration: string;
  /** False while blocked. */
  readonly status: boolean;
  readonly labels: string[];
  readonly emailVerification: boolean;
  readonly prefs: Record<string, unknown>;
  readonly accessedAt: string;
}

export interface Session extends Resource {
  readonly userId: string;
  readonly expire: string;
  readonly provider: string;
  readonly current: boolean;
  /** Empty for clients without a key. */
  readonly secret: string;
}
