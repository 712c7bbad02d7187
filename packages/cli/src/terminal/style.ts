/** How text gets to a terminal: colour only where one is watching, and nothing hostile in what functions wrote. */

export interface Style {
  bold(text: string): string;
  dim(text: string): string;
  red(text: string): string;
  green(text: string): string;
  yellow(text: string): string;
  cyan(text: string): string;
}

/** Colours for a stream; plain text unless it is a terminal, and wherever NO_COLOR is set to anything. */
export function styleFor(stream: { readonly isTTY?: boolean }, env: NodeJS.ProcessEnv): Style {
  const coloured = stream.isTTY === true && (env['NO_COLOR'] ?? '') === '' && env['TERM'] !== 'dumb';
  const paint = (open: number, close: number) => (text: string) => (coloured ? `\u001b[${open}m${text}\u001b[${close}m` : text);
  return { bold: paint(1, 22), dim: paint(2, 22), red: paint(31, 39), green: paint(32, 39), yellow: paint(33, 39), cyan: paint(36, 39) };
}

/** Colours that a function gave its own lines. */
const SGR = new RegExp(String.raw`\u001b\[[0-9;]*m`, 'g');
/** Controls but tab and line feed, and the marks that turn the direction of text around. */
const UNPRINTABLE = new RegExp(String.raw`[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u202a-\u202e\u2066-\u2069]`, 'g');

/**
 * Text of functions and clients without control characters, so that a log line cannot move the cursor, rename the
 * window or write a fake line. Tab stays; a line feed becomes an indented line.
 */
export function printable(text: string): string {
  return text.replaceAll(SGR, '').replaceAll(/\r?\n/g, '\n    ').replaceAll(UNPRINTABLE, '\ufffd');
}
