/**
 * `.martletignore`: which files stay at home. The useful part of the gitignore rules: `*`, `**`, `?`, a trailing slash
 * for folders, a slash elsewhere ties the pattern to the root, `!` takes a file back in, the last match wins.
 */
export type IsIgnored = (path: string, isFolder: boolean) => boolean;

/** Never part of a deployment: installed packages, history, local state, generated types, and files that hold secrets. */
const ALWAYS = ['node_modules/', '.git/', '.martlet/', '.types/', '.env', '.env.*', '.DS_Store'];

/** A test for the lines of ignore files; `always` cannot be taken back in. */
export function createIgnoreRules(lines: readonly string[]): IsIgnored {
  const always = ALWAYS.map(parseRule);
  const rules = lines
    .map((line) => line.trim())
    .filter((line) => line !== '' && !line.startsWith('#'))
    .map(parseRule);
  return (path, isFolder) => {
    const matches = (rule: Rule): boolean => (isFolder || !rule.foldersOnly) && rule.pattern.test(path);
    return always.some(matches) || rules.findLast(matches)?.keep === false;
  };
}

interface Rule {
  readonly pattern: RegExp;
  readonly foldersOnly: boolean;
  readonly keep: boolean;
}

function parseRule(line: string): Rule {
  const keep = line.startsWith('!');
  const bare = keep ? line.slice(1) : line;
  const foldersOnly = bare.endsWith('/');
  const glob = bare.replace(/\/+$/, '');
  const anchored = glob.includes('/');
  const source = glob
    .replace(/^\//, '')
    .split(/(\*\*\/|\*\*|\*|\?)/)
    .map(globPart)
    .join('');
  return { pattern: new RegExp(`${anchored ? '^' : '(?:^|/)'}${source}$`), foldersOnly, keep };
}

function globPart(part: string): string {
  switch (part) {
    case '**/':
      return '(?:[^/]+/)*';
    case '**':
      return '.*';
    case '*':
      return '[^/]*';
    case '?':
      return '[^/]';
    default:
      return part.replaceAll(/[\\^$.*+?()[\]{}|]/g, String.raw`\$&`);
  }
}
