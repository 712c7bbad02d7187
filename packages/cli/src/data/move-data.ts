/** `martlet backup`, `restore` and `migrate`: everything that a server keeps, moved as a whole. */
import { resolve } from 'node:path';
import type { Command } from 'commander';
import type { MoveReport } from '@martlet/server';
import { usageError } from '../cli-error.ts';
import type { Action, CommandContext } from '../command-context.ts';
import { loadServerLibrary, type ServerLibrary } from '../server/server-library.ts';
import { configSources } from '../server/server-start.ts';

interface DataOptions {
  readonly data?: string;
}

interface MigrateOptions extends DataOptions {
  readonly from?: string;
  readonly to?: string;
}

type Move = (library: ServerLibrary, options: Parameters<ServerLibrary['backup']>[0]) => Promise<MoveReport>;

export function registerMoveData(program: Command, action: Action): void {
  program
    .command('backup <file>')
    .description('write all that the server keeps to one file; the server may run meanwhile')
    .option('--data <dir>', 'data folder of the server')
    .action(action(backup));
  program
    .command('restore <file>')
    .description('fill an empty data folder, or the empty database of MARTLET_DATABASE_URL, from a backup')
    .option('--data <dir>', 'data folder to fill')
    .action(action(restore));
  program
    .command('migrate')
    .description('copy a data folder into a PostgreSQL database; run it again after a cut, it goes on')
    .option('--from <dir>', 'data folder of the stopped server')
    .option('--to <url>', 'postgres://… of an empty database; default MARTLET_DATABASE_URL')
    .action(action(migrate));
}

async function backup(context: CommandContext, [file]: readonly [string], options: DataOptions): Promise<void> {
  const at = resolve(context.folder, file);
  const report = await move(context, { options, doing: `Writing ${at}`, run: (library, given) => library.backup(given, at) });
  context.out.result({ file: at, ...report }, () => [
    `${summary(report)} are in ${at}.`,
    ...(report.vaultKey === null
      ? []
      : [`Its secrets open with the vault key ${report.vaultKey}, which is not in it: keep vault.keys or MARTLET_VAULT_KEY as well.`]),
  ]);
}

async function restore(context: CommandContext, [file]: readonly [string], options: DataOptions): Promise<void> {
  const at = resolve(context.folder, file);
  const report = await move(context, { options, doing: `Reading ${at}`, run: (library, given) => library.restore(given, at) });
  context.out.result(report, () => [`${summary(report)} are restored, counted and ready to be served.`]);
}

async function migrate(context: CommandContext, _: readonly [], { from, to }: MigrateOptions): Promise<void> {
  if (from === undefined)
    throw usageError('Cannot migrate: the option --from is missing.', 'Name the data folder of the stopped server: --from .martlet');
  const folder = resolve(context.folder, from);
  const env = to === undefined ? context.env : { ...context.env, MARTLET_DATABASE_URL: to };
  const report = await move(
    { ...context, env },
    { options: {}, doing: `Copying ${folder}`, run: (library, given) => library.migrateToDatabase(given, folder) },
  );
  context.out.result(report, () => [
    report.was === 'complete'
      ? 'Nothing to do: this folder was copied into this database before.'
      : `${summary(report)} are in the database, and counted there.`,
    ...(report.vaultKey === null
      ? []
      : [`On every server set MARTLET_VAULT_KEY to the key ${report.vaultKey}: it is in ${folder}/vault.keys.`]),
  ]);
}

async function move(
  context: CommandContext,
  { options, doing, run }: { options: DataOptions; doing: string; run: Move },
): Promise<MoveReport> {
  const library = await loadServerLibrary();
  const data = options.data === undefined ? {} : { data: resolve(context.folder, options.data) };
  const config = library.loadConfig(configSources(context, { mode: 'serve', options: data, folder: context.folder }));
  const progress = context.out.progress(doing);
  try {
    const report = await run(library, { config, onProgress: throttled((text) => progress.update(`${doing}: ${text}`)) });
    progress.done(report.was === 'resumed' ? 'Done, from where it was cut' : 'Done');
    return report;
  } catch (error) {
    progress.fail('It was not finished');
    throw error;
  }
}

const SHOWN_EVERY_MS = 500;

function throttled(show: (text: string) => void): Parameters<ServerLibrary['backup']>[0]['onProgress'] {
  let shownAt = 0;
  return ({ name, copied }) => {
    if (performance.now() - shownAt < SHOWN_EVERY_MS) return;
    shownAt = performance.now();
    show(`${name} ${copied}`);
  };
}

function summary({ rows, artifacts }: MoveReport): string {
  return `${rows} rows and ${artifacts} artifacts`;
}
