/** What a shell can complete: the commands as they are declared, so that a new one is never forgotten. */
import type { Command, Option } from 'commander';

export interface CompletedCommand {
  /** Words from the first command to this one: `['types', 'generate']`; empty for `martlet` itself. */
  readonly path: readonly string[];
  readonly commands: readonly { readonly name: string; readonly description: string }[];
  readonly options: readonly CompletedOption[];
}

export interface CompletedOption {
  readonly flags: readonly string[];
  readonly description: string;
  readonly takesValue: boolean;
  /** Whether its value is a file or a folder. */
  readonly takesPath: boolean;
}

/** Every command below `program`, itself first. The options of `program` are taken by all of them. */
export function commandTree(program: Command): CompletedCommand[] {
  const shared = optionsOf(program);
  const walk = (command: Command, path: readonly string[]): CompletedCommand[] => {
    const children = command.commands.filter((child) => child.name() !== 'help');
    const own: CompletedCommand = {
      path,
      commands: children.map((child) => ({ name: child.name(), description: firstSentence(child.description()) })),
      options: command === program ? shared : [...optionsOf(command), ...shared],
    };
    return [own, ...children.flatMap((child) => walk(child, [...path, child.name()]))];
  };
  return walk(program, []);
}

function optionsOf(command: Command): CompletedOption[] {
  return command
    .createHelp()
    .visibleOptions(command)
    .map((option: Option) => ({
      flags: [option.short, option.long].filter((flag) => flag !== undefined && flag !== null),
      description: firstSentence(option.description),
      takesValue: option.required || option.optional,
      takesPath: /<(?:dir|file)>/.test(option.flags),
    }));
}

function firstSentence(text: string): string {
  return text.split(/[;\n]/, 1)[0] ?? '';
}
