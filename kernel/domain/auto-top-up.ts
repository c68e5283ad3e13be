// Owns when a workspace's rule buys credits by itself, and what ends that. Does not own buying (app/payment).
// Invariants: no month has more spent by rule than its limit; what can't be bought as it was agreed to is not bought.

import type { Reason } from './error.ts';
import type { Instant } from './id.ts';

/** Why a rule buys nothing any more, until its card changes or it is set again. */
export type AutoTopUpStop =
  | 'declined'
  | 'requires_action'
  | 'payment_method_missing'
  /** The plan sells the credits at another price than was agreed to. */
  | 'price_changed'
  | 'not_offered'
  /** It ended without a payment for another reason: somebody canceled it, or Stripe refused it. */
  | 'not_paid'
  /** Money that it had charged went back, or a payment of the workspace was disputed. */
  | 'returned';

/** What a workspace has agreed to. */
export interface AutoTopUpTerms {
  /** It buys when less than this is available, in microcredits; above zero. */
  readonly threshold: bigint;
  /** What one purchase costs. */
  readonly minorUnits: bigint;
  /** In lower case. */
  readonly currency: string;
  /** What one purchase gives. */
  readonly microcredits: bigint;
  /** The most that is spent in a month of the calendar (UTC). */
  readonly minorUnitsPerMonth: bigint;
  /** How long nothing is bought after a purchase, in milliseconds. */
  readonly cooldownMs: number;
}

/** What was bought. */
export interface AutoTopUpUse {
  /** The month of the newest purchase, as `2030-01`; absent before the first. */
  readonly month?: string;
  /** What was spent in that month, in minor units. */
  readonly spent: bigint;
  /** Until when nothing is bought. */
  readonly restsUntil?: Instant;
}

/** What a refusal to sell means for a rule: it stops, or it looks again later. */
const OBSTACLES: Partial<Readonly<Record<Reason, AutoTopUpStop | 'later'>>> = {
  TOPUP_NOT_OFFERED: 'not_offered',
  PLAN_NOT_FOUND: 'not_offered',
  TOPUP_AMOUNT_MISMATCH: 'price_changed',
  TOPUP_AMOUNT_OUT_OF_RANGE: 'price_changed',
  PAYMENT_METHOD_REQUIRED: 'payment_method_missing',
  KILL_SWITCH_OFF: 'later',
  ACCOUNT_NOT_OPEN: 'later',
  GRANT_LIMIT_REACHED: 'later',
  BALANCE_OUT_OF_RANGE: 'later',
};
const CARD_STOPS: ReadonlySet<AutoTopUpStop> = new Set<AutoTopUpStop>([
  ...(['declined', 'requires_action', 'payment_method_missing'] as const),
]);
/** Stripe's word for a payment that the bank wants to see its customer for. */
const AUTHENTICATION_REQUIRED = 'authentication_required';

/** Computes from when on a rule may buy: after its rest, in a month whose limit has room for it. */
export function computeBuyTime(terms: AutoTopUpTerms, use: AutoTopUpUse, now: Instant): Instant {
  const at = Math.max(now, use.restsUntil ?? now);
  return computeSpent(use, at) + terms.minorUnits <= terms.minorUnitsPerMonth ? at : startOfNextMonth(at);
}

/** Computes what was spent in the month of a time, in minor units. */
export function computeSpent({ month, spent }: AutoTopUpUse, at: Instant): bigint {
  return month === monthOf(at) ? spent : 0n;
}

/** Counts a purchase that was begun at a time. */
export function countPurchase(
  use: AutoTopUpUse,
  minorUnits: bigint,
  at: Instant,
): Pick<AutoTopUpUse, 'month' | 'spent'> {
  return { month: monthOf(at), spent: computeSpent(use, at) + minorUnits };
}

/** Says what a refusal to sell means; undefined where it says nothing of what is sold. */
export function judgeObstacle(reason: Reason): AutoTopUpStop | 'later' | undefined {
  return OBSTACLES[reason];
}

/** Says why a purchase that ended unpaid did, by Stripe's word. */
export function judgeFailure(failureCode: string | undefined): AutoTopUpStop {
  if (failureCode === undefined) return 'not_paid';
  return failureCode === AUTHENTICATION_REQUIRED ? 'requires_action' : 'declined';
}

/** Says whether another card may make good what ended a rule. */
export function isMendedByCard(stop: AutoTopUpStop): boolean {
  return CARD_STOPS.has(stop);
}

function monthOf(at: Instant): string {
  return new Date(at).toISOString().slice(0, 'yyyy-mm'.length);
}

function startOfNextMonth(at: Instant): Instant {
  const date = new Date(`${monthOf(at)}-01T00:00:00Z`);
  return date.setUTCMonth(date.getUTCMonth() + 1);
}
