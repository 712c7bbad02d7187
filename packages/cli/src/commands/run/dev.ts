/** `martlet dev [dir]`: the whole platform in this process, with the functions of a folder live as they are saved. */
import { existsSync } from 'node:fs';
import { join, resolve } from 'node:path';
import type { Command } from 'commander';
import type { Action, CommandContext } from '../../command-context.ts';
import { removeConnectionFile, writeConnectionFile } from '../../api/connection.ts';
import { createDevHost } from '../../dev/dev-host.ts';
import { applyEnvFile } from '../../dev/dev-variables.ts';
import { followTriggers, tellWhatFollows, triggersOf, type DevTriggersOptions } from '../../dev/dev-triggers.ts';
import { createDevView, type DevView } from '../../dev/dev-view.ts';
import { LiveProject } from '../../dev/live-project.ts';
import { watchProject } from '../../dev/watch-project.ts';
import { createTypesKeeper } from '../../types/types-command.ts';
import { readProject } from '../../project/read-project.ts';
import type { Platform } from '@martlet/server';
import {
  configSources,
  printReadyLine,
  serveUntilInterrupted,
  startPlatform,
  watchForTheEnd,
  type ServerOptions,
} from '../../server/server-start.ts';
import type { Output } from '../../terminal/output.ts';

const BUILDS_AT_ONCE = 4;

type DevOptions = ServerOptions & { readonly types: boolean };

export function registerDev(program: Command, action: Action): void {
  program
    .command('dev')
    .description('run everything here, with reload on save')
    .argument('[dir]', 'folder of the project', '.')
    .option('--port <port>', 'port; 0 takes a free one')
    .option('--host <address>', 'address to listen on')
    .option('--data <dir>', 'data folder; default: .martlet in the project')
    .option('--no-types', 'do not write types of the functions; without tsconfig.json they are not written anyway')
    .action(action(dev));
}

async function dev(context: CommandContext, [dir]: readonly [string], options: DevOptions): Promise<void> {
  const { out } = context;
  const began = performance.now();
  const beganAt = Date.now();
  const folder = resolve(context.folder, dir);
  const { kind } = await readProject(folder);
  const data = resolve(context.folder, options.data ?? resolve(folder, '.martlet'));
  const interruption = watchForTheEnd();
  const platform = await startPlatform(configSources(context, { mode: 'dev', options: { ...options, data }, folder }));
  const stopping = new AbortController();
  /** Nothing is asked of the platform from here on; what still ends is told. */
  const closing = new AbortController();
  try {
    await writeConnectionFile(folder, {
      url: platform.url,
      project: platform.project,
      pid: process.pid,
      ...(platform.apiKey === undefined ? {} : { apiKey: platform.apiKey }),
    });
    await loadEnv(platform, folder, out);
    const view = createDevView(out);
    const live = new LiveProject({
      host: createDevHost({ platform, folder, kind }),
      reporter: view,
      read: () => readProject(folder),
      width: BUILDS_AT_ONCE,
    });
    const failed = (error: unknown): void =>
      out.warn(`${out.noteStyle.red('✗')} ${error instanceof Error ? error.message : String(error)}`);
    const keeper = options.types ? createTypesKeeper(out, folder, 'keep quiet') : undefined;
    // Who has no tsconfig.json reads no types.
    const types = async (): Promise<void> => (existsSync(join(folder, 'tsconfig.json')) ? keeper?.refresh() : undefined);
    // The watch begins before the first look at the folder: what is saved in between is then built twice, not never.
    const watcher = await watchProject({
      folder,
      kind,
      onError: failed,
      onChanges: ({ files, structural }) => {
        if (files.has('.env')) loadEnv(platform, folder, out).catch(failed);
        live.update(files, structural).then(types).catch(failed);
      },
    });
    await live.open();
    types().catch(failed);
    const triggers = { platform, reporter: view, signal: closing.signal };
    const failedWhileOpen = (error: unknown): void => (closing.signal.aborted ? undefined : failed(error));
    followExecutions({ ...triggers, until: stopping.signal }, view, failedWhileOpen).catch(failed);
    followTriggers(triggers, beganAt).catch(failedWhileOpen);
    view.ready(
      { url: platform.url, tier: platform.probe.tier, triggers: await triggersOf(platform) },
      live.functions,
      performance.now() - began,
    );
    if (out.json) printReadyLine(context, platform);
    await serveUntilInterrupted(context, interruption, {
      lost: platform.lost,
      async close() {
        closing.abort();
        await watcher.close();
        await platform.close();
      },
    });
  } catch (error) {
    await platform.close();
    throw error;
  } finally {
    stopping.abort();
    await removeConnectionFile(folder, process.pid);
  }
}

async function followExecutions(
  { until, ...triggers }: DevTriggersOptions & { readonly until: AbortSignal },
  view: DevView,
  failed: (error: unknown) => void,
): Promise<void> {
  const { platform } = triggers;
  for await (const event of await platform.services.executions.follow(platform.project, { signal: until })) {
    view.followed(event);
    const { ended, executionId, functionId } = event;
    if (ended === undefined || ended.attempt === 0 || ended.status !== 'failed' || ended.errorCode === 'execution_canceled') continue;
    tellWhatFollows(triggers, { executionId, functionId, endedAt: ended.endedAt ?? 0 }).catch(failed);
  }
}

async function loadEnv(platform: Platform, folder: string, out: Output): Promise<void> {
  const { count, warnings } = await applyEnvFile(platform, folder);
  if (count > 0) out.note(out.noteStyle.dim(`${count} ${count === 1 ? 'variable' : 'variables'} from .env`));
  for (const warning of warnings) out.warn(`${out.noteStyle.yellow('!')} ${warning}`);
}
