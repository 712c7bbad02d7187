/** Where the parts of a build lie, under the hash of their contents: equal builds share them. */
import { hash as digest } from 'node:crypto';
import type { FunctionConfig } from '@martlet/protocol';
import type { Artifacts } from '../ports/artifacts.ts';
import type { BuildOutput } from '../ports/builder.ts';

/** What is to be known of a build beside its bytes. */
export interface BuiltMeta {
  readonly format: BuildOutput['format'];
  /** For `tree`: the file to import. */
  readonly entrypoint: string;
  readonly latin1: boolean;
  /** Settings of the file, which the function takes on when the deployment becomes the active one. */
  readonly config: FunctionConfig;
}

export function builtKeys(hash: string) {
  const at = `artifacts/${hash}/`;
  return { all: at, meta: `${at}meta`, code: `${at}code`, map: `${at}map`, tree: `${at}tree` } as const;
}

/** @throws {Error} when there is no such build: a row refers to bytes that somebody removed */
export async function readBuiltMeta(artifacts: Artifacts, hash: string): Promise<BuiltMeta> {
  const bytes = await artifacts.get(builtKeys(hash).meta);
  if (bytes === undefined) throw new Error(`Cannot find the build ${hash}: its artifact is gone`);
  return JSON.parse(bytes.toString()) as BuiltMeta;
}

/** Hash of everything that makes two builds the same. */
export function hashBuilt(output: BuildOutput): string {
  const parts = [Buffer.from(metaOf(output)), output.code, output.sourceMap, output.tree];
  return digest('sha256', JSON.stringify(parts.map((part) => digest('sha256', part, 'hex'))), 'hex');
}

/** Parts are whole or absent, each on its own: what a crash left out is written by the next build that comes to it. */
export async function storeBuilt(artifacts: Artifacts, hash: string, output: BuildOutput): Promise<void> {
  const keys = builtKeys(hash);
  const parts = [
    [keys.meta, Buffer.from(metaOf(output))],
    [keys.code, output.code],
    [keys.map, output.sourceMap],
    [keys.tree, output.tree],
  ] as const;
  const missing = parts
    .filter(([, bytes]) => bytes.length > 0)
    .map(async ([key, bytes]) => ((await artifacts.has(key)) ? undefined : artifacts.put(key, bytes)));
  await Promise.all(missing);
}

export function sizeOfBuilt(output: BuildOutput): number {
  return output.code.length + output.sourceMap.length + output.tree.length;
}

function metaOf({ format, entrypoint, latin1, config }: BuildOutput): string {
  const meta: BuiltMeta = { format, entrypoint, latin1, config };
  return JSON.stringify(meta);
}
