// Owns: saying at the end of a test run which tests did not run here, and why.
// Invariant: a skipped test without a reason fails the run, so that none is forgotten; `context.skip('…')` gives one.

import type { Reporter, TestCase, TestModule, Vitest } from 'vitest/node';

/** Lists skipped tests with their reasons below the results. vitest loads it by its path in vitest.config.ts. */
export default class SkippedTestReporter implements Reporter {
  #isFiltered = false;

  onInit(vitest: Vitest): void {
    // A name filter skips all other tests: then a skip without a reason is what the person asked for.
    this.#isFiltered = vitest.config.testNamePattern !== undefined;
  }

  onTestRunEnd(modules: readonly TestModule[]): void {
    const skipped = modules.flatMap((module) => [...module.children.allTests('skipped')]);
    const reasoned = skipped.filter((test) => reasonOf(test) !== undefined);
    const silent = this.#isFiltered ? [] : skipped.filter((test) => reasonOf(test) === undefined);
    if (reasoned.length > 0) {
      console.log(`\n Not run here (${reasoned.length}):`);
      for (const test of reasoned) console.log(`   ${locate(test)}\n     ${reasonOf(test)}`);
    }
    if (silent.length > 0) {
      console.log(`\n Skipped without a reason (${silent.length}); say why with context.skip('…'):`);
      for (const test of silent) console.log(`   ${locate(test)}`);
      process.exitCode = 1;
    }
  }
}

function reasonOf(test: TestCase): string | undefined {
  const result = test.result();
  return result.state === 'skipped' ? result.note : undefined;
}

function locate(test: TestCase): string {
  return `${test.module.relativeModuleId} > ${test.fullName}`;
}
