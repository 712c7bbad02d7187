/** Times and spans as people type them. */
import { usageError } from '../cli-error.ts';

const UNITS_MS: Readonly<Record<string, number>> = { ms: 1, s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000, w: 604_800_000 };
const SPAN = /^(?:\d+(?:\.\d+)?(?:ms|[smhdw]))+$/;
const DATE = /^(\d{4})-(\d{2})-(\d{2})(?:[T ](\d{2}:\d{2}(?::\d{2}(?:\.\d{1,3})?)?)(Z|[+-]\d{2}:?\d{2})?)?$/i;

/** `30s`, `10m`, `1h30m`, `2d` in milliseconds. @throws {CliError} wrong usage, naming the option */
export function readSpan(text: string, option: string): number {
  if (!SPAN.test(text))
    throw usageError(`Cannot use ${JSON.stringify(text)} as ${option}: it is no span of time.`, `Write it such as 30s, 10m, 1h30m or 2d.`);
  const parts = [...text.matchAll(/(\d+(?:\.\d+)?)(ms|[smhdw])/g)];
  return Math.round(parts.reduce((sum, [, count = '0', unit = 's']) => sum + Number(count) * (UNITS_MS[unit] ?? 0), 0));
}

/** Whole seconds, at least one, for what the server counts in seconds. @throws {CliError} wrong usage, naming the option */
export function readSeconds(text: string, option: string): number {
  return Math.max(1, Math.round(readSpan(text, option) / 1000));
}

/** A date, or a date with a time; without a zone it is that of this machine. @throws {CliError} wrong usage, naming the option */
export function readTime(text: string, option: string): Date {
  const [, year = '', month = '', day = '', time = '00:00', zone = ''] = DATE.exec(text.trim()) ?? [];
  const date = new Date(`${year}-${month}-${day}T${time}${zone.toUpperCase()}`);
  // `new Date` takes the 31st of February for the 3rd of March.
  const daysInMonth = new Date(Date.UTC(Number(year), Number(month), 0)).getUTCDate();
  if (year === '' || Number.isNaN(date.getTime()) || Number(day) > daysInMonth)
    throw usageError(
      `Cannot use ${JSON.stringify(text)} as ${option}: it is no date with a time.`,
      'Write it such as 2027-01-31T18:00 (the time of this machine), 2027-01-31T18:00:00Z or 2027-01-31T18:00+02:00.',
    );
  return date;
}

/** A time from `--at` or `--in`, in the form of the API; undefined where neither is given. @throws {CliError} wrong usage */
export function readWhen({ at, in: span }: { readonly at?: string; readonly in?: string }): string | undefined {
  if (at !== undefined && span !== undefined) throw usageError('Cannot use --at together with --in: give one of them.');
  if (at !== undefined) return readTime(at, '--at').toISOString();
  return span === undefined ? undefined : new Date(Date.now() + readSpan(span, '--in')).toISOString();
}
