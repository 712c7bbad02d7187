/** The command `martlet`: declares the commands, runs the one that was asked for, returns its exit code. */
import { readFile } from 'node:fs/promises';
import { Command, CommanderError } from 'commander';
import { createAction } from './command-context.ts';
import { DEFAULT_URL } from './api/connection.ts';
import { dailyCommands } from './commands/daily-commands.ts';
import { registerDoctor } from './commands/run/doctor.ts';
import { registerMoveData } from './data/move-data.ts';
import { registerCompletion } from './completion/completion-command.ts';
import { registerContext } from './contexts/context-command.ts';
import { registerLogin } from './contexts/login-command.ts';
import { registerTypes } from './types/types-command.ts';
import { registerUsers } from './users/users-command.ts';

const USAGE_EXIT_CODE = 2;

const CONNECTION_HELP = `
Which server, project and key: the options first, then MARTLET_URL, MARTLET_PROJECT and MARTLET_API_KEY, then what a
running "martlet dev" left in .martlet/connection.json of this folder or one above, then the context in use, then
${DEFAULT_URL}. A context named by --context or MARTLET_CONTEXT comes before what is in the folder.
Exit codes: 0 done, 1 the platform or the function failed, 2 wrong usage.`;

/** Runs one command line (without `node` and the script). Never rejects. */
export async function main(args: readonly string[]): Promise<number> {
  endQuietlyWhenNobodyReads();
  let exitCode = 0;
  const action = createAction(process.env, (code) => {
    exitCode = code;
  });
  const program = declareProgram(await readVersion());
  const registrations = [
    ...dailyCommands,
    registerTypes,
    registerLogin,
    registerContext,
    registerUsers,
    registerDoctor,
    registerMoveData,
    registerCompletion,
  ];
  for (const register of registrations) register(program, action);
  forEachCommand(program, (command) => command.exitOverride().showHelpAfterError(`Usage: martlet ${pathOf(command)}${command.usage()}`));
  try {
    await program.parseAsync(args, { from: 'user' });
  } catch (error) {
    if (!(error instanceof CommanderError)) throw error;
    const asked = error.code === 'commander.helpDisplayed' || error.code === 'commander.version';
    exitCode = asked ? 0 : USAGE_EXIT_CODE;
  }
  return exitCode;
}

function declareProgram(version: string): Command {
  return new Command('martlet')
    .description('Martlet: write a TypeScript file, get an isolated, logged, callable function on your own machine.')
    .version(version, '-v, --version', 'print the version')
    .option('--url <url>', 'address of the server')
    .option('--project <id>', 'project')
    .option('--key <key>', 'API key')
    .option('--context <name>', 'stored server, project and key; see martlet context')
    .option('--json', 'results as JSON on stdout, everything else on stderr')
    .option('-q, --quiet', 'no progress, no remarks')
    .helpOption('-h, --help', 'show help')
    .helpCommand('help [command]', 'show help for a command')
    .configureHelp({ showGlobalOptions: false })
    .addHelpText('after', CONNECTION_HELP);
}

function forEachCommand(command: Command, visit: (command: Command) => void): void {
  visit(command);
  for (const child of command.commands) forEachCommand(child, visit);
}

function pathOf(command: Command): string {
  return command.parent === null ? '' : `${pathOf(command.parent)}${command.name()} `;
}

async function readVersion(): Promise<string> {
  const text = await readFile(new URL('../package.json', import.meta.url), 'utf8');
  return String(Reflect.get(JSON.parse(text) as object, 'version'));
}

/** `martlet logs | head`: a closed pipe is the reader's way to say enough. */
function endQuietlyWhenNobodyReads(): void {
  process.stdout.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code !== 'EPIPE') throw error;
    process.exit(0);
  });
}
