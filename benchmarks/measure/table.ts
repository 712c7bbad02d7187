/** Makes rows of what was measured, and a table of rows. */
import { median } from '../load/percentiles.ts';
import type { MachineFacts } from '../hosts/machine.ts';
import type { Bound, Measured, MeasureRow } from './measure-row.ts';

export function toRow({ measure, ours, peer, values, bound }: Measured): MeasureRow {
  const ratio = median(values);
  return {
    measure,
    ours,
    peer,
    ratio,
    unit: bound.unit,
    must: bound.side === 'none' ? '' : formatBound(bound, bound.must),
    aim: bound.side === 'none' ? '' : formatBound(bound, bound.aim),
    ok: bound.side === 'none' || reaches(bound, ratio, bound.must),
    aimReached: bound.side !== 'none' && reaches(bound, ratio, bound.aim),
    ...(values.length > 1 ? { spread: [Math.min(...values), Math.max(...values)] as const } : {}),
  };
}

export function toMarkdown(rows: readonly MeasureRow[], machine: MachineFacts): string {
  const lines = rows.map(({ measure, ours, peer, ratio, unit, spread, must, aim, ok, aimReached }) => {
    const range = spread === undefined ? '' : ` (${format(spread[0])}–${format(spread[1])})`;
    return `| ${measure} | ${ours} | ${peer} | ${formatValue(ratio, unit)}${range} | ${must} | ${aim} | ${must === '' ? '' : ok ? (aimReached ? 'yes, and the aim' : 'yes') : '**no**'} |`;
  });
  return [
    `Measured ${machine.date} on ${machine.cpu}, ${machine.cores} cores, ${machine.memoryGb} GB, Linux ${machine.kernel}, Node ${machine.node}, load by ${machine.load}${machine.quick ? '; quick rounds, not to be quoted' : ''}.`,
    '',
    '| measure | Martlet | peer | result | must | aim | reached |',
    '| --- | --- | --- | --- | --- | --- | --- |',
    ...lines,
  ].join('\n');
}

export const formatMs = (value: number): string => `${value.toFixed(value < 10 ? 2 : 0)} ms`;

const formatBound = ({ side, unit }: Bound, value: number) =>
  `${side === 'at least' ? '≥' : '≤'} ${unit === '×' ? `${value}` : `${value} ${unit}`}`;
const reaches = ({ side }: Bound, value: number, limit: number) => (side === 'at least' ? value >= limit : value <= limit);
const formatValue = (value: number, unit: Bound['unit']) => (unit === '×' ? `${format(value)}×` : `${format(value)} ${unit}`);
const format = (value: number) => value.toFixed(Math.abs(value) >= 100 ? 0 : Math.abs(value) >= 10 ? 1 : 2);
