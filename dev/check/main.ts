// `npm run check [-- <step> …]`: holds the repository to all that a machine can judge without running it.
// Owns: the list of steps and how their outcomes are shown. Runs all of them even when one fails.
// Does not own: the tests (`npm test`), and each tool's rules, which stand in that tool's own file.

import { fileURLToPath } from 'node:url';
import { styleText } from 'node:util';
import { checkGeneratedClient } from './client-generation.ts';
import { checkGeneratedCode } from './code-generation.ts';
import { commandStep } from './command-step.ts';
import { checkContractHistory } from './contract-history.ts';
import { checkDependencyAudit } from './dependency-audit.ts';
import { checkDocumentLinks } from './document-link.ts';
import { checkImportRule } from './import-rule.ts';
import { checkPackageLock } from './package-lock.ts';
import { failed, type Step, type StepOutcome } from './step.ts';

const STEPS: readonly Step[] = [
  commandStep({ name: 'types', claim: 'the types are sound', command: ['tsc', '--project', '.'] }),
  commandStep({
    name: 'console-types',
    claim: 'the types of the Console are sound',
    command: ['tsc', '--project', 'bff/console'],
  }),
  commandStep({
    name: 'lint',
    claim: 'format, lint rules and domain purity hold',
    command: ['biome', 'check', '--error-on-warnings', '--max-diagnostics=50', '.'],
    remedy: '`npm run format` mends what can be mended by a machine.',
  }),
  { name: 'imports', claim: 'every import is allowed', run: checkImportRule },
  commandStep({
    name: 'unused',
    claim: 'no unused file, export or package',
    command: ['knip', '--no-progress'],
    remedy: 'Remove what nothing uses. Entry points stand in knip.jsonc.',
  }),
  commandStep({ name: 'proto-lint', claim: 'the contracts keep the style', command: ['buf', 'lint'] }),
  commandStep({
    name: 'proto-format',
    claim: 'the contracts are formatted',
    command: ['buf', 'format', '--diff', '--exit-code'],
    remedy: '`npm run format` mends it.',
  }),
  { name: 'proto-breaking', claim: 'no contract breaks its clients', run: checkContractHistory },
  { name: 'generated', claim: 'gen/ is what proto/ gives', run: checkGeneratedCode },
  { name: 'generated-client', claim: 'the REST client is what the routes give', run: checkGeneratedClient },
  { name: 'packages', claim: 'packages are locked', run: checkPackageLock },
  { name: 'audit', claim: 'no package has a known vulnerability of weight', run: checkDependencyAudit },
  { name: 'links', claim: 'the documents link to what exists', run: checkDocumentLinks },
];

const MARKS = {
  passed: styleText('green', '✓'),
  failed: styleText('red', '✗'),
  skipped: styleText('yellow', '–'),
} as const;

/** Runs the named steps (all where none is named) one after the other and prints a line for each. */
async function main(names: readonly string[]): Promise<number> {
  const unknown = names.filter((name) => !STEPS.some((step) => step.name === name));
  if (unknown.length > 0) {
    console.error(`No step is named ${unknown.join(', ')}. Steps: ${STEPS.map((step) => step.name).join(', ')}.`);
    return 2;
  }
  const root = fileURLToPath(new URL('../..', import.meta.url));
  const chosen = STEPS.filter((step) => names.length === 0 || names.includes(step.name));
  const failures: string[] = [];
  const skips: string[] = [];
  for (const step of chosen) {
    const startedAt = performance.now();
    const outcome = await runStep(step, root);
    const seconds = ((performance.now() - startedAt) / 1000).toFixed(1);
    console.log(`${MARKS[outcome.kind]} ${step.name.padEnd(16)} ${describe(step, outcome)} (${seconds} s)`);
    if (outcome.kind === 'skipped') skips.push(step.name);
    if (outcome.kind !== 'failed') continue;
    failures.push(step.name);
    console.log(`\n${outcome.detail.replaceAll(/^/gm, '    ')}\n`);
  }
  if (failures.length === 0) {
    const unjudged = skips.length === 0 ? '' : ` Not judged: ${skips.join(', ')}.`;
    console.log(`\n${chosen.length - skips.length} of ${chosen.length} steps hold.${unjudged}`);
    return 0;
  }
  console.log(`\n${failures.length} of ${chosen.length} steps failed: ${failures.join(', ')}.`);
  console.log(`Run them alone with: npm run check -- ${failures.join(' ')}`);
  return 1;
}

async function runStep(step: Step, root: string): Promise<StepOutcome> {
  try {
    return await step.run(root);
  } catch (error) {
    return failed(error instanceof Error ? error.message : String(error));
  }
}

function describe(step: Step, outcome: StepOutcome): string {
  switch (outcome.kind) {
    case 'passed':
      return outcome.summary;
    case 'failed':
      return `does not hold: ${step.claim}`;
    case 'skipped':
      return `not judged: ${outcome.reason}`;
  }
}

process.exitCode = await main(process.argv.slice(2));
