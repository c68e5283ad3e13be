// Owns what a promotion is, and whether a workspace may redeem its code now. Pure: time and what is known of the workspace are
// given. Does not own how often it may be redeemed in all (app/promotion/redemption-desk.ts), or what is done at Stripe.
// Invariant: what ends a promotion ends further redemptions only.

import { DomainError } from './error.ts';
import type { IdempotencyKey, Instant, PlanCode, ProductCode, PromotionId } from './id.ts';

const DAY_MS = 86_400_000;
const CODE = /^[A-Za-z0-9_-]{3,64}$/;

/** Says what a code must be, for people. */
export const PROMOTION_CODE_RULE = 'must be 3 to 64 characters of A-Z 0-9 _ -, in any case';
/** By how many workspaces a promotion may be redeemed at most. */
export const REDEMPTIONS_MAX = 1_000_000;
/** For how many plans one may be at most. */
export const PROMOTION_PLANS_MAX = 50;
/** After how many days its credits may expire at most. */
export const CREDIT_DAYS_MAX = 3_660;

/** What a promotion gives. */
export type PromotionTerms =
  | {
      readonly kind: 'credit';
      /** In microcredits; above zero. */
      readonly amount: bigint;
      /** Absent: they never expire. */
      readonly expiresAfterDays?: number;
    }
  | {
      readonly kind: 'discount';
      /** As people would type it at Stripe. */
      readonly stripePromotionCode: string;
    };

/** What operators give to workspaces that bring its code. */
export interface Promotion {
  readonly promotionId: PromotionId;
  readonly productCode: ProductCode;
  /** In upper case. */
  readonly code: string;
  readonly terms: PromotionTerms;
  /** From when on it may be redeemed. */
  readonly startsAt: Instant;
  /** From when on it may not; absent: never. */
  readonly endsAt?: Instant;
  /** By how many workspaces. */
  readonly maxRedemptions: number;
  readonly newCustomersOnly: boolean;
  /** Of which a workspace must have one; none: any. */
  readonly planCodes: readonly PlanCode[];
  readonly createdAt: Instant;
  /** Absent: nobody has ended it. */
  readonly revokedAt?: Instant;
}

/** What is known of a workspace that brings a code. */
export interface Redeemer {
  /** The plan that it has, or means to buy. */
  readonly planCode: PlanCode;
  /** Says that it has had a subscription, or has paid for credits. */
  readonly isCustomer: boolean;
}

/** Reads a code as it was typed; undefined where it can't be one. */
export function parsePromotionCode(typed: string): string | undefined {
  // First: what is no ASCII may turn into it, as `ſ` becomes S.
  return CODE.test(typed) ? typed.toUpperCase() : undefined;
}

/** Throws DomainError PROMOTION_ENDED, PROMOTION_NOT_APPLICABLE where the workspace may not redeem it now. */
export function assertRedeemable(promotion: Promotion, { planCode, isCustomer }: Redeemer, now: Instant): void {
  const { code, startsAt, endsAt, revokedAt, planCodes, newCustomersOnly } = promotion;
  if (revokedAt !== undefined) throw promotionEnded(code, 'revoked');
  if (endsAt !== undefined && endsAt <= now) throw promotionEnded(code, 'ended');
  if (startsAt > now) {
    throw notApplicable('not_started', `${code} holds from ${new Date(startsAt).toISOString()} on: bring it then`);
  }
  if (planCodes.length > 0 && !planCodes.includes(planCode)) {
    throw notApplicable('plan', `${code} is for the plans ${planCodes.join(', ')}, and not for ${planCode}`);
  }
  if (newCustomersOnly && isCustomer) {
    throw notApplicable('new_customers_only', `${code} is for workspaces that have never paid, and this one has`);
  }
}

/** Computes when credits expire that come now; undefined: never. */
export function computeCreditExpiry(
  { expiresAfterDays }: Extract<PromotionTerms, { readonly kind: 'credit' }>,
  now: Instant,
): Instant | undefined {
  return expiresAfterDays === undefined ? undefined : now + expiresAfterDays * DAY_MS;
}

/** Names the one gift of a promotion to a workspace. */
export function promotionKey(promotionId: PromotionId): IdempotencyKey {
  return `promotion:${promotionId}` as IdempotencyKey;
}

/** Why a code is not for a workspace, or not now; part of the contract. */
export type PromotionBar =
  | 'not_started'
  | 'plan'
  | 'new_customers_only'
  | 'subscription_required'
  | 'not_a_discount'
  | 'change_pending'
  | 'refused_by_stripe';

/** Says that a code is not for a workspace, or not now. */
export function notApplicable(why: PromotionBar, sentence: string): DomainError {
  return new DomainError('PROMOTION_NOT_APPLICABLE', `the code can't be used: ${sentence}`, { metadata: { why } });
}

/** Says that a code gives credits, which nothing is bought with. */
export function notADiscount(code: string): DomainError {
  return notApplicable(
    'not_a_discount',
    `${code} gives credits: leave it out here, and redeem it instead, see ApplyCode`,
  );
}

/** Says that a discount can't come while a change of plan waits. */
export function changePending(): DomainError {
  return notApplicable(
    'change_pending',
    'a change of plan waits: bring the code when it has come, or take it back before',
  );
}

function promotionEnded(code: string, why: 'ended' | 'revoked'): DomainError {
  const message = `the code ${code} can't be redeemed any more: leave it out, or ask for another one`;
  return new DomainError('PROMOTION_ENDED', message, { metadata: { why } });
}
