import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { computeCost, formatQuantity, parseQuantity } from '../../kernel/domain/quantity.ts';
import { roundCount } from '../support/round-count.ts';
import { quantityOf } from './support/command.ts';

const SCALE = 1_000_000n;

describe('parseQuantity', () => {
  it.each<[string, bigint]>([
    ['1', 1_000_000n],
    ['2.5', 2_500_000n],
    ['0.5', 500_000n],
    ['0.000001', 1n],
    ['12.000001', 12_000_001n],
    ['1.100000', 1_100_000n],
    ['007', 7_000_000n],
    ['000000000000000000000001.5', 1_500_000n],
    ['0.1', 100_000n],
    ['999999999999', 999_999_999_999_000_000n],
    ['999999999999.999999', 999_999_999_999_999_999n],
    // A double can't tell this one from its neighbour.
    ['9007199254.740993', 9_007_199_254_740_993n],
  ])('reads %s exactly', (text, millionths) => {
    expect(parseQuantity(text)).toEqual({ millionths });
  });

  it.each<[string, string, RegExp]>([
    ['nothing', '', /required/],
    ['a blank', ' ', /exact decimal/],
    ['blanks around', ' 1', /exact decimal/],
    ['a line feed', '1\n', /exact decimal/],
    ['zero', '0', /above zero/],
    ['zero with a fraction', '0.000000', /above zero/],
    ['many zeros', '000', /above zero/],
    ['a negative number', '-1', /above zero, got -1/],
    ['negative zero', '-0', /above zero/],
    ['a plus sign', '+1', /exact decimal/],
    ['an exponent', '1e3', /exact decimal/],
    ['a capital exponent', '1E-3', /exact decimal/],
    ['hexadecimal', '0x10', /exact decimal/],
    ['a comma', '1,5', /exact decimal/],
    ['digits in groups', '1_000', /exact decimal/],
    ['no integer digit', '.5', /exact decimal/],
    ['no fractional digit', '1.', /exact decimal/],
    ['two points', '1.2.3', /exact decimal/],
    ['not a number', 'NaN', /exact decimal/],
    ['infinity', 'Infinity', /exact decimal/],
    ['digits of another script', '١٢', /exact decimal/],
    ['full-width digits', '１', /exact decimal/],
    ['7 fractional digits', '1.0000001', /7 fractional digits, at most 6/],
    ['7 fractional digits that are zero', '1.0000000', /7 fractional digits, at most 6/],
    ['less than a millionth', '0.0000001', /7 fractional digits, at most 6/],
    ['13 integer digits', '1000000000000', /more than 12 integer digits/],
    ['2^53 and more digits', '9007199254740993', /more than 12 integer digits/],
    ['more text than any quantity needs', '0'.repeat(65), /too long/],
    ['a megabyte of digits', '9'.repeat(1_000_000), /too long/],
  ])('refuses %s', (_what, text, problem) => {
    expect(parseQuantity(text)).toEqual({ problem: expect.stringMatching(problem) });
  });

  it('does not repeat a text of any length in its sentence', () => {
    const answer = parseQuantity('x'.repeat(1_000));
    expect('problem' in answer && answer.problem.length).toBeLessThan(100);
  });
});

describe('formatQuantity', () => {
  it.each([
    ['1.50', '1.5'],
    ['1.000000', '1'],
    ['0010', '10'],
    ['0.000001', '0.000001'],
    ['10.010', '10.01'],
    ['100', '100'],
    ['999999999999.999999', '999999999999.999999'],
  ])('writes %s as %s', (text, shortest) => {
    expect(formatQuantity(quantityOf(text))).toBe(shortest);
  });

  it('gives one form to one quantity, which reads back as the same', () => {
    fc.assert(
      fc.property(
        fc.bigInt({ min: 1n, max: 999_999_999_999_999_999n }),
        fc.nat(6),
        fc.nat(3),
        (millionths, zeros, lead) => {
          const text = formatQuantity({ millionths });
          expect(parseQuantity(text)).toEqual({ millionths });
          const [, fraction = ''] = text.split('.');
          const padded = `${'0'.repeat(lead)}${fraction === '' ? `${text}.0` : text}${'0'.repeat(zeros)}`;
          const again = parseQuantity(padded);
          if ('millionths' in again) expect(formatQuantity(again)).toBe(text);
          else expect(again.problem).toMatch(/fractional digits/);
        },
      ),
      { numRuns: roundCount(500, 50_000) },
    );
  });
});

describe('computeCost', () => {
  it.each<[string, bigint, bigint]>([
    ['1', 5_000_000n, 5_000_000n],
    ['3', 5_000_000n, 15_000_000n],
    ['0.5', 1_000_000n, 500_000n],
    ['0.000001', 1_000_000n, 1n],
    // Rounding is up, and only at the very end.
    ['0.000001', 1n, 1n],
    ['0.999999', 1n, 1n],
    ['1.000001', 1n, 2n],
    ['1', 1n, 1n],
    ['0.333333', 3n, 1n],
    ['0.333334', 3n, 2n],
    ['0.000001', 1_000_001n, 2n],
    ['2.5', 3n, 8n],
    ['1', 0n, 0n],
    ['999999999999.999999', 0n, 0n],
    // Products far beyond 2^64 stay exact.
    ['999999999999.999999', 9_007_199_254_740_991n, 9_007_199_254_740_990_990_992_800_746n],
  ])('charges %s at %s microcredits a unit with %s', (text, price, cost) => {
    expect(computeCost(quantityOf(text), price)).toBe(cost);
  });

  it('is the smallest whole number of microcredits that is not below the exact product', () => {
    const quantities = fc.bigInt({ min: 1n, max: 999_999_999_999_999_999n });
    const prices = fc.oneof(fc.bigInt({ min: 0n, max: 20n }), fc.bigInt({ min: 0n, max: 9_007_199_254_740_991n }));
    fc.assert(
      fc.property(quantities, prices, (millionths, price) => {
        const cost = computeCost({ millionths }, price);
        expect(cost * SCALE >= millionths * price).toBe(true);
        expect((cost - 1n) * SCALE < millionths * price).toBe(true);
      }),
      { numRuns: roundCount(1_000, 100_000) },
    );
  });
});
