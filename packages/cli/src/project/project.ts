/** What a folder of functions is, whoever's layout it follows. Paths are relative and use forward slashes. */
import type { EgressPolicy } from '@martlet/protocol';

export type ProjectKind = 'martlet' | 'base44' | 'appwrite';

/** A listing of the project: all the pure rules see of it. */
export interface ProjectListing {
  readonly files: readonly string[];
  /** Texts of the project files and of each `function.jsonc`, by path. */
  readonly texts: ReadonlyMap<string, string>;
}

/** Settings that stand in a project file instead of the code. */
export interface ProjectFunctionSettings {
  readonly name?: string;
  readonly runtime?: string;
  readonly execute?: readonly string[];
  readonly events?: readonly string[];
  readonly scopes?: readonly string[];
  readonly schedule?: string;
  readonly timeout?: number;
  readonly enabled?: boolean;
  readonly logging?: boolean;
  readonly egress?: EgressPolicy;
}

export interface ProjectFunction {
  /** Path under which it is called: `orders/process`. */
  readonly name: string;
  /** The file or setting that it comes from, for messages. */
  readonly file: string;
  /** Root of its sources, relative to the project; empty: the project itself. */
  readonly root: string;
  /** Relative to `root`. */
  readonly entrypoint: string;
  readonly commands: string;
  /** Id that the project file fixes; else the server makes one. */
  readonly id: string | undefined;
  readonly settings: ProjectFunctionSettings;
  /** Globs of files to leave out, beside `.martletignore`. */
  readonly ignore: readonly string[];
}

export interface ProjectProblem {
  readonly file: string;
  /** One sentence. */
  readonly message: string;
}

export interface Project {
  readonly kind: ProjectKind;
  readonly functions: readonly ProjectFunction[];
  readonly problems: readonly ProjectProblem[];
}
