/**
 * The server as a library. It is loaded only by the commands that start or examine a server, so that all the others
 * start fast and run on an older Node.
 */
import type { backup, createPlatform, diagnose, loadConfig, migrateToDatabase, PlatformServices, restore } from '@martlet/server';

export interface ServerLibrary {
  readonly loadConfig: typeof loadConfig;
  readonly createPlatform: typeof createPlatform;
  readonly diagnose: typeof diagnose;
  readonly backup: typeof backup;
  readonly restore: typeof restore;
  readonly migrateToDatabase: typeof migrateToDatabase;
}

/** A log line of an execution, or the record of one that has ended. */
export type FollowedLine = Awaited<ReturnType<PlatformServices['executions']['follow']>> extends AsyncIterable<infer Line> ? Line : never;

export function loadServerLibrary(): Promise<ServerLibrary> {
  return import('@martlet/server');
}
