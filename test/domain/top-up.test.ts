// What a top-up may cost, and where it stands by what Stripe shows.

import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { PlanCode } from '../../kernel/domain/id.ts';
import { computeDefaultPolicy, type PlanPolicy } from '../../kernel/domain/plan-policy.ts';
import { parseQuantity, type Quantity } from '../../kernel/domain/quantity.ts';
import {
  computeCreditPrice,
  computeTopUpOffer,
  computeTopUpStatus,
  findTopUpProblem,
  isTopUpEnded,
  type TopUpFacts,
  type TopUpStatus,
} from '../../kernel/domain/top-up.ts';

const CREDIT = 1_000_000n;

function quantityOf(text: string): Quantity {
  const quantity = parseQuantity(text);
  if ('problem' in quantity) throw new RangeError(quantity.problem);
  return quantity;
}

function policyOf(changes: Partial<PlanPolicy> = {}): PlanPolicy {
  return {
    ...computeDefaultPolicy('free' as PlanCode),
    paygMinorUnitsPerCredit: quantityOf('99.5'),
    paygPackages: [
      { minorUnits: 4_500n, microcredits: 50n * CREDIT },
      { minorUnits: 900n, microcredits: 10n * CREDIT },
    ],
    ...changes,
  };
}

function problemOf(changes: Partial<PlanPolicy>, minorUnits: bigint, microcredits: bigint, currency = 'usd') {
  const plan = { planCode: 'free', policy: policyOf(changes) };
  return findTopUpProblem(plan, 'usd', { minorUnits, microcredits, currency });
}

describe('what a plan sells', () => {
  it('is its packages from the cheapest on, within what is charged at all', () => {
    expect(computeTopUpOffer(policyOf(), 'usd')).toEqual({
      packages: [
        { minorUnits: 900n, microcredits: 10n * CREDIT },
        { minorUnits: 4_500n, microcredits: 50n * CREDIT },
      ],
      minorUnitsMin: 50n,
      minorUnitsMax: 99_999_999n,
    });
    const tiny = policyOf({ paygPackages: [{ minorUnits: 49n, microcredits: CREDIT }] });
    expect(computeTopUpOffer(tiny, 'usd')?.packages).toEqual([]);
  });

  it.each([
    ['its own bounds', { paygMinorUnitsMin: 500n, paygMinorUnitsMax: 10_000n }, 'usd', [500n, 10_000n]],
    ['no less than Stripe charges', { paygMinorUnitsMin: 1n }, 'gbp', [30n, 99_999_999n]],
    ['no more than Stripe charges', { paygMinorUnitsMax: 10n ** 12n }, 'jpy', [50n, 99_999_999n]],
    ['Stripe’s bounds in another currency', {}, 'kwd', [50n, 99_999_999n]],
  ])('has %s', (_, changes, currency, bounds) => {
    const offer = computeTopUpOffer(policyOf(changes), currency);
    expect([offer?.minorUnitsMin, offer?.minorUnitsMax]).toEqual(bounds);
  });

  it.each([
    ['is switched off', { paygAllowed: false }],
    ['names no price', { paygMinorUnitsPerCredit: null, paygPackages: [] }],
  ])('is nothing where the policy %s', (_, changes) => {
    expect(computeTopUpOffer(policyOf(changes), 'usd')).toBeUndefined();
    expect(problemOf(changes, 900n, 10n * CREDIT)?.reason).toBe('TOPUP_NOT_OFFERED');
  });
});

