/** Reads what a function threw. It may be anything, and may do anything when it is read: throw, loop back, be huge. */

export interface ErrorWords {
  readonly name: string;
  readonly message: string;
  /** With causes and the errors of an AggregateError; bounded, not yet mapped. */
  readonly stack: string;
}

/** How deep causes are followed, and how many errors of an AggregateError are shown. */
const DEPTH_MAX = 8;
const ERRORS_MAX = 20;

export function readError(error: unknown, stackMax: number): ErrorWords {
  if (!isErrorLike(error)) {
    const text = describeValue(error);
    return { name: 'Error', message: text, stack: text };
  }
  const name = textOf(error, 'name') ?? 'Error';
  const message = textOf(error, 'message') ?? '';
  return { name, message, stack: stackOf(error, { stackMax, seen: new Set() }).slice(0, stackMax) };
}

interface Walk {
  readonly stackMax: number;
  readonly seen: Set<object>;
}

function stackOf(error: object, walk: Walk): string {
  if (walk.seen.has(error)) return '[circular]';
  if (walk.seen.size >= DEPTH_MAX + ERRORS_MAX) return '[more]';
  walk.seen.add(error);
  let stack = ownStack(error, walk.stackMax);
  const cause = read(error, 'cause');
  if (cause !== undefined) stack += `\n  [cause]: ${indented(cause, walk)}`;
  for (const [index, inner] of errorsOf(error).entries()) {
    if (stack.length > walk.stackMax) break;
    stack += `\n  [errors ${index}]: ${indented(inner, walk)}`;
  }
  return stack;
}

/** Without a stack of its own an error is at least its name and message. */
function ownStack(error: object, stackMax: number): string {
  const stack = textOf(error, 'stack');
  if (stack !== undefined && stack !== '') return stack.slice(0, stackMax);
  const message = textOf(error, 'message') ?? '';
  return `${textOf(error, 'name') ?? 'Error'}${message === '' ? '' : `: ${message.slice(0, stackMax)}`}`;
}

function indented(value: unknown, walk: Walk): string {
  const text = isErrorLike(value) ? stackOf(value, walk) : describeValue(value);
  return text.replaceAll('\n', '\n  ');
}

function errorsOf(error: object): unknown[] {
  const errors = read(error, 'errors');
  try {
    return Array.isArray(errors) ? errors.slice(0, ERRORS_MAX) : [];
  } catch {
    return [];
  }
}

function isErrorLike(value: unknown): value is object {
  return (
    typeof value === 'object' && value !== null && (typeof read(value, 'stack') === 'string' || typeof read(value, 'message') === 'string')
  );
}

function textOf(object: object, key: string): string | undefined {
  const value = read(object, key);
  return typeof value === 'string' ? value : undefined;
}

function read(object: object, key: string): unknown {
  try {
    return Reflect.get(object, key);
  } catch {
    return undefined;
  }
}

/** For what is no error: text as it is, the rest as JSON (contract of Appwrite, section 7.5a). */
function describeValue(value: unknown): string {
  if (typeof value === 'string') return value;
  try {
    // A function may have a `toString` of its own.
    if (typeof value !== 'object' || value === null) return String(value);
    return JSON.stringify(value) ?? Object.prototype.toString.call(value);
  } catch {
    return '[a value that cannot be shown]';
  }
}
