// Who may redeem a code, and what a discount makes of a price: tables, and what holds for all of them.

import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { computeDiscounted, type Discount } from '../../kernel/domain/discount.ts';
import { DomainError } from '../../kernel/domain/error.ts';
import type { PlanCode, ProductCode, PromotionId } from '../../kernel/domain/id.ts';
import {
  assertRedeemable,
  computeCreditExpiry,
  type Promotion,
  parsePromotionCode,
  type Redeemer,
} from '../../kernel/domain/promotion.ts';

const NOW = Date.UTC(2030, 0, 15);
const DAY_MS = 86_400_000;
const [FREE, PRO] = ['free' as PlanCode, 'pro' as PlanCode];

const PROMOTION: Promotion = {
  promotionId: 'prm_1' as PromotionId,
  productCode: 'agentruntime' as ProductCode,
  code: 'SPRING',
  terms: { kind: 'credit', amount: 1n },
  startsAt: NOW - DAY_MS,
  maxRedemptions: 1,
  newCustomersOnly: false,
  planCodes: [],
  createdAt: NOW - DAY_MS,
};
const NEWCOMER: Redeemer = { planCode: FREE, isCustomer: false };

/** What is said of it; undefined where it may be redeemed. */
function judge(promotion: Partial<Promotion>, redeemer: Partial<Redeemer> = {}): string | undefined {
  try {
    assertRedeemable({ ...PROMOTION, ...promotion }, { ...NEWCOMER, ...redeemer }, NOW);
    return undefined;
  } catch (error) {
    if (error instanceof DomainError) return `${error.reason} ${error.metadata['why']}`;
    throw error;
  }
}

describe('a code', () => {
  test.each([
    ['spring', 'SPRING'],
    ['A_b-9', 'A_B-9'],
    ['x'.repeat(64), 'X'.repeat(64)],
    ['ab', undefined],
    ['x'.repeat(65), undefined],
    ['spring ', undefined],
    ['ſpring', undefined],
    ['', undefined],
  ])('typed as %j is %j', (typed, code) => expect(parsePromotionCode(typed)).toBe(code));

  test('is the same however often it is read, and in whatever case', () => {
    const codes = fc.stringMatching(/^[A-Za-z0-9_-]{3,64}$/);
    fc.assert(
      fc.property(codes, (typed) => {
        const code = parsePromotionCode(typed) ?? '';
        expect(parsePromotionCode(code)).toBe(code);
        expect(parsePromotionCode(typed.toLowerCase())).toBe(code);
      }),
    );
  });
});

describe('a promotion', () => {
  test.each([
    ['holds', {}, {}, undefined],
    ['holds from its first moment', { startsAt: NOW }, {}, undefined],
    ['holds until its last', { endsAt: NOW + 1 }, {}, undefined],
    ['has not begun', { startsAt: NOW + 1 }, {}, 'PROMOTION_NOT_APPLICABLE not_started'],
    ['has ended', { endsAt: NOW }, {}, 'PROMOTION_ENDED ended'],
    ['was revoked', { revokedAt: NOW - 1 }, {}, 'PROMOTION_ENDED revoked'],
    ['was revoked before it began', { revokedAt: NOW - 1, startsAt: NOW + 1 }, {}, 'PROMOTION_ENDED revoked'],
    ['is for a plan', { planCodes: [PRO] }, { planCode: PRO }, undefined],
    ['is for another plan', { planCodes: [PRO] }, {}, 'PROMOTION_NOT_APPLICABLE plan'],
    ['is for newcomers', { newCustomersOnly: true }, {}, undefined],
    [
      'is not for customers',
      ...([{ newCustomersOnly: true }, { isCustomer: true }] as const),
      'PROMOTION_NOT_APPLICABLE new_customers_only',
    ],
    ['is for customers too', {}, { isCustomer: true }, undefined],
  ] as const)('%s', (_, promotion, redeemer, said) => expect(judge(promotion, redeemer)).toBe(said));

  test('gives credits that expire so many days after they came, or never', () => {
    expect(computeCreditExpiry({ kind: 'credit', amount: 1n, expiresAfterDays: 30 }, NOW)).toBe(NOW + 30 * DAY_MS);
    expect(computeCreditExpiry({ kind: 'credit', amount: 1n }, NOW)).toBeUndefined();
  });
});

describe('a discount', () => {
  const usd = (minorUnits: bigint) => ({ minorUnits, currency: 'usd' });
  const percent = (millionths: bigint): Discount => ({
    reduction: { kind: 'percent', percent: { millionths } },
    duration: 'once',
  });
  const amount = (minorUnits: bigint): Discount => ({
    reduction: { kind: 'amount', ...usd(minorUnits) },
    duration: 'forever',
  });

  test.each([
    [4_900n, percent(12_500_000n), 4_287n],
    [1n, percent(50_000_000n), 0n],
    [1n, percent(49_999_999n), 1n],
    [4_900n, percent(100_000_000n), 0n],
    [4_900n, amount(500n), 4_400n],
    [400n, amount(500n), 0n],
    [0n, amount(500n), 0n],
  ])('makes of %d with %o %d', (before, discount, after) =>
    expect(computeDiscounted(usd(before), discount)).toBe(after),
  );

  test('of another currency is none', () => {
    expect(computeDiscounted({ minorUnits: 100n, currency: 'eur' }, amount(1n))).toBeUndefined();
  });

  test('takes off what it says to within half a minor unit, and never more than there is', () => {
    const prices = fc.bigInt(0n, 10n ** 12n);
    const shares = fc.bigInt(1n, 100_000_000n);
    fc.assert(
      fc.property(prices, shares, (price, share) => {
        const after = computeDiscounted(usd(price), percent(share)) ?? -1n;
        expect(after >= 0n && after <= price).toBe(true);
        const off = (price - after) * 100_000_000n - price * share;
        expect(off <= 50_000_000n && off >= -50_000_000n).toBe(true);
      }),
    );
  });
});
