/** Values out of newline-delimited JSON that comes in pieces. */
import { StreamError } from '../errors.ts';

export interface JsonLines {
  /** The values that this piece completes. */
  push(text: string): unknown[];
  /** The value of a last line without an end. */
  end(): unknown[];
}

const CHARACTERS_MAX = 16_777_216;

export function createJsonLines(): JsonLines {
  let rest = '';
  let count = 0;

  const valueOf = (line: string): unknown[] => {
    count += 1;
    if (line.trim() === '') return [];
    try {
      return [JSON.parse(line)];
    } catch (cause) {
      throw new StreamError(`Cannot read the stream: its line ${count} is not JSON.`, cause);
    }
  };

  return {
    push(text) {
      const lines = (rest + text).split('\n');
      rest = lines.pop() ?? '';
      if (rest.length > CHARACTERS_MAX)
        throw new StreamError(`Cannot read the stream: a line is longer than ${CHARACTERS_MAX} characters.`);
      return lines.flatMap(valueOf);
    },
    end() {
      const last = rest;
      rest = '';
      return last === '' ? [] : valueOf(last);
    },
  };
}
