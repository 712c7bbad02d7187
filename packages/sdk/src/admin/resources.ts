/** Resources of the control API as the server sends them. */

export interface Resource {
  readonly $id: string;
  /** ISO 8601 in UTC. */
  readonly $createdAt: string;
  readonly $updatedAt: string;
}

export interface ListOptions {
  /** Made with `Query`. */
  readonly queries?: readonly string[] | undefined;
  /** Whether to count all that match; default true. */
  readonly total?: boolean | undefined;
}

export interface Variable extends Resource {
  readonly key: string;
  /** Empty for secrets. */
  readonly value: string;
  readonly secret: boolean;
  readonly resourceType: 'function' | 'project';
  readonly resourceId: string;
}

export interface VariableList {
  readonly total: number;
  readonly variables: Variable[];
}

export interface FunctionResource extends Resource {
  readonly name: string;
  /** The name under which it is called. */
  readonly path: string;
  readonly execute: string[];
  readonly enabled: boolean;
  readonly live: boolean;
  readonly logging: boolean;
  readonly runtime: string;
  /** Of the active deployment; empty where none is. */
  readonly deploymentId: string;
  readonly deploymentCreatedAt: string;
  readonly latestDeploymentId: string;
  readonly latestDeploymentCreatedAt: string;
  readonly latestDeploymentStatus: string;
  readonly deploymentRetention: number;
  readonly scopes: string[];
  readonly vars: Variable[];
  readonly events: string[];
  readonly schedule: string;
  readonly timezone: string;
  /** Seconds. */
  readonly timeout: number;
  /** MB. */
  readonly memory: number;
  readonly concurrency: number;
  readonly retries: number | RetryRules;
  readonly egress: 'public' | 'none' | { allow: string[] };
  readonly durability: 'relaxed' | 'strict';
  readonly entrypoint: string;
  readonly commands: string;
  readonly version: string;
}

/** How an execution that nobody waits for is tried again. */
export interface RetryRules {
  /** The first one included. */
  readonly attempts?: number | undefined;
  /** Seconds: `initial`, then `factor` times the one before, at most `max`, spread by `jitter` (0 to 1). */
  readonly backoff?:
    | {
        readonly initial?: number | undefined;
        readonly factor?: number | undefined;
        readonly max?: number | undefined;
        readonly jitter?: number | undefined;
      }
    | undefined;
  /** Outcomes that are tried again; default: all of the function's own. */
  readonly on?: ('threw' | 'timed_out' | 'crashed' | 'out_of_memory' | 'load_failed' | 'answered_error' | 'interrupted')[] | undefined;
  /** When the server that ran it is gone. */
  readonly interrupted?: 'retry' | 'fail' | undefined;
}

export interface FunctionList {
  readonly total: number;
  readonly functions: FunctionResource[];
}

export interface Deployment extends Resource {
  readonly type: 'manual' | 'cli' | 'vcs';
  /** Of the function. */
  readonly resourceId: string;
  readonly resourceType: 'functions';
  readonly entrypoint: string;
  readonly sourceSize: number;
  readonly buildSize: number;
  readonly totalSize: number;
  readonly buildId: string;
  readonly activate: boolean;
  readonly active: boolean;
  readonly status: 'waiting' | 'processing' | 'building' | 'ready' | 'failed' | 'canceled';
  readonly buildLogs: string;
  /** Seconds. */
  readonly buildDuration: number;
  /** Code of the error registry; empty unless failed. */
  readonly buildError: string;
}

export interface DeploymentList {
  readonly total: number;
  readonly deployments: Deployment[];
}

export interface Key extends Resource {
  readonly name: string;
  readonly prefix: string;
  readonly scopes: string[];
  /** Empty: never. */
  readonly expire: string;
  readonly accessedAt: string;
  /** Only in the answer that creates the key. */
  readonly secret: string;
}

export interface KeyList {
  readonly total: number;
  readonly keys: Key[];
}
