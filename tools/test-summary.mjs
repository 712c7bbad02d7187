/**
 * A vitest reporter that writes what came of the run to the file named by TEST_SUMMARY_FILE, for tools/test.mjs:
 * counts, and every skipped test with the reason that it gave.
 */
import { writeFileSync } from 'node:fs';
import { relative } from 'node:path';

// oxlint-disable-next-line import/no-default-export -- vitest takes a reporter by its default export
export default class TestSummary {
  onTestRunEnd(modules, errors) {
    const summary = { passed: 0, failed: errors.length, skipped: [] };
    for (const module of modules) {
      const file = relative(process.cwd(), module.moduleId);
      // A file that cannot be loaded has errors and no tests.
      if (module.errors().length > 0) summary.failed += 1;
      for (const test of module.children.allTests()) {
        const result = test.result();
        if (result.state === 'passed') summary.passed += 1;
        else if (result.state === 'failed') summary.failed += 1;
        else summary.skipped.push(describeSkipped(test, file, result.note));
      }
    }
    writeFileSync(process.env.TEST_SUMMARY_FILE, JSON.stringify(summary));
  }
}

function describeSkipped(test, file, note) {
  const reason = note ?? reasonOfSuite(test);
  return { test: `${file} > ${test.fullName}`.replace(` (skipped: ${reason})`, ''), reason };
}

/** A suite that a host cannot run has the reason in its name. */
function reasonOfSuite(test) {
  for (let suite = test.parent; suite.type === 'suite'; suite = suite.parent) {
    const [, reason] = /\(skipped: (.*)\)$/s.exec(suite.name) ?? [];
    if (reason !== undefined) return reason;
  }
  return 'no reason given';
}
