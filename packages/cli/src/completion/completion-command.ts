/** `martlet completion bash | zsh | fish`: prints the script that makes a shell complete this command. */
import { Argument, type Command } from 'commander';
import type { Action, CommandContext } from '../command-context.ts';
import { commandTree } from './command-tree.ts';
import { completionScript, shells, type Shell } from './shell-scripts.ts';

export function registerCompletion(program: Command, action: Action): void {
  program
    .command('completion')
    .description('print the script that completes martlet in your shell, e.g. source <(martlet completion bash)')
    .addArgument(new Argument('<shell>', 'shell').choices(shells))
    .action(
      action(async ({ out }: CommandContext, [shell]: readonly [Shell]): Promise<void> => {
        const script = completionScript(shell, commandTree(program));
        if (out.json) out.result({ shell, script }, () => []);
        else out.write(script);
      }),
    );
}
