/**
 * The wall around functions. A driver starts worker processes inside an operating-system sandbox, tells how strong the
 * wall of this host is, and kills. It knows nothing of functions, executions or frames: it hands out a byte channel.
 */
import type { Duplex } from 'node:stream';

/**
 * How strong the wall is.
 * `A`: own namespaces, seccomp, cgroup limits. `A-`: the same without a cgroup (memory held by rlimits and a watchdog).
 * `C`: a plain process with engine flags only; no wall.
 */
export const tiers = ['A', 'A-', 'C'] as const;
export type Tier = (typeof tiers)[number];

export interface SandboxProbe {
  readonly tier: Tier;
  /** One line per feature that was tried, in the order of trying. */
  readonly checks: readonly SandboxCheck[];
}

export interface SandboxCheck {
  /** e.g. `bubblewrap`, `seccomp`, `cgroup`. */
  readonly feature: string;
  readonly ok: boolean;
  /** What was found, and where it is not ok what to do about it. */
  readonly detail: string;
}

export interface LaunchOptions {
  /** MB for everything in the sandbox; the driver enforces it as far as its tier can. */
  readonly memoryMb: number;
  readonly tmpMb: number;
  readonly processes: number;
  /** Host folder to mount read-only at `/function`; undefined: nothing. Only for deployments of the format `tree`. */
  readonly tree?: string;
  /** Unix socket of the egress proxy, to appear at `EGRESS_SOCKET` inside; undefined: no way out at all. */
  readonly egressSocket?: string;
}

/** Where the egress proxy's socket appears inside a sandbox (the plain-process driver uses the host path). */
export const EGRESS_SOCKET = '/run/egress.sock';

export interface SandboxProcess {
  /** Process id on the host of the outermost process of the sandbox. */
  readonly pid: number;
  /** Both directions of the worker's fd 3. Ends when the worker does. */
  readonly channel: Duplex;
  /** Address of the egress proxy as seen from inside; undefined when there is none. */
  readonly egressSocketInside: string | undefined;
  /** Where `LaunchOptions.tree` appears inside; undefined when there is none. */
  readonly treeInside: string | undefined;
  /** What the process itself wrote to stderr: the last 16 KiB, for messages about starts that fail. */
  stderr(): string;
  /** Settles once when nothing of the sandbox runs any longer. Never rejects. */
  readonly exited: Promise<SandboxExit>;
  /** Changes the memory limit of a running sandbox; a driver without the means does nothing. */
  setMemoryLimit(memoryMb: number): void;
  /** Bytes in use now, everything in the sandbox included; undefined where the host cannot tell. */
  memoryBytes(): number | undefined;
  /** SIGKILL to everything inside. Idempotent, returns at once; `exited` tells when it is done. */
  kill(): void;
}

export interface SandboxExit {
  readonly exitCode: number | null;
  readonly signal: string | null;
  /** The kernel or the watchdog killed it because of its memory limit. */
  readonly outOfMemory: boolean;
}

export interface Sandbox {
  readonly name: string;
  /** Tries each feature for real. Cheap enough for every start (< 300 ms); the answer does not change while running. */
  probe(): Promise<SandboxProbe>;
  /**
   * Starts one worker process. Resolves when the process was started, not when it is ready: readiness is a frame.
   * @throws {PlatformError} `worker_start_failed`
   */
  launch(options: LaunchOptions): Promise<SandboxProcess>;
  /** Removes what a crashed server may have left behind: cgroups, sandboxes. Called once before the first launch. */
  sweep(): Promise<void>;
  /** Kills every sandbox that is left and frees what the driver holds. */
  close(): Promise<void>;
}
