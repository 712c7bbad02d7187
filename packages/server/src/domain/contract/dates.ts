/** Dates on the wire: ISO 8601 in UTC with milliseconds and `+00:00`, as the contract writes them. */

const DATE = /^\d{4}-\d\d-\d\d(?:[T ]\d\d:\d\d(?::\d\d(?:\.\d{1,9})?)?)?(Z|[+-]\d\d:?\d\d)?$/i;

/** `2026-01-31T06:38:00.000+00:00`; empty for a time that is not set. */
export function formatDate(time: number | null): string {
  return time === null ? '' : new Date(time).toISOString().replace('Z', '+00:00');
}

/** Milliseconds since 1970, or undefined where the text is no date. A date without a zone is in UTC. */
export function parseDate(text: string): number | undefined {
  const match = DATE.exec(text.trim());
  if (match === null) return undefined;
  const zoned = match[1] === undefined && text.trim().length > 10 ? `${text.trim()}Z` : text.trim();
  const time = Date.parse(zoned.replace(' ', 'T'));
  return Number.isNaN(time) ? undefined : time;
}
