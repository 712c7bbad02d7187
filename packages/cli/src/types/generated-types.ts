/** Keeps the generated types of a project what its functions are. A file is written only when its text is another. */
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import type { Project } from '../project/project.ts';
import { base44Types } from './base44-types.ts';
import { readSourceFacts } from './function-source.ts';
import { martletTypes } from './martlet-types.ts';
import { includeTypes, type IncludeResult } from './tsconfig-include.ts';

export const MARTLET_TYPES = 'martlet/.types/types.d.ts';
export const BASE44_TYPES = 'base44/.types/types.d.ts';

export interface GeneratedFile {
  /** Relative to the project. */
  readonly file: string;
  readonly changed: boolean;
  readonly include: IncludeResult;
}

export interface GeneratedTypes {
  readonly functions: number;
  readonly files: readonly GeneratedFile[];
}

export async function generateTypes(folder: string, project: Project): Promise<GeneratedTypes> {
  const files: GeneratedFile[] = [];
  if (project.kind === 'base44') {
    const names = project.functions.map(({ name }) => name);
    files.push(await keep(folder, BASE44_TYPES, (existing) => base44Types(names, existing)));
  }
  if (project.kind !== 'base44' || (await usesSdk(folder))) {
    const typed = await Promise.all(
      project.functions.map(async ({ name, file }) => ({ name, file, facts: await readSourceFacts(folder, file) })),
    );
    files.push(await keep(folder, MARTLET_TYPES, () => martletTypes(typed)));
  }
  return { functions: project.functions.length, files };
}

async function keep(folder: string, file: string, textOf: (existing: string | undefined) => string): Promise<GeneratedFile> {
  const path = join(folder, file);
  const existing = await readOptional(path);
  const text = textOf(existing);
  if (text !== existing) {
    await mkdir(dirname(path), { recursive: true });
    await writeFile(path, text);
  }
  return { file, changed: text !== existing, include: await includeTypes(folder, file) };
}

/** A project of Base44 may call its functions by either client. */
async function usesSdk(folder: string): Promise<boolean> {
  const text = await readOptional(join(folder, 'package.json'));
  return text?.includes('"@martlet/sdk"') === true;
}

async function readOptional(path: string): Promise<string | undefined> {
  try {
    return await readFile(path, 'utf8');
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return undefined;
    throw error;
  }
}
