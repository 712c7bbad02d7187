/** Names of suites that a host may be unable to run. */

/** The name, and why the suite is skipped where it is; the summary of `npm test` reads the reason from there. */
export function suiteName(name: string, skipped: string | undefined): string {
  return skipped === undefined ? name : `${name} (skipped: ${skipped})`;
}
