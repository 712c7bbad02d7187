/**
 * Reads the text of a schedule field by field, so that a mistake is refused with the name of its field and with what is
 * allowed there, and so that only what the docs describe reaches the library that finds the times.
 */
import { PlatformError } from './errors.ts';

export interface CronFields {
  /** Six fields with numbers only: second, minute, hour, day of month, month, day of week. */
  readonly text: string;
  /** Whether the hour or the minute has a wildcard or a step: such a schedule follows elapsed time over changes of the clock. */
  readonly byElapsedTime: boolean;
}

interface Field {
  readonly name: string;
  readonly min: number;
  readonly max: number;
  /** Names in the order of their numbers, the first of them standing for `min`. */
  readonly names?: readonly string[];
  /** What this field allows beside numbers, ranges and steps. */
  readonly special?: RegExp;
  readonly allowed: string;
}

const TEXT_LENGTH_MAX = 256;
const DAYS = ['SUN', 'MON', 'TUE', 'WED', 'THU', 'FRI', 'SAT'];
const MONTHS = ['JAN', 'FEB', 'MAR', 'APR', 'MAY', 'JUN', 'JUL', 'AUG', 'SEP', 'OCT', 'NOV', 'DEC'];

const SECOND: Field = { name: 'second', min: 0, max: 59, allowed: '0-59' };
const FIELDS: readonly Field[] = [
  { name: 'minute', min: 0, max: 59, allowed: '0-59' },
  { name: 'hour', min: 0, max: 23, allowed: '0-23' },
  {
    name: 'day of month',
    min: 1,
    max: 31,
    special: /^(?:\?|L|LW|(?:[1-9]|[12]\d|3[01])W)$/,
    allowed: '1-31, L (last day), LW (last weekday), 15W (weekday nearest to the 15th), ?',
  },
  { name: 'month', min: 1, max: 12, names: MONTHS, allowed: '1-12, JAN-DEC' },
  {
    name: 'day of week',
    min: 0,
    max: 7,
    names: DAYS,
    special: /^(?:\?|[0-7]L|[0-7]#[1-5])$/,
    allowed: '0-7 (0 and 7 are Sunday), SUN-SAT, 5L (last Friday), 5#2 (second Friday), ?',
  },
];

const NICKNAMES: Readonly<Record<string, string>> = {
  '@yearly': '0 0 0 1 1 *',
  '@annually': '0 0 0 1 1 *',
  '@monthly': '0 0 0 1 * *',
  '@weekly': '0 0 0 * * 0',
  '@daily': '0 0 0 * * *',
  '@midnight': '0 0 0 * * *',
  '@hourly': '0 0 * * * *',
};

/** @throws {PlatformError} `schedule_invalid` */
export function readCronFields(given: string): CronFields {
  const text = given.trim();
  if (text.length > TEXT_LENGTH_MAX) throw scheduleInvalid(text, `it has ${text.length} characters; at most ${TEXT_LENGTH_MAX}`);
  if (text.startsWith('@')) return nickname(text);
  const parts = text.split(/\s+/);
  if (parts.length !== 5 && parts.length !== 6)
    throw scheduleInvalid(
      text,
      `it has ${text === '' ? 0 : parts.length} fields; write five (${FIELDS.map(({ name }) => name).join(', ')}), or six with the second first`,
    );
  const fields = parts.length === 6 ? [SECOND, ...FIELDS] : FIELDS;
  const read = fields.map((field, at) => readField(text, field, parts[at] ?? ''));
  const [hour = '', minute = ''] = [read.at(-4), read.at(-5)];
  return { text: (read.length === 6 ? read : ['0', ...read]).join(' '), byElapsedTime: /[*/]/.test(hour + minute) };
}

export function scheduleInvalid(text: string, reason: string): PlatformError {
  return new PlatformError('schedule_invalid', `Cannot use the schedule ${JSON.stringify(text.slice(0, 80))}: ${reason}.`);
}

function nickname(text: string): CronFields {
  const fields = Object.hasOwn(NICKNAMES, text.toLowerCase()) ? NICKNAMES[text.toLowerCase()] : undefined;
  if (fields === undefined) throw scheduleInvalid(text, `it is no known short form; known are ${Object.keys(NICKNAMES).join(', ')}`);
  return { text: fields, byElapsedTime: text.toLowerCase() === '@hourly' };
}

function readField(text: string, field: Field, given: string): string {
  const items = given.toUpperCase().split(',');
  if (items.length > 1 && items.includes('?')) throw fieldInvalid(text, field, '? stands alone');
  return items.map((item) => readItem(text, field, item)).join(',');
}

// One of `*`, `*/n`, `a`, `a-b`, `a-b/n`, or a special form of the field.
function readItem(text: string, field: Field, item: string): string {
  const numbers = withNumbers(field, item);
  if (numbers === '?' && field.special !== undefined) return '*';
  if (field.special?.test(numbers)) return numbers;
  const [, from = '', to, step] = /^(\*|\d{1,2})(?:-(\d{1,2}))?(?:\/(\d{1,2}))?$/.exec(numbers) ?? [];
  if (from === '' || (from === '*' && to !== undefined)) throw fieldInvalid(text, field, `${JSON.stringify(item)} is not allowed`);
  for (const value of [from, to]) {
    if (value !== undefined && value !== '*' && (Number(value) < field.min || Number(value) > field.max))
      throw fieldInvalid(text, field, `${value} is out of range`);
  }
  if (to !== undefined && Number(to) < Number(from))
    throw fieldInvalid(text, field, `the range ${item} runs backwards; write it as two, such as 22-23,0-2`);
  if (step !== undefined) checkStep(text, field, { item, from, to, step: Number(step) });
  return numbers;
}

function checkStep(text: string, field: Field, at: { item: string; from: string; to: string | undefined; step: number }): void {
  const size = field.max - field.min + 1;
  if (at.step < 1 || at.step > size) throw fieldInvalid(text, field, `the step ${at.step} is out of range, 1-${size}`);
  if (at.from !== '*' && at.to === undefined)
    throw fieldInvalid(text, field, `${JSON.stringify(at.item)} has a step without a range; write ${at.from}-${field.max}/${at.step}`);
}

/** `MON-FRI` becomes `1-5`, and a range that ends on Sunday ends on 7. */
function withNumbers(field: Field, item: string): string {
  const { names } = field;
  if (names === undefined) return item;
  return item.replace(/[A-Z]{3}/g, (name, offset: number) => {
    const at = names.indexOf(name);
    if (at < 0) return name;
    return String(name === 'SUN' && item[offset - 1] === '-' ? 7 : at + field.min);
  });
}

function fieldInvalid(text: string, field: Field, reason: string): PlatformError {
  return scheduleInvalid(
    text,
    `in the field ${field.name}, ${reason}. Allowed are ${field.allowed}, lists (a,b), ranges (a-b), and steps (*/n, a-b/n)`,
  );
}
