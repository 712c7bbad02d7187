/** `martlet types generate [--watch]`: names and types of the functions for the code that calls them. */
import { resolve } from 'node:path';
import type { Command } from 'commander';
import type { Action, CommandContext } from '../command-context.ts';
import { watchProject } from '../dev/watch-project.ts';
import { untilInterrupted } from '../interruption.ts';
import { readProject } from '../project/read-project.ts';
import type { Output } from '../terminal/output.ts';
import { printable } from '../terminal/style.ts';
import { generateTypes, type GeneratedTypes } from './generated-types.ts';

interface GenerateOptions {
  readonly dir: string;
  readonly watch?: boolean;
}

export function registerTypes(program: Command, action: Action): void {
  const types = program.command('types').description('TypeScript types of the functions, for the code that calls them');
  types
    .command('generate')
    .description('write martlet/.types/types.d.ts (base44/.types/types.d.ts in a Base44 project), and include it in tsconfig.json')
    .option('--dir <dir>', 'folder of the project', '.')
    .option('--watch', 'go on, and write again when functions change')
    .action(action(generate));
}

async function generate(context: CommandContext, _: readonly [], { dir, watch }: GenerateOptions): Promise<void> {
  const { out } = context;
  const folder = resolve(context.folder, dir);
  const { kind } = await readProject(folder);
  if (watch !== true) return writeOnce(out, folder);
  await untilInterrupted(async (signal) => {
    const keeper = createTypesKeeper(out, folder);
    const failed = (error: unknown): void =>
      out.warn(`${out.noteStyle.red('✗')} ${error instanceof Error ? error.message : String(error)}`);
    // The watch begins before the first look: what is saved in between is looked at twice, not never.
    const watcher = await watchProject({ folder, kind, onError: failed, onChanges: () => void keeper.refresh().catch(failed) });
    await keeper.refresh();
    out.note(out.noteStyle.dim('Watching for changes. Ctrl-C ends it.'));
    await new Promise<void>((done) => (signal.aborted ? done() : signal.addEventListener('abort', () => done(), { once: true })));
    await watcher.close();
  });
}

async function writeOnce(out: Output, folder: string): Promise<void> {
  const project = await readProject(folder);
  for (const problem of project.problems) out.warn(`${out.noteStyle.red('✗')} ${printable(problem.file)}: ${printable(problem.message)}`);
  const generated = await generateTypes(folder, project);
  tell(out, generated, 'everything');
  out.result(generated, () => []);
}

export interface TypesKeeper {
  /** Resolves when the files are what the folder is; asked for while one is at work, another look follows it. */
  refresh(): Promise<void>;
}

/** For `--watch` and for `martlet dev`; says only what it changed. With --json, `watch` prints a line for each change. */
export function createTypesKeeper(out: Output, folder: string, results: 'print' | 'keep quiet' = 'print'): TypesKeeper {
  let running: Promise<void> = Promise.resolve();
  let waiting: Promise<void> | undefined;
  const write = async (): Promise<void> => {
    waiting = undefined;
    const generated = await generateTypes(folder, await readProject(folder));
    const changed = generated.files.some((one) => one.changed || one.include.state === 'added');
    if (!changed) return;
    tell(out, generated, 'changes');
    if (out.json && results === 'print') out.print(JSON.stringify(generated));
  };
  return {
    refresh() {
      waiting ??= running.then(write);
      running = waiting.catch(() => undefined);
      return waiting;
    },
  };
}

function tell(out: Output, { functions, files }: GeneratedTypes, what: 'everything' | 'changes'): void {
  const { green, dim, yellow } = out.noteStyle;
  for (const { file, changed, include } of files) {
    if (changed) out.note(`${green('✓')} ${file}  ${functions} ${functions === 1 ? 'function' : 'functions'}`);
    else if (what === 'everything') out.note(dim(`= ${file}  is as it should be`));
    if (include.state === 'added') out.note(`${green('✓')} ${include.file}  includes it now`);
    if (include.state === 'by hand' && (changed || what === 'everything'))
      out.warn(
        `${yellow('!')} ${include.file} was left alone, since ${include.reason}. Add "${file.replace('types.d.ts', '*.d.ts')}" to its "include".`,
      );
  }
}
