/**
 * The server as a library, as far as the command line uses it. It is loaded only by the commands that start or examine
 * a server, so that all the others start fast and run on an older Node.
 */
import type { ErrorCode, LogLine } from '@martlet/protocol';
import type { loadConfig } from '@martlet/server';
import type { ProjectFunctionSettings } from '../project/project.ts';

export interface ServerLibrary<Config> {
  /** @throws {PlatformError} `config_invalid` */
  loadConfig(options: ConfigOptions): Config | Promise<Config>;
  /** @throws {PlatformError} `sandbox_tier_too_low`, `store_unavailable`, `config_invalid` */
  createPlatform(config: Config): Promise<Platform>;
  diagnose(config: Config): Promise<Diagnosis>;
}

export interface ConfigOptions {
  readonly mode: 'dev' | 'serve';
  readonly env: NodeJS.ProcessEnv;
  readonly flags: { readonly port?: number; readonly data?: string; readonly host?: string };
  /** Path of `martlet.config.json`; undefined: none. */
  readonly file: string | undefined;
}

export interface Diagnosis {
  readonly checks: readonly { readonly feature: string; readonly ok: boolean; readonly detail: string }[];
  readonly tier: string;
}

export interface Platform {
  readonly url: string;
  readonly project: string;
  readonly apiKey?: string | undefined;
  readonly tier: string;
  readonly services: {
    readonly functions: { delete(projectId: string, id: string): Promise<void> };
    readonly deployments: { createFromFolder(options: FolderDeployment): Promise<FolderDeployed> };
    readonly executions: { follow(projectId: string, which: { readonly signal: AbortSignal }): Promise<AsyncIterable<FollowedLine>> };
    readonly variables: DevVariables;
  };
  close(): Promise<void>;
}

export interface FolderDeployment {
  readonly projectId: string;
  /** Path under which the function is called; it is created where there is none. */
  readonly path: string;
  readonly folder: string;
  readonly entrypoint: string;
  readonly settings: ProjectFunctionSettings & { readonly id?: string; readonly commands?: string };
}

export interface FolderDeployed {
  readonly functionId: string;
  readonly status: string;
  readonly inputs: readonly string[];
  readonly problems: readonly {
    readonly file: string;
    readonly line: number;
    readonly column: number;
    readonly message: string;
    readonly excerpt: string;
  }[];
}

interface VariableOwner {
  readonly projectId: string;
  readonly functionId: null;
}

/** The part of the variables service that keeps the variables of a project equal to its `.env`. */
export interface DevVariables {
  create(owner: VariableOwner, id: string, input: { key: string; value: string; secret: boolean }): Promise<unknown>;
  update(owner: VariableOwner, id: string, input: { key: string; value: string }): Promise<unknown>;
  delete(owner: VariableOwner, id: string): Promise<void>;
  list(
    owner: VariableOwner,
    query: { filters: []; order: []; limit: number; offset: number; withTotal: boolean },
  ): Promise<{ readonly rows: readonly { readonly id: string; readonly key: string }[] }>;
}

/** A log line of an execution, or the record of one that has ended. */
export interface FollowedLine {
  readonly executionId: string;
  readonly functionId: string;
  readonly line?: LogLine;
  readonly ended?: {
    readonly status: string;
    readonly errorCode: ErrorCode | null;
    readonly requestMethod: string;
    readonly requestPath: string;
    readonly responseStatus: number;
    readonly cold: boolean | null;
    readonly queueMs: number;
    readonly coldMs: number;
    readonly runMs: number;
    readonly endedAt: number | null;
  };
}

type ServerConfig = Awaited<ReturnType<typeof loadConfig>>;

export async function loadServerLibrary(): Promise<ServerLibrary<ServerConfig>> {
  return import('@martlet/server');
}
