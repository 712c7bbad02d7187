/** What a function is to be called with, as options say it. */
import { readFile } from 'node:fs/promises';
import { resolve } from 'node:path';
import { CliError, usageError } from '../cli-error.ts';
import { readStandardInput } from '../terminal/standard-input.ts';

/** Text, `@file`, or `-` for standard input. @throws {CliError} for a file that cannot be read */
export async function readData(data: string, folder: string): Promise<Buffer> {
  if (data === '-') return readStandardInput();
  if (!data.startsWith('@')) return Buffer.from(data);
  const path = resolve(folder, data.slice(1));
  try {
    return await readFile(path);
  } catch (error) {
    throw new CliError(`Cannot read ${path}: ${error instanceof Error ? error.message : String(error)}.`, { exitCode: 2, cause: error });
  }
}

/** Undefined for bytes that are no text. */
export function textOf(bytes: Uint8Array): string | undefined {
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch {
    return undefined;
  }
}

export function contentTypeOf(body: Uint8Array): string {
  const text = textOf(body);
  if (text === undefined) return 'application/octet-stream';
  try {
    JSON.parse(text);
    return 'application/json';
  } catch {
    return 'text/plain; charset=utf-8';
  }
}

/** @throws {CliError} wrong usage */
export function parseHeaders(lines: readonly string[]): Headers {
  const headers = new Headers();
  for (const line of lines) {
    const colon = line.indexOf(':');
    try {
      if (colon < 1) throw new TypeError('it has no colon');
      headers.append(line.slice(0, colon).trim(), line.slice(colon + 1).trim());
    } catch (error) {
      throw usageError(
        `Cannot use the header ${JSON.stringify(line)}: ${error instanceof Error ? error.message : String(error)}.`,
        `--header 'name: value'`,
      );
    }
  }
  return headers;
}

/** Path and query as the function sees them. */
export function functionPath(path: string): string {
  return path.startsWith('/') ? path : `/${path}`;
}
