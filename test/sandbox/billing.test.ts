import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { computeDiscounts, type Reduction } from '../../dev/stripe-sandbox/billing/discounting.ts';
import { computeBoundary, computePeriod, type Interval } from '../../dev/stripe-sandbox/billing/period.ts';
import { computeCredit, computeProration } from '../../dev/stripe-sandbox/billing/proration.ts';
import { roundCount } from '../support/round-count.ts';

const numRuns = roundCount(200, 5_000);
const time = fc.integer({ min: 1_600_000_000, max: 2_500_000_000 });
const interval: fc.Arbitrary<Interval> = fc.record({
  interval: fc.constantFrom('day', 'week', 'month', 'year'),
  interval_count: fc.integer({ min: 1, max: 3 }),
});
const amount = fc.integer({ min: 0, max: 99_999_999 });

describe('what the sandbox reckons', () => {
  it('has periods that follow each other without a gap, each as long as its months allow', () => {
    fc.assert(
      fc.property(time, interval, time, (anchor, length, at) => {
        const { start, end } = computePeriod(anchor, length, at);
        expect(start).toBeLessThanOrEqual(at);
        expect(end).toBeGreaterThan(at);
        expect(computePeriod(anchor, length, end).start).toBe(end);
        expect(computePeriod(anchor, length, start)).toEqual({ start, end });
      }),
      { numRuns },
    );
  });

  it('keeps the day of the anchor, or the last of a month that has not got it, and the time of day', () => {
    fc.assert(
      fc.property(time, fc.integer({ min: -40, max: 40 }), (anchor, n) => {
        const [from, to] = [anchor, computeBoundary(anchor, { interval: 'month', interval_count: 1 }, n)].map(
          (at) => new Date(at * 1000),
        );
        const last = new Date(Date.UTC(to?.getUTCFullYear() ?? 0, (to?.getUTCMonth() ?? 0) + 1, 0)).getUTCDate();
        expect(to?.getUTCDate()).toBe(Math.min(from?.getUTCDate() ?? 0, last));
        expect(to?.toISOString().slice(11)).toBe(from?.toISOString().slice(11));
      }),
      { numRuns },
    );
  });

  it('gives back of a debit no more than it was, in however many steps', () => {
    const steps = fc.array(fc.integer({ min: 0, max: 1000 }), { minLength: 1, maxLength: 5 });
    fc.assert(
      fc.property(amount, steps, (whole, times) => {
        let debit = { start: 0, end: 1000, amount: whole };
        let given = 0;
        for (const at of times.toSorted((a, b) => b - a)) {
          const { credit, rest } = computeCredit(debit, at);
          expect(credit).toBeGreaterThanOrEqual(0);
          given += credit;
          debit = rest;
        }
        expect(given + debit.amount).toBe(whole);
        // Going back step by step gives, but for roundings, what going back at once gives.
        const atOnce = computeProration(whole, { start: 0, end: 1000 }, Math.min(...times));
        expect(Math.abs(given - atOnce)).toBeLessThanOrEqual(times.length);
      }),
      { numRuns },
    );
  });

  it('takes off all that a discount is worth, and nothing below zero', () => {
    const reduction: fc.Arbitrary<Reduction> = fc.oneof(
      fc.record({
        discount: fc.uuid(),
        percentOff: fc.integer({ min: 1, max: 100 }),
        amountOff: fc.constant(null),
        products: fc.constant(null),
      }),
      fc.record({ discount: fc.uuid(), percentOff: fc.constant(null), amountOff: amount, products: fc.constant(null) }),
    );
    const line = fc.record({ amount, product: fc.constant('prod_1'), isDiscountable: fc.boolean() });
    fc.assert(
      fc.property(fc.array(line, { maxLength: 6 }), fc.array(reduction, { maxLength: 3 }), (lines, reductions) => {
        const taken = computeDiscounts(lines, reductions);
        for (const [index, each] of lines.entries()) {
          const off = (taken[index] ?? []).reduce((sum, { amount: part }) => sum + part, 0);
          expect(off).toBeLessThanOrEqual(each.amount);
          if (!each.isDiscountable) expect(off).toBe(0);
        }
        const [first] = reductions;
        if (first?.amountOff == null) return;
        const total = lines.filter(({ isDiscountable }) => isDiscountable).reduce((sum, each) => sum + each.amount, 0);
        const off = taken.flat().filter(({ discount }) => discount === first.discount);
        expect(off.reduce((sum, { amount: part }) => sum + part, 0)).toBe(Math.min(first.amountOff, total));
      }),
      { numRuns },
    );
  });
});
