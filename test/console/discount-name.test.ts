// What the Console says of the discounts of a subscription: what they take off, until when, and what of them the next invoice has.

import { describe, expect, it } from 'vitest';
import type { SubscriptionDiscount } from '../../bff/console/src/api/type.ts';
import { formatOffAt, formatRunningDiscount } from '../../bff/console/src/part/discount-name.ts';

const EIGHTH: SubscriptionDiscount = {
  ...{ percent_off: '12.5', amount_off: null },
  ...{ duration: 'forever', duration_months: null, end_time: null },
};
const DOLLAR: SubscriptionDiscount = {
  ...{ percent_off: null, amount_off: { amount: 100, currency: 'usd' } },
  ...{ duration: 'once', duration_months: null, end_time: null },
};
const MONTHS: SubscriptionDiscount = {
  ...EIGHTH,
  ...{ duration: 'repeating', duration_months: 3, end_time: '2027-03-03T12:00:00Z' },
};

describe('a discount beside the price', () => {
  it.each([
    [EIGHTH, '12.5% off'],
    [DOLLAR, '$1.00 off your next invoice'],
  ])('%o is %s', (discount, words) => {
    expect(formatRunningDiscount(discount)).toBe(words);
  });

  it('says until when it runs', () => {
    expect(formatRunningDiscount(MONTHS)).toMatch(/^12\.5% off until .*2027$/);
  });
});

describe('what the next invoice has taken off', () => {
  const renewal = '2027-03-03T12:00:00Z';

  it.each([
    ['nothing', [], undefined],
    ['a discount', [EIGHTH], '12.5% off'],
    ['two', [EIGHTH, DOLLAR], '12.5% off and $1.00 off'],
    ['one that has ended by then', [MONTHS], undefined],
    ['one that ends later', [{ ...MONTHS, end_time: '2027-03-03T12:00:01Z' }], '12.5% off'],
  ])('of %s', (_, discounts, words) => {
    expect(formatOffAt(discounts, renewal)).toBe(words);
  });
});
