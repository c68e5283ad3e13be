// Plays runs of many seeds: several kernels over one failing database, every answer held against the naive model. More by
// `npm run simulate -- --seeds N`.

import { describe, expect, it } from 'vitest';
import { roundCount } from '../support/round-count.ts';
import { describeFailure } from './failure.ts';
import { playRun } from './simulation.ts';
import { Tally } from './tally.ts';

const TIMEOUT_MS = roundCount(5, 120) * 60_000;

/** What a thousand runs must have met, or they prove less than they say. */
const MET: readonly string[] = [
  'writes rolled back',
  'fault refused',
  'fault answersLost',
  'fault landedLate',
  'fault sentTwice',
  'kernels saw racesLost',
  'kernels saw unknownOutcomes',
  'kernels saw replays',
  'request to a kernel that died',
  'request replayed',
  'request unknown OUTCOME_UNKNOWN',
  'request unwritten CLOCK_UNCERTAIN',
  'request unwritten DEADLINE_EXCEEDED',
  'refused ACCOUNT_NOT_OPEN',
  'refused ACTION_NOT_FOUND',
  'refused ENTRY_ALREADY_REVERSED',
  'refused ENTRY_NOT_FOUND',
  'refused ENTRY_NOT_REVERSIBLE',
  'refused HOLD_ENDED',
  'refused HOLD_NOT_FOUND',
  'refused IDEMPOTENCY_KEY_REUSED',
  'refused INSUFFICIENT_CREDITS',
  'entry began that pays a deficit',
  'entry lapsed',
  'entry used into the deficit',
  'entry held with overdraft',
  'entry extended',
  'entry settled in part',
  'entry settled beyond its hold',
  'entry settled into the deficit',
  'entry settled late',
  'entry released',
  'entry ran-out with pins whose credit had lapsed',
  'entry ran-out that pays a deficit',
  'entry undid with credit back',
  'entry undid with credit taken',
  'entry undid with deficit cancelled',
  'entry undid with lapsed credit',
  'entry redacted',
  'entry tried',
  'entry tried that pays a deficit',
  'entry quit',
  'entry tried-out',
  'refused TRIAL_ALREADY_USED',
  'refused TRIAL_NOT_ACTIVE',
  'refused TRIAL_NOT_OFFERED',
];

describe('kernels over a failing database', () => {
  it('give every client an answer that the history and the model bear out', { timeout: TIMEOUT_MS }, async () => {
    const tally = new Tally();
    const runs = roundCount(1_000, 50_000);
    for (let seed = 1; seed <= runs; seed += 1) {
      const result = await playRun(seed);
      if (result.problems.length > 0) expect.fail(describeFailure(result));
      tally.join(result.tally);
    }
    expect(MET.filter((what) => tally.of(what) === 0)).toEqual([]);
  });

  it('do the same again for the same seed, to the last byte', async () => {
    for (const seed of [3, 1_000_003, 2 ** 40 + 3]) {
      const [once, again] = [await playRun(seed, { keepsDetails: true }), await playRun(seed, { keepsDetails: true })];
      expect(again.steps).toEqual(once.steps);
      expect(again.digest).toBe(once.digest);
    }
  });

  it('do something else for each seed', async () => {
    const digests = new Set<string>();
    for (let seed = 1; seed <= 20; seed += 1) digests.add((await playRun(seed)).digest);
    expect(digests.size).toBe(20);
  });
});
