/** Prints what the proof has shown: by promise, and by fault. */
import type { Ran } from './main.ts';

const VIOLATIONS_SHOWN = 10;

export function printTables(ran: readonly Ran[], seed: number): void {
  const promises = new Map<string, { trials: number; violations: string[] }>();
  for (const { name, verdicts } of ran) {
    for (const { promise, trials, violations } of verdicts) {
      const sum = promises.get(promise) ?? { trials: 0, violations: [] };
      sum.trials += trials;
      sum.violations.push(...violations.map((violation) => `${name}: ${violation}`));
      promises.set(promise, sum);
    }
  }
  const kills = ran.reduce((sum, one) => sum + one.kills, 0);
  console.log(`| promise | trials | violations |\n| --- | ---: | ---: |`);
  for (const [promise, { trials, violations }] of promises) {
    if (!promise.startsWith('shown-by-') || violations.length > 0) console.log(`| ${promise} | ${trials} | ${violations.length} |`);
  }
  console.log(`\n| fault | injected | kills | seconds | violations | seed |\n| --- | ---: | ---: | ---: | ---: | ---: |`);
  for (const one of ran) {
    const violations = one.verdicts.reduce((sum, verdict) => sum + verdict.violations.length, 0);
    const result = one.skipped === undefined ? String(violations) : `skipped: ${one.skipped}`;
    console.log(`| ${one.name} | ${one.faults} | ${one.kills} | ${one.seconds.toFixed(0)} | ${result} | ${one.seed} |`);
  }
  const total = [...promises.values()].reduce((sum, { violations }) => sum + violations.length, 0);
  console.log(`\n${total} violations, ${kills} kills, seed ${seed}`);
  for (const [promise, { violations }] of promises) {
    for (const violation of violations.slice(0, VIOLATIONS_SHOWN)) console.log(`  ${promise}: ${violation}`);
    if (violations.length > VIOLATIONS_SHOWN) console.log(`  ${promise}: and ${violations.length - VIOLATIONS_SHOWN} more`);
  }
}