describe('a price', () => {
  it.each([
    ['of a package', {}, 900n, 10n * CREDIT],
    ['by the credit, exact', {}, 199n, 2n * CREDIT],
    ['by the credit, rounded up', {}, 100n, CREDIT],
    ['by the credit, of a part of one', {}, 50n, 500_000n],
    ['by the credit, of what a package sells for less', {}, 995n, 10n * CREDIT],
    [
      'of a package below the bounds of what is bought by the credit',
      { paygMinorUnitsMin: 1_000n },
      900n,
      10n * CREDIT,
    ],
  ])('%s is taken', (_, changes, minorUnits, microcredits) => {
    expect(problemOf(changes, minorUnits, microcredits)).toBeUndefined();
  });

  it.each([
    ['a cent too little for a package', 899n, 10n * CREDIT, '900'],
    ['rounded down', 99n, CREDIT, '100'],
    ['a cent for a million credits', 1n, 10n ** 12n, '99500000'],
    ['too much', 200n, 2n * CREDIT, '199'],
  ])('that is %s is refused with what it costs', (_, minorUnits, microcredits, expected) => {
    expect(problemOf({}, minorUnits, microcredits)).toMatchObject({
      ...{ reason: 'TOPUP_AMOUNT_MISMATCH', metadata: { currency_code: 'usd', expected_minor_units: expected } },
      message: expect.stringContaining(expected),
    });
  });

  it('of credits that no package has is refused where only packages are sold', () => {
    const problem = problemOf({ paygMinorUnitsPerCredit: null }, 199n, 2n * CREDIT);
    expect(problem).toMatchObject({ reason: 'TOPUP_AMOUNT_MISMATCH', metadata: { currency_code: 'usd' } });
  });

  it('in another currency is refused', () => {
    const problem = problemOf({}, 900n, 10n * CREDIT, 'eur');
    expect(problem).toMatchObject({ reason: 'TOPUP_AMOUNT_MISMATCH', metadata: { currency_code: 'usd' } });
  });

  it.each([
    ['below', 100n, CREDIT],
    ['above', 1_990_000n, 20_000n * CREDIT],
  ])('%s the bounds is refused by its own reason', (_, minorUnits, microcredits) => {
    const bounds = { paygMinorUnitsMin: 500n, paygMinorUnitsMax: 100_000n };
    expect(problemOf(bounds, minorUnits, microcredits)).toMatchObject({
      reason: 'TOPUP_AMOUNT_OUT_OF_RANGE',
      metadata: { minor_units_min: '500', minor_units_max: '100000', currency_code: 'usd' },
    });
  });

  it('never gives more than it is worth, and takes less than a minor unit too much', () => {
    const prices = fc.bigInt({ min: 1n, max: 10n ** 12n }).map((millionths) => ({ millionths }));
    const amounts = fc.bigInt({ min: 1n, max: 2n ** 53n - 1n });
    fc.assert(
      fc.property(prices, amounts, (paygMinorUnitsPerCredit, microcredits) => {
        const price = computeCreditPrice(policyOf({ paygMinorUnitsPerCredit }), microcredits) ?? 0n;
        const exact = microcredits * paygMinorUnitsPerCredit.millionths;
        const paid = price * CREDIT * CREDIT;
        return paid >= exact && paid - exact < CREDIT * CREDIT;
      }),
    );
  });

  it('is the only one that credits have beside those of packages', () => {
    const amounts = fc.bigInt({ min: CREDIT, max: 1_000n * CREDIT });
    fc.assert(
      fc.property(amounts, fc.bigInt({ min: 50n, max: 200_000n }), (microcredits, minorUnits) => {
        const isTaken = problemOf({ paygPackages: [] }, minorUnits, microcredits) === undefined;
        return isTaken === (computeCreditPrice(policyOf(), microcredits) === minorUnits);
      }),
    );
  });
});

describe('where a top-up stands', () => {
  it.each<[string, TopUpFacts, TopUpStatus]>([
    ['a draft', { invoice: 'draft' }, 'pending'],
    ['one that nobody has tried to pay', { invoice: 'open', payment: 'unpaid' }, 'requires_payment_method'],
    ['one without a payment', { invoice: 'open' }, 'requires_payment_method'],
    ['one that was declined', { invoice: 'open', payment: 'unpaid', failureCode: 'x' }, 'failed'],
    [
      'one whose bank wants to see the person',
      { invoice: 'open', payment: 'action', failureCode: 'x' },
      'requires_action',
    ],
    ['one whose bank has not answered', { invoice: 'open', payment: 'processing' }, 'processing'],
    ['one that is paid', { invoice: 'paid', payment: 'unpaid' }, 'succeeded'],
    ['one that is void', { invoice: 'void', failureCode: 'x' }, 'canceled'],
  ])('is told of %s', (_, facts, status) => {
    expect(computeTopUpStatus(facts)).toBe(status);
  });

  it('is an end where it is paid or void, and only there', () => {
    const all: readonly TopUpStatus[] = [
      ...(['pending', 'requires_payment_method', 'requires_action', 'processing', 'failed'] as const),
      ...(['succeeded', 'canceled'] as const),
    ];
    expect(all.filter(isTopUpEnded)).toEqual(['succeeded', 'canceled']);
  });
});
