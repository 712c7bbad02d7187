/** The story of something as lines in the order of time: when, how long after the beginning, what, in words. */
import { timeOfDay } from './log-lines.ts';
import { printable, type Style } from './style.ts';
import { sinceStart } from './units.ts';

export interface StoryLine {
  /** ISO 8601. */
  readonly at: string;
  readonly code: string;
  readonly text: string;
}

/** Times are those of this machine; the date stands above the lines of each day. */
export function timeline(lines: readonly StoryLine[], style: Style): string[] {
  const began = Date.parse(lines[0]?.at ?? '');
  const since = lines.map(({ at }, index) => (index === 0 ? '' : sinceStart(Date.parse(at) - began)));
  const codes = Math.max(0, ...lines.map(({ code }) => code.length));
  const wide = Math.max(0, ...since.map((text) => text.length));
  let day = '';
  return lines.flatMap(({ at, code, text }, index) => {
    const time = new Date(at);
    const before = day;
    day = dayOf(time);
    const line = `  ${style.dim(timeOfDay(time.getTime()))}  ${style.dim((since[index] ?? '').padStart(wide))}  ${paint(code, style)(printable(code).padEnd(codes))}  ${printable(text)}`;
    return day === before ? [line] : [style.dim(day), line];
  });
}

function dayOf(time: Date): string {
  const two = (value: number): string => String(value).padStart(2, '0');
  return `${time.getFullYear()}-${two(time.getMonth() + 1)}-${two(time.getDate())}`;
}

const GOOD = new Set(['completed', 'ran', 'started', 'sent']);
const BAD = new Set(['failed', 'dead', 'attempt_failed', 'poison', 'exhausted', 'hops_exceeded', 'function_disabled', 'undecidable']);

/** Whether a decision is one by which something ran, or was sent. */
export function wentWell(code: string): boolean {
  return GOOD.has(code);
}

function paint(code: string, style: Style): (text: string) => string {
  if (wentWell(code)) return style.green;
  return BAD.has(code) ? style.red : style.yellow;
}
