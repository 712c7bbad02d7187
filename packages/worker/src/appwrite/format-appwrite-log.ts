/**
 * Text of `log()` and `error()` of an Appwrite handler (contract, section 7.7): arguments joined by a space, strings as
 * they are, errors as their stack, everything else as JSON of a view that also knows sets, maps, dates and big integers.
 */
import { isDate, isNativeError, isRegExp } from 'node:util/types';

/** A line is cut long before this is used up; beyond it a value is `null`. */
const NODES_MAX = 20_000;
const DEPTH_MAX = 50;

/** Never throws, whatever the values do when they are read. */
export function formatAppwriteLog(values: readonly unknown[]): string {
  if (values.length === 1 && typeof values[0] === 'string') return values[0];
  return values.map(formatValue).join(' ');
}

function formatValue(value: unknown): string {
  if (typeof value === 'string') return value;
  try {
    if (isNativeError(value)) return typeof value.stack === 'string' ? value.stack : String(value);
    // Functions and symbols have no JSON at all, which the contract writes as nothing.
    return JSON.stringify(new JsonView().of(value)) ?? '';
  } catch {
    return textOf(value);
  }
}

function textOf(value: unknown): string {
  try {
    return String(value);
  } catch {
    return '[cannot be shown]';
  }
}

class JsonView {
  #nodes = 0;
  readonly #ancestors = new Set<object>();

  of(value: unknown): unknown {
    this.#nodes += 1;
    if (this.#nodes > NODES_MAX) return null;
    switch (typeof value) {
      case 'undefined':
        return null;
      case 'bigint':
        return value.toString();
      case 'number':
        return Object.is(value, -0) ? '-0' : Number.isFinite(value) ? value : String(value);
      case 'object':
        return value === null ? null : this.#ofObject(value);
      default:
        return value;
    }
  }

  #ofObject(value: object): unknown {
    if (this.#ancestors.has(value) || this.#ancestors.size >= DEPTH_MAX) return null;
    this.#ancestors.add(value);
    const view = this.#inside(value);
    this.#ancestors.delete(value);
    return view;
  }

  #inside(value: object): unknown {
    if (isDate(value)) return Number.isNaN(value.valueOf()) ? null : value.toISOString();
    if (isRegExp(value)) return String(value);
    if (isNativeError(value)) return { name: this.of(value.name), message: this.of(value.message) };
    if (value instanceof URL) return value.href;
    if (value instanceof Set) return this.#list(value);
    if (value instanceof Map) return this.#list(value);
    if (Array.isArray(value)) return this.#list(value);
    if (ArrayBuffer.isView(value) && !(value instanceof DataView)) return this.#list(value as unknown as Iterable<unknown>);
    if ('toJSON' in value && typeof value.toJSON === 'function') return this.of(value.toJSON());
    return this.#record(value);
  }

  #list(values: Iterable<unknown>): unknown[] {
    const list: unknown[] = [];
    for (const item of values) {
      if (this.#nodes >= NODES_MAX) break;
      list.push(this.of(item));
    }
    return list;
  }

  #record(value: object): Record<string, unknown> {
    const record: Record<string, unknown> = {};
    for (const key of Object.keys(value)) {
      if (this.#nodes >= NODES_MAX) break;
      const item = this.of((value as Record<string, unknown>)[key]);
      Object.defineProperty(record, key, { value: item, enumerable: true, configurable: true, writable: true });
    }
    return record;
  }
}
