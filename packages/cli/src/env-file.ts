/** `.env` files: names and values, one a line, with comments and quotes. */
import { parseEnv } from 'node:util';

const NAME = /^[A-Za-z_][A-Za-z0-9_]*$/;
const NAME_LENGTH_MAX = 255;

export function parseEnvFile(text: string): ReadonlyMap<string, string> {
  // A byte order mark would become part of the first name.
  return new Map(
    Object.entries(parseEnv(text.replace(/^\ufeff/, ''))).flatMap(([name, value]) => (value === undefined ? [] : [[name, value] as const])),
  );
}

/** The reason why this cannot be the name of an environment variable, or undefined where it can. */
export function variableNameProblem(name: string): string | undefined {
  if (!NAME.test(name)) return 'it must be made of letters, digits and underscores, and not begin with a digit';
  return name.length > NAME_LENGTH_MAX ? `it has more than ${NAME_LENGTH_MAX} characters` : undefined;
}
