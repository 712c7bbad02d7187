/** Reads a project from disk: lists its files, takes in the few texts that the rules need, and finds its functions. */
import { readFile, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { CliError } from '../cli-error.ts';
import { findFunctions, isProjectText } from './find-functions.ts';
import { createIgnoreRules, type IsIgnored } from './ignore-rules.ts';
import type { Project, ProjectListing } from './project.ts';

export const IGNORE_FILE = '.martletignore';

/** Far beyond any deployment: a listing this long means that the wrong folder was given, e.g. a home folder. */
const LISTING_MAX = 200_000;

/** @throws {CliError} when the folder cannot be read */
export async function readProject(folder: string): Promise<Project> {
  return findFunctions(await listProject(folder));
}

async function listProject(folder: string): Promise<ProjectListing> {
  const { files } = await listFiles(folder, createIgnoreRules([]));
  const wanted = files.filter(isProjectText);
  const texts = await Promise.all(wanted.map(async (file) => [file, await readFile(join(folder, file), 'utf8')] as const));
  return { files, texts: new Map(texts) };
}

export interface FolderListing {
  /** Sorted; forward slashes. */
  readonly files: readonly string[];
  /** Symbolic links and special files: they are never followed, so that nothing outside the folder travels. */
  readonly skipped: readonly string[];
}

/** All regular files below a folder that the rules do not ignore. */
export async function listFiles(folder: string, isIgnored: IsIgnored): Promise<FolderListing> {
  const files: string[] = [];
  const skipped: string[] = [];
  const visit = async (relative: string): Promise<void> => {
    const entries = await readFolder(folder, relative);
    const deeper: string[] = [];
    for (const entry of entries) {
      const path = relative === '' ? entry.name : `${relative}/${entry.name}`;
      if (isIgnored(path, entry.isDirectory())) continue;
      if (entry.isDirectory()) deeper.push(path);
      else (entry.isFile() ? files : skipped).push(path);
    }
    if (files.length > LISTING_MAX)
      throw new CliError(`Cannot read ${folder}: it holds more than ${LISTING_MAX} files.`, {
        next: 'Give the folder of the project, e.g. martlet dev ./my-project.',
        exitCode: 2,
      });
    for (const one of deeper) await visit(one);
  };
  await visit('');
  return { files: files.sort(), skipped: skipped.sort() };
}

async function readFolder(folder: string, relative: string) {
  try {
    return await readdir(join(folder, relative), { withFileTypes: true });
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? error.code : undefined;
    // A folder that goes away while we look is an editor or a build at work.
    if (code === 'ENOENT' && relative !== '') return [];
    const reason =
      code === 'ENOENT'
        ? 'there is no such folder'
        : code === 'ENOTDIR'
          ? 'it is not a folder'
          : code === 'EACCES'
            ? 'permission denied'
            : String(error);
    throw new CliError(`Cannot read ${join(folder, relative)}: ${reason}.`, { exitCode: relative === '' ? 2 : 1, cause: error });
  }
}

/** The lines of the ignore file of a folder; none where there is no file. */
export async function readIgnoreFile(folder: string): Promise<string[]> {
  try {
    return (await readFile(join(folder, IGNORE_FILE), 'utf8')).split('\n');
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return [];
    throw new CliError(`Cannot read ${join(folder, IGNORE_FILE)}: ${String(error)}.`, { cause: error });
  }
}
