// When a balance crosses a threshold: a table, and against a naive model over any balances, in whatever chunks they are looked at.

import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  type BalanceCrossing,
  type BalancePoint,
  computeCrossings,
  placeThresholds,
} from '../../kernel/domain/balance-threshold.ts';
import { roundCount } from '../support/round-count.ts';

const pointsOf = (...balances: readonly bigint[]): readonly BalancePoint[] =>
  balances.map((available, index) => ({ seq: index + 2, available }));

describe('crossing a threshold', () => {
  test.each([
    ['stays above', 10n, [9n, 5n], []],
    ['falls to exactly the threshold', 10n, [5n], []],
    ['falls below', 10n, [4n], ['2 down at 5: 4']],
    ['falls below, and further', 10n, [4n, 3n, 0n], ['2 down at 5: 4']],
    ['falls and rises to it', 10n, [4n, 5n], ['2 down at 5: 4', '3 up at 5: 5']],
    ['begins below, and rises', 1n, [4n, 6n], ['3 up at 5: 6']],
    ['begins below, and stays', 1n, [0n, 4n], []],
    ['goes back and forth', 10n, [4n, 5n, 4n], ['2 down at 5: 4', '3 up at 5: 5', '4 down at 5: 4']],
  ])('%s', (_, first, balances, expected) => {
    const { crossings } = computeCrossings(placeThresholds([5n], first), pointsOf(...balances));
    const shown = crossings.map(
      ({ seq, isBelow, microcredits, available }) =>
        `${seq} ${isBelow ? 'down' : 'up'} at ${microcredits}: ${available}`,
    );
    expect(shown).toEqual(expected);
  });

  test('of several is told of each, in the order of the thresholds', () => {
    const { crossings, thresholds } = computeCrossings(placeThresholds([9n, 5n, 1n], 10n), pointsOf(0n, 6n));
    expect(crossings.map(({ seq, microcredits, isBelow }) => [seq, microcredits, isBelow])).toEqual([
      ...[
        [2, 9n, true],
        [2, 5n, true],
        [2, 1n, true],
      ],
      ...[
        [3, 5n, false],
        [3, 1n, false],
      ],
    ]);
    expect(thresholds.map(({ isBelow }) => isBelow)).toEqual([true, false, false]);
  });
});

const AMOUNT = fc.bigInt({ min: 0n, max: 20n });
const HISTORY = fc.record({
  amounts: fc.uniqueArray(fc.bigInt({ min: 1n, max: 20n }), { maxLength: 10 }),
  first: AMOUNT,
  balances: fc.array(AMOUNT, { maxLength: 40 }),
  cuts: fc.array(fc.nat(40), { maxLength: 6 }),
});

/** What is crossed, threshold by threshold and balance by balance. */
function naiveCrossings(amounts: readonly bigint[], first: bigint, points: readonly BalancePoint[]) {
  const found: BalanceCrossing[] = [];
  for (const [index, { seq, available }] of points.entries()) {
    const before = index === 0 ? first : (points[index - 1]?.available ?? first);
    for (const microcredits of amounts) {
      if (before >= microcredits && available < microcredits)
        found.push({ seq, available, microcredits, isBelow: true });
      if (before < microcredits && available >= microcredits) {
        found.push({ seq, available, microcredits, isBelow: false });
      }
    }
  }
  return found;
}

describe('any history', () => {
  test('crosses what a naive model says, in whatever chunks it is looked at', () => {
    fc.assert(
      fc.property(HISTORY, ({ amounts, first, balances, cuts }) => {
        const points = pointsOf(...balances);
        const ends = [...new Set([...cuts.filter((cut) => cut < points.length), points.length])].sort((a, b) => a - b);
        let thresholds = placeThresholds(amounts, first);
        const crossings: BalanceCrossing[] = [];
        let start = 0;
        for (const end of ends) {
          const step = computeCrossings(thresholds, points.slice(start, end));
          crossings.push(...step.crossings);
          thresholds = step.thresholds;
          start = end;
        }
        expect(crossings).toEqual(naiveCrossings(amounts, first, points));
        expect(thresholds).toEqual(placeThresholds(amounts, points.at(-1)?.available ?? first));
      }),
      { numRuns: roundCount(500, 10_000) },
    );
  });
});
