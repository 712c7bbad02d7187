/** The scripts that make a shell complete `martlet`. They hold all they need: a press of a key must not wait for a program. */
import type { CompletedCommand, CompletedOption } from './command-tree.ts';

export const shells = ['bash', 'zsh', 'fish'] as const;
export type Shell = (typeof shells)[number];

export function completionScript(shell: Shell, tree: readonly CompletedCommand[]): string {
  return { bash, zsh, fish }[shell](tree);
}

/** The words so far are followed down the tree; what is no command of the place belongs to the one before. */
function bash(tree: readonly CompletedCommand[]): string {
  const cases = tree.map(({ path, commands, options }) => {
    const words = [...commands.map(({ name }) => name), ...options.flatMap(({ flags }) => flags)];
    return `    ${quoted(path.join(' '))}) words=${quoted(words.join(' '))} ;;`;
  });
  return `# bash completion of martlet. For this shell: source <(martlet completion bash)
_martlet() {
  local place='' next word words current="\${COMP_WORDS[COMP_CWORD]}" previous="\${COMP_WORDS[COMP_CWORD-1]}"
  COMPREPLY=()
  case "$previous" in
    ${pathFlags(tree).join('|')}) COMPREPLY=($(compgen -f -- "$current")); return ;;
    ${valueFlags(tree).join('|')}) return ;;
  esac
  for word in "\${COMP_WORDS[@]:1:COMP_CWORD-1}"; do
    next="\${place:+$place }$word"
    case "$next" in
      ${tree
        .filter(({ path }) => path.length > 0)
        .map(({ path }) => quoted(path.join(' ')))
        .join('|')}) place="$next" ;;
    esac
  done
  case "$place" in
${cases.join('\n')}
  esac
  COMPREPLY=($(compgen -W "$words" -- "$current"))
}
complete -o default -F _martlet martlet
`;
}

function zsh(tree: readonly CompletedCommand[]): string {
  const cases = tree.map(({ path, commands, options }) => {
    const words = [
      ...commands.map(({ name, description }) => zshWord(name, description)),
      ...options.flatMap(({ flags, description }) => flags.map((flag) => zshWord(flag, description))),
    ];
    return `    ${quoted(path.join(' '))}) words_here=(${words.join(' ')}) ;;`;
  });
  return `#compdef martlet
# zsh completion of martlet. For this shell: source <(martlet completion zsh)
_martlet() {
  local place='' next word
  local -a words_here
  case "\${words[CURRENT-1]}" in
    ${pathFlags(tree).join('|')}) _files; return ;;
    ${valueFlags(tree).join('|')}) return ;;
  esac
  for word in "\${(@)words[2,CURRENT-1]}"; do
    next="\${place:+$place }$word"
    case "$next" in
      ${tree
        .filter(({ path }) => path.length > 0)
        .map(({ path }) => quoted(path.join(' ')))
        .join('|')}) place="$next" ;;
    esac
  done
  case "$place" in
${cases.join('\n')}
  esac
  _describe martlet words_here || _files
}
compdef _martlet martlet
`;
}

function fish(tree: readonly CompletedCommand[]): string {
  const lines = tree.flatMap(({ path, commands, options }) => {
    const condition = `-n ${quoted(`__martlet_at "${path.join(' ')}"`)}`;
    return [
      ...commands.map(({ name, description }) => `complete -c martlet -f ${condition} -a ${quoted(name)} -d ${quoted(description)}`),
      ...options.map((option) => `complete -c martlet ${condition} ${fishFlags(option)} -d ${quoted(option.description)}`),
    ];
  });
  const places = tree.filter(({ path }) => path.length > 0).map(({ path }) => quoted(path.join(' ')));
  return `# fish completion of martlet. For good: martlet completion fish > ~/.config/fish/completions/martlet.fish
function __martlet_at
  set -l place ''
  for word in (commandline -opc)[2..-1]
    set -l next (string trim -- "$place $word")
    contains -- "$next" ${places.join(' ')}; and set place "$next"
  end
  test "$place" = "$argv[1]"
end
${lines.join('\n')}
`;
}

function fishFlags({ flags, takesValue, takesPath }: CompletedOption): string {
  const named = flags.map((flag) => (flag.startsWith('--') ? `-l ${flag.slice(2)}` : `-s ${flag.slice(1)}`));
  return [...named, ...(takesPath ? ['-r'] : takesValue ? ['-x'] : [])].join(' ');
}

const flagsWhere = (tree: readonly CompletedCommand[], is: (option: CompletedOption) => boolean): string[] => [
  ...new Set(tree.flatMap(({ options }) => options.filter(is).flatMap(({ flags }) => flags))),
];
const pathFlags = (tree: readonly CompletedCommand[]): string[] => flagsWhere(tree, ({ takesPath }) => takesPath);
const valueFlags = (tree: readonly CompletedCommand[]): string[] =>
  flagsWhere(tree, ({ takesValue, takesPath }) => takesValue && !takesPath);

function zshWord(word: string, description: string): string {
  return quoted(`${word.replaceAll(':', String.raw`\:`)}:${description}`);
}

/** For a shell: nothing inside has a meaning. */
function quoted(text: string): string {
  return `'${text.replaceAll("'", String.raw`'\''`)}'`;
}
