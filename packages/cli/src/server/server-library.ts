/**
 * The server as a library. It is loaded only by the commands that start or examine a server, so that all the others
 * start fast and run on an older Node.
 */
import type { createPlatform, diagnose, loadConfig, PlatformServices } from '@martlet/server';

export interface ServerLibrary {
  readonly loadConfig: typeof loadConfig;
  readonly createPlatform: typeof createPlatform;
  readonly diagnose: typeof diagnose;
}

/** A log line of an execution, or the record of one that has ended. */
export type FollowedLine = Awaited<ReturnType<PlatformServices['executions']['follow']>> extends AsyncIterable<infer Line> ? Line : never;

export function loadServerLibrary(): Promise<ServerLibrary> {
  return import('@martlet/server');
}
