import { join } from 'node:path';
import { defineConfig } from 'vitest/config';

const MINUTE_MS = 60_000;

/**
 * Two projects: `pure` needs nothing but Node, `engine` gets a real database from its global setup. So
 * `npx vitest run --project pure` answers in seconds. `--mode soak` runs the same tests with full rounds.
 */
export default defineConfig(({ mode }) => {
  const isSoak = mode === 'soak';
  // Where a machine wants the results too, as JSON (.ci/run does).
  const reportFile = process.env['TEST_REPORT_FILE'];
  return {
    test: {
      // Test files own processes, ports and databases: a process each keeps what one leaves behind from the next.
      pool: 'forks',
      maxWorkers: 2,
      // A test that passes at the second try has found something.
      retry: 0,
      testTimeout: isSoak ? 120 * MINUTE_MS : MINUTE_MS,
      hookTimeout: 2 * MINUTE_MS,
      teardownTimeout: MINUTE_MS / 2,
      // What a test waits for comes in milliseconds, but not on a machine that has other work: the bound is for what hangs.
      expect: { poll: { timeout: MINUTE_MS / 3 } },
      // Output of tests that pass is noise; that of a failing one is shown.
      silent: 'passed-only',
      // Programs that tests run again and again start in half the time where what was compiled is kept.
      env: { NODE_COMPILE_CACHE: join(import.meta.dirname, 'node_modules/.cache/compile') },
      provide: { isSoak },
      reporters: ['default', './dev/check/skipped-test-reporter.ts', ...(reportFile === undefined ? [] : ['json'])],
      outputFile: reportFile === undefined ? {} : { json: reportFile },
      projects: [
        {
          extends: true,
          test: {
            name: 'pure',
            include: ['test/{bff,check,console,domain,model,mutation,sandbox,simulation,stripe}/**/*.test.ts'],
          },
        },
        {
          extends: true,
          test: {
            name: 'engine',
            include: ['test/**/*.test.ts'],
            exclude: ['test/{bff,check,console,domain,model,mutation,sandbox,simulation,stripe}/**'],
            globalSetup: ['test/support/global-setup.ts'],
            setupFiles: ['test/support/file-engine.ts'],
          },
        },
      ],
    },
  };
});
