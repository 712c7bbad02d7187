/** JSON from outside: valid UTF-8, nested no deeper than what walks through it later can bear, numbers with all their digits. */
import { eventInvalid } from './cloud-event.ts';

export const JSON_DEPTH_MAX = 128;

/** Of ECMAScript, and in Node since 22; its types are not in the standard library yet. */
const { rawJSON } = JSON as typeof JSON & { readonly rawJSON: (text: string) => unknown };
/** Numbers that a double may not hold, or that JSON would write in another way. */
const UNUSUAL_NUMBER = /[\d.]{16}|\d[eE]|\.\d*0(?!\d)|-0(?![.\d])/;

/**
 * What JSON writes again as it was, but for spaces. Numbers that would change are kept as they were written: they are objects here.
 * @throws {PlatformError} `event_invalid`, naming `field`
 */
export function readJson(bytes: Uint8Array, field: string): unknown {
  const text = decoded(bytes, field);
  if (isDeep(text)) throw eventInvalid('', field, `is nested deeper than ${JSON_DEPTH_MAX} levels`);
  try {
    return UNUSUAL_NUMBER.test(text) ? JSON.parse(text, keepNumber) : JSON.parse(text);
  } catch (error) {
    throw eventInvalid('', field, `is not JSON (${error instanceof Error ? error.message.slice(0, 120) : 'unreadable'})`);
  }
}

function decoded(bytes: Uint8Array, field: string): string {
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch {
    throw eventInvalid('', field, 'is not in UTF-8');
  }
}

function keepNumber(_key: string, value: unknown, context?: { readonly source?: string }): unknown {
  const source = context?.source;
  return typeof value === 'number' && source !== undefined && JSON.stringify(value) !== source ? rawJSON(source) : value;
}

/** Counts brackets outside of texts, before anything recursive sees them. */
function isDeep(text: string): boolean {
  let depth = 0;
  let inText = false;
  for (let at = 0; at < text.length; at += 1) {
    const char = text[at];
    if (inText && char === '\\') at += 1;
    else if (char === '"') inText = !inText;
    else if (inText) continue;
    else if (char === '[' || char === '{') depth += 1;
    else if (char === ']' || char === '}') depth -= 1;
    if (depth > JSON_DEPTH_MAX) return true;
  }
  return false;
}
