/** Numbers in the words of people. */

/** `3.1 ms`, `12 ms`, `1.42 s`, `3 min 5 s`. */
export function duration(milliseconds: number): string {
  if (milliseconds < 10) return `${milliseconds.toFixed(1)} ms`;
  if (milliseconds < 1000) return `${Math.round(milliseconds)} ms`;
  if (milliseconds < 60_000) return `${(milliseconds / 1000).toFixed(2)} s`;
  return `${Math.floor(milliseconds / 60_000)} min ${Math.round((milliseconds % 60_000) / 1000)} s`;
}

/** `812 B`, `4.1 KB`, `30.0 MB` with powers of 1000, as disks and limits are counted. */
export function bytes(count: number): string {
  if (count < 1000) return `${count} B`;
  if (count < 1_000_000) return `${(count / 1000).toFixed(1)} KB`;
  if (count < 1_000_000_000) return `${(count / 1_000_000).toFixed(1)} MB`;
  return `${(count / 1_000_000_000).toFixed(1)} GB`;
}

/** `12 s ago`, `5 min ago`, `3 h ago`, `2 days ago`; the date itself beyond a month. Empty for an empty date. */
export function ago(isoDate: string, nowMs: number): string {
  if (isoDate === '') return '';
  const seconds = Math.max(0, Math.round((nowMs - Date.parse(isoDate)) / 1000));
  if (Number.isNaN(seconds)) return isoDate;
  if (seconds < 60) return `${seconds} s ago`;
  if (seconds < 3600) return `${Math.floor(seconds / 60)} min ago`;
  if (seconds < 86_400) return `${Math.floor(seconds / 3600)} h ago`;
  if (seconds < 30 * 86_400) return `${days(seconds)} ago`;
  return isoDate.slice(0, 10);
}

/** `in 40 s`, `in 5 min`, `in 3 h`, `in 2 days`; `now` for what is over. Empty for an empty date. */
export function until(isoDate: string, nowMs: number): string {
  if (isoDate === '') return '';
  const seconds = Math.round((Date.parse(isoDate) - nowMs) / 1000);
  if (Number.isNaN(seconds)) return isoDate;
  if (seconds <= 0) return 'now';
  if (seconds < 60) return `in ${seconds} s`;
  if (seconds < 3600) return `in ${Math.floor(seconds / 60)} min`;
  if (seconds < 86_400) return `in ${Math.floor(seconds / 3600)} h`;
  return `in ${days(seconds)}`;
}

/** `+12 ms`, `+3.2 s`, `+4 min 2 s`, `+3 h 5 min`, `+2 days 3 h`. */
export function sinceStart(milliseconds: number): string {
  const whole = Math.max(0, Math.round(milliseconds));
  if (whole < 1000) return `+${whole} ms`;
  if (whole < 60_000) return `+${(whole / 1000).toFixed(1)} s`;
  const minutes = Math.floor(whole / 60_000);
  if (minutes < 60) return `+${minutes} min ${Math.floor((whole % 60_000) / 1000)} s`;
  const hours = Math.floor(minutes / 60);
  return hours < 24 ? `+${hours} h ${minutes % 60} min` : `+${days(hours * 3600)} ${hours % 24} h`;
}

function days(seconds: number): string {
  const count = Math.floor(seconds / 86_400);
  return `${count} ${count === 1 ? 'day' : 'days'}`;
}
