/** Values of options that commander checks while it reads the command line, so that a wrong one is wrong usage. */
import { InvalidArgumentError } from 'commander';

/** For `.option('-n, --limit <count>', …, wholeNumber(1, 5000), 20)`. */
export function wholeNumber(min: number, max: number): (text: string) => number {
  return (text) => {
    const value = Number(text);
    if (!/^-?\d+$/.test(text) || value < min || value > max)
      throw new InvalidArgumentError(`It must be a whole number from ${min} to ${max}.`);
    return value;
  };
}

/** For an option that may be repeated. */
export function collect(value: string, all: readonly string[] = []): string[] {
  return [...all, value];
}
