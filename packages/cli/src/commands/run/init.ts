/** `martlet init [dir]`: writes a small project that works at once. Never overwrites a file. */
import { mkdir, writeFile } from 'node:fs/promises';
import { basename, dirname, join, relative, resolve } from 'node:path';
import type { Command } from 'commander';
import { CliError } from '../../cli-error.ts';
import type { Action, CommandContext } from '../../command-context.ts';
import { starterFiles } from '../../starter-project.ts';

export function registerInit(program: Command, action: Action): void {
  program
    .command('init')
    .description('write a small project to begin with; never overwrites a file')
    .argument('[dir]', 'folder', '.')
    .action(action(init));
}

async function init({ out, folder }: CommandContext, [dir]: readonly [string]): Promise<void> {
  const target = resolve(folder, dir);
  const written: string[] = [];
  const kept: string[] = [];
  for (const [name, text] of Object.entries(starterFiles(basename(target)))) {
    const isNew = await writeNew(join(target, name), text);
    (isNew ? written : kept).push(name);
  }
  const { green, dim, bold, cyan } = out.noteStyle;
  for (const name of written) out.note(`${green('+')} ${name}`);
  for (const name of kept) out.note(dim(`= ${name}  was there already and stays as it is`));
  const way = relative(folder, target);
  out.note(`\n${bold('Next:')}`);
  for (const line of [...(way === '' ? [] : [`cd ${way}`]), 'npx martlet dev', 'npx martlet invoke hello']) out.note(`  ${cyan(line)}`);
  out.result({ folder: target, written, kept }, () => []);
}

/** @returns false when there is a file of this name already */
async function writeNew(path: string, text: string): Promise<boolean> {
  try {
    await mkdir(dirname(path), { recursive: true });
    await writeFile(path, text, { flag: 'wx' });
    return true;
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'EEXIST') return false;
    throw new CliError(`Cannot write ${path}: ${error instanceof Error ? error.message : String(error)}.`, { cause: error });
  }
}
