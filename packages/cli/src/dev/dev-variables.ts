/** Keeps the variables of the development project equal to its `.env` file. */
import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { isPlatformError } from '@martlet/protocol';
import type { Platform } from '@martlet/server';
import { parseEnvFile, variableNameProblem } from '../env-file.ts';

/** Ids of variables that came from the file; all others are somebody's own and stay untouched. */
const ID_PREFIX = 'dotenv-';
const ALL = { filters: [], order: [], limit: 5000, offset: 0, withTotal: false };

export interface AppliedEnv {
  readonly count: number;
  /** Sentences about names that could not be used. */
  readonly warnings: readonly string[];
}

export async function applyEnvFile(platform: Pick<Platform, 'project' | 'services'>, folder: string): Promise<AppliedEnv> {
  const wanted = parseEnvFile(await readOptional(join(folder, '.env')));
  const { variables } = platform.services;
  const owner = { projectId: platform.project, functionId: null };
  const stored = await variables.list(owner, ALL);
  const warnings: string[] = [];
  let count = 0;
  for (const row of stored.rows) if (row.id.startsWith(ID_PREFIX) && !wanted.has(row.key)) await variables.delete(owner, row.id);
  for (const [key, value] of wanted) {
    const problem = variableNameProblem(key);
    const id = idOf(key);
    const known = stored.rows.find((row) => row.key === key);
    if (problem !== undefined) warnings.push(`.env: ${JSON.stringify(key)} is left out: ${problem}.`);
    else if (known !== undefined && known.id !== id)
      warnings.push(`.env: ${key} is left out: a variable of this name was set by hand. Delete it with martlet secrets delete ${key}.`);
    else if (
      await store(
        () => (known === undefined ? variables.create(owner, id, { key, value, secret: true }) : variables.update(owner, id, { value })),
        warnings,
        key,
      )
    )
      count += 1;
  }
  return { count, warnings };
}

async function store(work: () => Promise<unknown>, warnings: string[], key: string): Promise<boolean> {
  try {
    await work();
    return true;
  } catch (error) {
    if (!isPlatformError(error)) throw error;
    warnings.push(`.env: ${key} is left out: ${error.message}`);
    return false;
  }
}

function idOf(key: string): string {
  return ID_PREFIX + createHash('sha256').update(key).digest('hex').slice(0, 24);
}

async function readOptional(path: string): Promise<string> {
  try {
    return await readFile(path, 'utf8');
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return '';
    throw error;
  }
}
