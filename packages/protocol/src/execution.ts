/** Words about executions that both sides of the wall and both sides of the wire use. */

export const executionStatuses = ['scheduled', 'waiting', 'processing', 'completed', 'failed'] as const;
export type ExecutionStatus = (typeof executionStatuses)[number];

export const triggers = ['http', 'schedule', 'event', 'manual'] as const;
export type Trigger = (typeof triggers)[number];

export const deploymentStatuses = ['waiting', 'processing', 'building', 'ready', 'failed', 'canceled'] as const;
export type DeploymentStatus = (typeof deploymentStatuses)[number];

export const logLevels = ['debug', 'info', 'warn', 'error'] as const;
export type LogLevel = (typeof logLevels)[number];

/**
 * One line of an execution's log. `stream` keeps what the author called: `error()` of the Appwrite handler goes to
 * `errors`, everything else to `logs`.
 */
export interface LogLine {
  /** Milliseconds since 1970, with fractions. */
  readonly time: number;
  readonly level: LogLevel;
  readonly stream: 'logs' | 'errors';
  readonly text: string;
}
