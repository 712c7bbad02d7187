/**
 * Turns sources into something a worker can load in a millisecond. User mistakes are `BuildProblem`s with file and
 * line; only our own failures throw.
 */
import type { FunctionConfig } from '@martlet/protocol';

export interface BuildInput {
  /**
   * `archive`: a packed tar.gz, hostile. `folder`: a folder of this machine, only for `martlet dev`; it is read in
   * place and never written to, except that `node_modules` found in it is used as it is.
   */
  readonly source: { readonly kind: 'archive'; readonly bytes: Uint8Array } | { readonly kind: 'folder'; readonly path: string };
  /** File of the function, relative to the root of the source, with forward slashes. */
  readonly entrypoint: string;
  /** Build command of the function; only `npm install` and `npm ci` are known, and run without install scripts. */
  readonly commands: string;
}

/** For the format `tree`: the file to import, relative to the root of the tree, whatever the entrypoint of the source is. */
export const TREE_ENTRYPOINT = 'index.mjs';

export interface BuildOutput {
  /** See `LoadMessage.format`. */
  readonly format: 'bundle' | 'module' | 'tree';
  readonly code: Buffer;
  /** JSON of the source map, or empty. */
  readonly sourceMap: Buffer;
  /** For `tree`: the tar of the files to mount at `/function`; else empty. */
  readonly tree: Buffer;
  /** For `tree`: `TREE_ENTRYPOINT`; else empty. */
  readonly entrypoint: string;
  /** Whether `code` holds only Latin-1 characters. */
  readonly latin1: boolean;
  /** `export const config` of the entrypoint, or the `function.jsonc` beside it. */
  readonly config: FunctionConfig;
  /** Files of the source that the build read, relative to its root: a change of one of them makes it stale. */
  readonly inputs: readonly string[];
}

export interface BuildProblem {
  /** Relative to the root of the source; empty when the problem has no place. */
  readonly file: string;
  readonly line: number;
  readonly column: number;
  /** One sentence. */
  readonly message: string;
  /** The line of source with a marker below it, or empty. */
  readonly excerpt: string;
}

export type BuildResult =
  | { readonly ok: true; readonly output: BuildOutput }
  | {
      readonly ok: false;
      readonly code: 'build_failed' | 'deployment_archive_invalid' | 'function_config_invalid' | 'function_entrypoint_missing';
      readonly problems: readonly BuildProblem[];
    };

export interface Builder {
  /** `log` gets text as it comes, whole lines. Rejects with the signal's reason when it aborts. */
  build(input: BuildInput, log: (text: string) => void, signal: AbortSignal): Promise<BuildResult>;
  close(): Promise<void>;
}
