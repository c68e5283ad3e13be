// `npm run simulate`: plays runs of many seeds and tells what they met. Ends with 1 at the first run that goes wrong, after
// telling its seed, its steps and the command that plays it again.

import { parseArgs } from 'node:util';
import { describeFailure } from './failure.ts';
import { playRun } from './simulation.ts';
import { Tally } from './tally.ts';

const PROGRESS_EVERY_MS = 1_000;

const HELP = `Usage: npm run simulate -- [options]

Plays seeded runs of several kernels over one failing database, and holds every answer against a naive model.

  --seeds N   how many runs (default 1000)
  --seed S    the first seed (default: drawn by the time)
  --keep-going  goes on after a run that went wrong
  --trace     tells every step of every run, calls to the database included
  --help      tells this`;

function readWhole(text: string, option: string): number {
  const value = Number(text);
  if (Number.isSafeInteger(value) && value >= 0) return value;
  throw new Error(`--${option} must be a whole number from 0 on, got ${JSON.stringify(text)}`);
}

async function main(): Promise<number> {
  const { values } = parseArgs({
    options: {
      seeds: { type: 'string', default: '1000' },
      seed: { type: 'string', default: String(Date.now()) },
      'keep-going': { type: 'boolean', default: false },
      trace: { type: 'boolean', default: false },
      help: { type: 'boolean', default: false },
    },
  });
  if (values.help) {
    console.log(HELP);
    return 0;
  }
  const [first, count] = [readWhole(values.seed, 'seed'), readWhole(values.seeds, 'seeds')];
  const [tally, beganAtMs] = [new Tally(), performance.now()];
  let [failed, played, toldAtMs] = [0, 0, beganAtMs];
  for (; played < count && (failed === 0 || values['keep-going']); played += 1) {
    const result = await playRun(first + played, { keepsDetails: values.trace });
    tally.join(result.tally);
    if (result.problems.length > 0) {
      failed += 1;
      console.error(describeFailure(result));
    } else if (values.trace) {
      console.log([`seed ${result.seed}, digest ${result.digest}`, ...result.steps].join('\n'));
    }
    if (performance.now() - toldAtMs > PROGRESS_EVERY_MS) {
      toldAtMs = performance.now();
      console.error(`${played + 1} of ${count} runs, ${failed} wrong, next seed ${first + played + 1}`);
    }
  }
  const seconds = (performance.now() - beganAtMs) / 1_000;
  if (!values.trace) console.log(tally.format());
  console.log(
    `${played} runs from seed ${first} on, ${failed} wrong, in ${seconds.toFixed(1)} s: ${(played / seconds).toFixed(1)} a second`,
  );
  return failed === 0 ? 0 : 1;
}

process.exitCode = await main();
