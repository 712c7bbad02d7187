/** Starting a server as `dev` and `serve` do: options, configuration file, ready line, draining at the end. */
import { usageError } from '../cli-error.ts';
import type { CommandContext } from '../command-context.ts';
import { watchInterruption, type Interruption } from '../interruption.ts';
import type { ConfigSources, Platform } from '@martlet/server';
import { loadServerLibrary } from './server-library.ts';

export interface ServerOptions {
  readonly port?: string;
  readonly data?: string;
  readonly host?: string;
}

/** After this the process ends even if something still holds it. */
const EXIT_GRACE_MS = 2000;

export async function startPlatform(sources: ConfigSources): Promise<Platform> {
  const { createPlatform, loadConfig } = await loadServerLibrary();
  return createPlatform(loadConfig(sources));
}

export interface ServerSetup {
  readonly mode: 'dev' | 'serve';
  readonly options: ServerOptions;
  /** Folder that may hold `martlet.config.json`. */
  readonly folder: string;
}

/** @throws {CliError} for a port that is none */
export function configSources({ env }: CommandContext, { mode, options: { port, data, host }, folder }: ServerSetup): ConfigSources {
  return { mode, env, folder, flags: { data, host, port: port === undefined ? undefined : parsePort(port) } };
}

/** The one line that programs wait for. */
export function printReadyLine({ out }: CommandContext, { url, project, apiKey, probe }: Platform): void {
  const key = apiKey === undefined ? {} : { apiKey };
  out.print(JSON.stringify({ event: 'ready', url, console: null, project, ...key, tier: probe.tier, pid: process.pid }));
}

/**
 * To be called before anything is started: a signal that comes while the server starts, or right after its ready line,
 * must drain it too. A second Ctrl-C does not wait.
 */
export function watchForTheEnd(): Interruption {
  return watchInterruption(() => process.exit(130));
}

/** Waits for Ctrl-C or SIGTERM, then lets executions in flight end. A server that lost its store ends at once: only the next one can open it. */
export async function serveUntilInterrupted(
  { out }: CommandContext,
  interruption: Interruption,
  { lost, close }: Pick<Platform, 'lost' | 'close'>,
): Promise<void> {
  await Promise.race([aborted(lost), interruption.arrived]);
  if (lost.aborted) {
    const { message } = lost.reason as Error;
    out.warn(`${out.noteStyle.red('✗')} The server ends, since it has lost its store and only a new start can open it. ${message}`);
    process.exit(1);
  }
  out.note('Stopping: no new requests, those in flight may end. Ctrl-C again ends at once.');
  await close();
  interruption.stop();
  // Nothing is left to do; a handle that some library forgot shall not keep the process.
  setTimeout(() => process.exit(), EXIT_GRACE_MS).unref();
}

function parsePort(text: string): number {
  const port = Number(text);
  if (!/^\d+$/.test(text) || port > 65_535)
    throw usageError(`Cannot use ${JSON.stringify(text)} as --port: it must be a number from 0 to 65535; 0 takes a free one.`);
  return port;
}

function aborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve();
    else signal.addEventListener('abort', () => resolve(), { once: true });
  });
}
