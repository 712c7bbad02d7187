/** `martlet serve`: the production server. */
import { resolve } from 'node:path';
import type { Command } from 'commander';
import type { Action, CommandContext } from '../../command-context.ts';
import { writeConnectionFile } from '../../api/connection.ts';
import {
  configSources,
  printReadyLine,
  serveUntilInterrupted,
  startPlatform,
  watchForTheEnd,
  type ServerOptions,
} from '../../server/server-start.ts';

export function registerServe(program: Command, action: Action): void {
  program
    .command('serve')
    .description('run a server in production; configured by MARTLET_* variables or martlet.config.json')
    .option('--port <port>', 'port; 0 takes a free one')
    .option('--host <address>', 'address to listen on')
    .option('--data <dir>', 'data folder')
    .action(action(serve));
}

async function serve(context: CommandContext, _: readonly [], options: ServerOptions): Promise<void> {
  const { out, folder } = context;
  const absolute = options.data === undefined ? options : { ...options, data: resolve(folder, options.data) };
  const interruption = watchForTheEnd();
  const platform = await startPlatform(configSources(context, { mode: 'serve', options: absolute, folder }));
  const { bold, cyan, dim, yellow } = out.noteStyle;
  out.note(
    `${bold('Martlet')} is serving  ${cyan(platform.url)}  ${dim(`project ${platform.project}, isolation tier ${platform.probe.tier}`)}`,
  );
  if (platform.apiKey !== undefined) {
    // It is shown once, so it is also kept where commands of this folder find it.
    await writeConnectionFile(folder, { url: platform.url, project: platform.project, apiKey: platform.apiKey });
    out.warn(`${yellow('!')} First start: the API key of the project is ${platform.apiKey}`);
    out.warn(`  It is shown only now, and kept in ${resolve(folder, '.martlet/connection.json')} for commands in this folder.`);
  }
  if (out.json) printReadyLine(context, platform);
  await serveUntilInterrupted(context, interruption, platform);
}
