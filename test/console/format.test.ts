import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { formatCredits, formatCreditsShort, parseCredits, toCreditsText } from '../../bff/console/src/format/credit.ts';
import {
  computePrice,
  formatMoney,
  formatPrice,
  formatUnitPrice,
  parseMoney,
  toMoneyText,
} from '../../bff/console/src/format/money.ts';
import { computeTimeLeft } from '../../bff/console/src/format/time.ts';
import { describeAmount } from '../../bff/console/src/part/amount-complaint.ts';

describe('credits', () => {
  it.each([
    [5_000_000, '5'],
    [3_203_125, '3.203125'],
    [1, '0.000001'],
    [-2_500_000, '-2.5'],
    // The largest that the API can send: as a float it would lose its last digits.
    [Number.MAX_SAFE_INTEGER, '9,007,199,254.740991'],
  ])('%i microcredits are %s', (microcredits, text) => {
    expect(formatCredits(microcredits)).toBe(text);
  });

  it.each([
    [3_209_999, '3.2'],
    [9_999, '< 0.01'],
    [10_000, '0.01'],
    [0, '0'],
    [-1_239_999, '-1.23'],
  ])('%i microcredits are %s at a glance, never more than there is', (microcredits, text) => {
    expect(formatCreditsShort(microcredits)).toBe(text);
  });

  it.each([
    [5_000_000, '5'],
    [10_000_000, '10'],
    [2_500_000, '2.5'],
    [1_234_567_000_001, '1234567.000001'],
  ])('%i microcredits are typed as %s', (microcredits, text) => {
    expect(toCreditsText(microcredits)).toBe(text);
  });

  it('are read back as they would be typed, whichever language the reader has', () => {
    fc.assert(
      fc.property(fc.bigInt({ min: 1n, max: 999_999_999_999_999n }), (microcredits) => {
        expect(parseCredits(toCreditsText(microcredits))).toBe(microcredits);
      }),
    );
  });

  it.each([
    ['2,5', 2_500_000n],
    ['2.5', 2_500_000n],
    [' 10 ', 10_000_000n],
    ['0,500', 500_000n],
    ['1,25', 1_250_000n],
    ['1,0001', 1_000_100n],
    // Nobody separates thousands so.
    ['1234,567', 1_234_567_000n],
    ['2,', 2_000_000n],
  ])('%j is typed for %i microcredits', (text, microcredits) => {
    expect(parseCredits(text)).toBe(microcredits);
    expect(describeAmount(text, 'none')).toBe('none');
  });

  it.each(['1,000', '12,500', '1,000,000', '1,000.50', '1.000,50', "1'000", '1 000', '1\u202f000'])(
    '%j is refused as one that can be read in two ways, and quoted',
    (text) => {
      expect(parseCredits(text)).toBeUndefined();
      expect(parseMoney(text, 'usd')).toBeUndefined();
      expect(describeAmount(text, 'none')).toContain(`“${text}”`);
    },
  );

  it.each(['', '0', '-1', '1e3', '1.0000001', 'five', '1,2,3', ',5', '1,5.5'])('%j is no number of credits', (text) => {
    expect(parseCredits(text)).toBeUndefined();
  });
});

describe('money', () => {
  it.each([
    [{ amount: 4_900, currency: 'usd' }, '$49.00', '$49'],
    [{ amount: 4_950, currency: 'usd' }, '$49.50', '$49.50'],
    [{ amount: 4_900, currency: 'jpy' }, '¥4,900', '¥4,900'],
    [{ amount: 4_900, currency: 'kwd' }, 'KWD 4.900', 'KWD 4.900'],
  ])('%o is %s, and %s where there is little room', (money, text, price) => {
    expect(formatMoney(money).replaceAll('\u00a0', ' ')).toBe(text);
    expect(formatPrice(money).replaceAll('\u00a0', ' ')).toBe(price);
    expect(parseMoney(toMoneyText(money), money.currency)).toBe(money.amount);
  });

  it.each([
    ['usd', '49,5', 4_950],
    ['usd', '49,50', 4_950],
    ['kwd', '0,005', 5],
  ])('in %s %j is typed for %i', (currency, text, amount) => {
    expect(parseMoney(text, currency)).toBe(amount);
  });

  it.each([
    ['usd', '1,005'],
    ['kwd', '4,900'],
    ['usd', '1.005'],
    ['jpy', '1.5'],
    ['usd', '0'],
    ['usd', ''],
  ])('in %s %j is no amount', (currency, text) => {
    expect(parseMoney(text, currency)).toBeUndefined();
  });

  it.each([
    [25_000_000n, '100', 2_500n],
    [1n, '100', 1n],
    [1_500_000n, '0.5', 1n],
    [3_000_000n, '33.333', 100n],
  ])('%i microcredits at %s for one cost %i, rounded up', (microcredits, price, cost) => {
    expect(computePrice(microcredits, price)).toBe(cost);
  });
});

describe('what is left of a trial', () => {
  it.each([
    ['2026-01-01T00:00:00Z', '2026-01-09T12:00:00Z', { unit: 'day', count: 9 }],
    ['2026-01-01T00:00:00Z', '2026-01-02T00:00:00Z', { unit: 'hour', count: 24 }],
    ['2026-01-01T00:00:00Z', '2026-01-01T00:01:00Z', { unit: 'hour', count: 1 }],
    ['2026-01-02T00:00:00Z', '2026-01-01T00:00:00Z', { unit: 'hour', count: 0 }],
  ])('from %s to %s', (now, end, left) => {
    expect(computeTimeLeft(now, end)).toEqual(left);
  });
});

describe('the price of one credit', () => {
  it.each([
    ['100', 'usd', '$1.00'],
    ['9.5', 'usd', '$0.095'],
    ['99.25', 'usd', '$0.9925'],
    ['150', 'jpy', '¥150'],
    ['0.5', 'jpy', '¥0.5'],
    ['1500.125', 'kwd', 'KWD 1.500125'],
  ])('of %s minor units (%s) is %s', (minorUnits, currency, text) => {
    expect(formatUnitPrice(minorUnits, currency).replaceAll('\u00a0', ' ')).toBe(text);
  });
});
