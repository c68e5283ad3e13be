// When a workspace's rule buys, what it counts, and what ends it.

import { describe, expect, test } from 'vitest';
import {
  type AutoTopUpTerms,
  computeBuyTime,
  computeSpent,
  countPurchase,
  isMendedByCard,
  judgeFailure,
  judgeObstacle,
} from '../../kernel/domain/auto-top-up.ts';

const TERMS: AutoTopUpTerms = {
  ...{ threshold: 5n, minorUnits: 1_000n, currency: 'usd', microcredits: 10n },
  ...{ minorUnitsPerMonth: 2_000n, cooldownMs: 600_000 },
};
const at = (text: string): number => Date.parse(`${text}Z`);
const NOW = at('2030-01-31T23:55:00');

describe('a rule may buy', () => {
  test.each([
    ['at once, before its first purchase', { spent: 0n }, NOW],
    ['at once, where the month has room for just one more', { month: '2030-01', spent: 1_000n }, NOW],
    ['in the next month, where it has not', { month: '2030-01', spent: 1_001n }, at('2030-02-01T00:00:00')],
    ['at once, where only an earlier month is full', { month: '2029-12', spent: 2_000n }, NOW],
    ['after its rest', { spent: 0n, restsUntil: NOW + 1 }, NOW + 1],
    ['at once, after its rest', { spent: 0n, restsUntil: NOW - 1 }, NOW],
    [
      'after a rest that ends in the next month, whatever this month has',
      { month: '2030-01', spent: 2_000n, restsUntil: at('2030-02-01T00:03:00') },
      at('2030-02-01T00:03:00'),
    ],
  ])('%s', (_, use, expected) => {
    expect(computeBuyTime(TERMS, use, NOW)).toBe(expected);
  });

  test('in the next year, after a December that is full', () => {
    const use = { month: '2029-12', spent: 2_000n };
    expect(computeBuyTime(TERMS, use, at('2029-12-05T00:00:00'))).toBe(at('2030-01-01T00:00:00'));
  });
});

test('purchases count in the month in which they were begun, and from nothing in the next', () => {
  const first = countPurchase({ spent: 0n }, 700n, NOW);
  expect(first).toEqual({ month: '2030-01', spent: 700n });
  const second = countPurchase(first, 700n, NOW);
  expect(second).toEqual({ month: '2030-01', spent: 1_400n });
  expect(computeSpent(second, NOW)).toBe(1_400n);
  expect(computeSpent(second, at('2030-02-01T00:00:00'))).toBe(0n);
  expect(countPurchase(second, 1n, at('2030-02-01T00:00:00'))).toEqual({ month: '2030-02', spent: 1n });
});

test.each([
  ['TOPUP_NOT_OFFERED', 'not_offered'],
  ['TOPUP_AMOUNT_MISMATCH', 'price_changed'],
  ['TOPUP_AMOUNT_OUT_OF_RANGE', 'price_changed'],
  ['PAYMENT_METHOD_REQUIRED', 'payment_method_missing'],
  ['KILL_SWITCH_OFF', 'later'],
  ['STRIPE_UNAVAILABLE', undefined],
] as const)('%s means %s', (reason, expected) => {
  expect(judgeObstacle(reason)).toBe(expected);
});

test.each([
  ['authentication_required', 'requires_action', true],
  ['insufficient_funds', 'declined', true],
  [undefined, 'not_paid', false],
] as const)('a purchase that ended with %s stops the rule as %s', (code, expected, isMended) => {
  expect(judgeFailure(code)).toBe(expected);
  expect(isMendedByCard(judgeFailure(code))).toBe(isMended);
});
