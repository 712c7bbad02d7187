/** What every command is given, and the one place where its failures become words and an exit code. */
import type { Command } from 'commander';
import { createApiClient, type ApiClient } from './api/api-client.ts';
import { toCliError, type CliError } from './cli-error.ts';
import { resolveConnection, type ConnectionFlags } from './api/connection.ts';
import { createOutput, type Output } from './terminal/output.ts';

export interface CommandContext {
  readonly out: Output;
  readonly env: NodeJS.ProcessEnv;
  /** Folder that the command was started in. */
  readonly folder: string;
  /** The options that say which server is meant, as they were given. */
  readonly flags: ConnectionFlags;
  /** Finds out which server is meant; does not talk to it yet. */
  connect(): Promise<ApiClient>;
}

export type GlobalOptions = ConnectionFlags & { readonly json?: boolean; readonly quiet?: boolean };

/** The work of a command: arguments as declared, then its options. Returns an exit code; nothing means 0. */
export type Work<Args extends readonly unknown[], Options> = (
  context: CommandContext,
  args: Args,
  options: Options,
) => Promise<number | void>;

/** Makes a commander action of the work of a command. */
export type Action = <Args extends readonly unknown[], Options>(work: Work<Args, Options>) => (...all: unknown[]) => Promise<void>;

export function createAction(env: NodeJS.ProcessEnv, exit: (code: number) => void): Action {
  return <Args extends readonly unknown[], Options>(work: Work<Args, Options>) =>
    async (...all: unknown[]): Promise<void> => {
      const command = all.at(-1) as Command;
      const flags: GlobalOptions = command.optsWithGlobals();
      const context = createContext(flags, env);
      try {
        exit((await work(context, command.processedArgs as unknown as Args, command.opts() as Options)) ?? 0);
      } catch (error) {
        const failure = toCliError(error);
        reportFailure(context.out, failure, env);
        exit(failure.exitCode);
      }
    };
}

function createContext(flags: GlobalOptions, env: NodeJS.ProcessEnv): CommandContext {
  const folder = process.cwd();
  return {
    out: createOutput({ json: flags.json === true, quiet: flags.quiet === true, env }),
    env,
    folder,
    flags,
    connect: async () => createApiClient(await resolveConnection({ flags, env, folder })),
  };
}

/** What happened and why, then what to do; the stack only on request. */
export function reportFailure(out: Pick<Output, 'warn' | 'noteStyle'>, failure: CliError, env: NodeJS.ProcessEnv): void {
  const { red, dim, bold } = out.noteStyle;
  const code = failure.code === undefined ? '' : dim(` (${failure.code})`);
  out.warn(`${red('✗')} ${failure.message}${code}`);
  if (failure.next !== undefined) out.warn(`  ${bold('Next:')} ${failure.next}`);
  if (env['MARTLET_DEBUG'] === '1')
    for (let error: unknown = failure; error instanceof Error; error = error.cause) out.warn(dim(error.stack ?? error.message));
}
