/**
 * Takes the place of installed dependencies on this host out of code and source map. esbuild names modules by their
 * path, in front of code that has mappings, so columns behind it move: they are counted anew.
 */

export interface Emitted {
  readonly code: string;
  /** JSON of the source map. */
  readonly map: string;
}

/** `prefix` is unmistakable: it holds a hash. */
export function hidePath({ code, map }: Emitted, prefix: string): Emitted {
  const parsed = JSON.parse(map) as { sources: string[]; mappings: string };
  const lines = code.split('\n');
  const mappings = parsed.mappings
    .split(';')
    .map((segments, index) => (segments === '' ? '' : shiftLine(segments, placesOf(lines[index] ?? '', prefix), prefix.length)));
  const sources = parsed.sources.map((source) => source.replaceAll(prefix, ''));
  return { code: code.replaceAll(prefix, ''), map: JSON.stringify({ ...parsed, sources, mappings: mappings.join(';') }) };
}

function placesOf(line: string, prefix: string): number[] {
  const places: number[] = [];
  for (let at = line.indexOf(prefix); at !== -1; at = line.indexOf(prefix, at + prefix.length)) places.push(at);
  return places;
}

/** Only the first number of a segment is a column of the line; it is relative to the segment before. */
function shiftLine(segments: string, places: readonly number[], length: number): string {
  if (places.length === 0) return segments;
  let column = 0;
  let shiftedColumn = 0;
  return segments
    .split(',')
    .map((segment) => {
      const { value, rest } = decodeFirst(segment);
      column += value;
      const shifted = Math.max(0, column - length * places.filter((place) => place < column).length);
      const encoded = encode(shifted - shiftedColumn);
      shiftedColumn = shifted;
      return encoded + rest;
    })
    .join(',');
}

const DIGITS = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/';

/** Base64 VLQ of the source map format: five bits a digit, low ones first, the lowest bit of all is the sign. */
function decodeFirst(segment: string): { value: number; rest: string } {
  let bits = 0;
  for (let index = 0; ; index += 1) {
    const digit = DIGITS.indexOf(segment.charAt(index));
    bits |= (digit & 31) << (5 * index);
    if ((digit & 32) === 0) return { value: (bits & 1) === 1 ? -(bits >> 1) : bits >> 1, rest: segment.slice(index + 1) };
  }
}

function encode(value: number): string {
  let bits = value < 0 ? (-value << 1) | 1 : value << 1;
  let text = '';
  do {
    const more = bits > 31;
    text += DIGITS.charAt((bits & 31) | (more ? 32 : 0));
    bits >>= 5;
  } while (bits > 0);
  return text;
}
