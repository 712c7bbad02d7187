/**
 * Text of a console call: printf patterns and inspection as in Node, but it never throws, and the work that a huge value
 * causes is bounded before it begins.
 */
import { formatWithOptions, type InspectOptions } from 'node:util';
import { isProxy } from 'node:util/types';

/** Nodes of a value that are worth showing: about twice what fits into a log line. */
const NODES_MAX = 2000;
const DEPTH_MAX = 6;
const ITEMS_MAX = 100;
/** Longest string inside an object; the line as a whole is cut elsewhere. */
const STRING_MAX = 10_000;

/** Never throws, whatever the values do when they are looked at. */
export function formatLog(values: readonly unknown[], options: InspectOptions = {}): string {
  const [first] = values;
  // Most calls are this one.
  if (values.length === 1 && typeof first === 'string') return first;
  try {
    return formatWithOptions(inspectOptions(values, options), ...values.map(withFewKeys));
  } catch {
    return values.map((value) => formatOne(value, options)).join(' ');
  }
}

function formatOne(value: unknown, options: InspectOptions): string {
  try {
    return typeof value === 'string' ? value : formatWithOptions(inspectOptions([value], options), withFewKeys(value));
  } catch {
    return '[a value that cannot be shown]';
  }
}

function inspectOptions(values: readonly unknown[], options: InspectOptions): InspectOptions {
  const wanted = options.depth === undefined ? DEPTH_MAX : Math.min(options.depth ?? DEPTH_MAX, DEPTH_MAX);
  return { ...options, colors: false, depth: fittingDepth(values, wanted), maxArrayLength: ITEMS_MAX, maxStringLength: STRING_MAX };
}

/** The deepest level at which the values are small enough. */
function fittingDepth(values: readonly unknown[], wanted: number): number {
  for (let depth = wanted; depth > 0; depth -= 1) {
    if (values.every((value) => countNodes({ value, depth, left: NODES_MAX, ancestors: [] }) > 0)) return depth;
  }
  return 0;
}

interface Count {
  readonly value: unknown;
  readonly depth: number;
  readonly left: number;
  readonly ancestors: readonly object[];
}

/** Returns what is left of the budget after the value, 0 or less when it does not fit. Reads no getters. */
function countNodes({ value, depth, left, ancestors }: Count): number {
  if (typeof value !== 'object' || value === null || depth < 0 || ancestors.includes(value)) return left - 1;
  let rest = left - 1;
  const inner = [...ancestors, value];
  for (const child of children(value)) {
    rest = countNodes({ value: child, depth: depth - 1, left: rest, ancestors: inner });
    if (rest <= 0) return rest;
  }
  return rest;
}

function* children(value: object): Iterable<unknown> {
  // The traps of a proxy may do anything; `inspect` looks past them.
  if (ArrayBuffer.isView(value) || isProxy(value)) return;
  if (Array.isArray(value)) yield* value.slice(0, ITEMS_MAX);
  else if (value instanceof Map || value instanceof Set) yield* firstItems(value);
  else {
    for (const key of Object.keys(value)) yield Object.getOwnPropertyDescriptor(value, key)?.value;
  }
}

function* firstItems(items: Iterable<unknown>): Iterable<unknown> {
  let left = ITEMS_MAX;
  for (const item of items) {
    if (left === 0) return;
    left -= 1;
    yield item;
  }
}

/** `inspect` bounds arrays, maps and sets by itself, but shows every key of an object. */
function withFewKeys(value: unknown): unknown {
  if (typeof value !== 'object' || value === null || isProxy(value) || Array.isArray(value) || ArrayBuffer.isView(value)) return value;
  const keys = Object.keys(value);
  if (keys.length <= NODES_MAX) return value;
  const shown = Object.fromEntries(keys.slice(0, ITEMS_MAX).map((key) => [key, Object.getOwnPropertyDescriptor(value, key)?.value]));
  return { ...shown, '…': `${keys.length - ITEMS_MAX} more keys` };
}
