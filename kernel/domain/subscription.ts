// Owns what a subscription is to the account of a workspace, and what was seen of it at Stripe. Does not own how the one
// follows from the other (subscription-step.ts, advance.ts), or where facts come from (kernel/stripe).
// Invariants: Stripe owns periods and charges; the account has at most one subscription that has not ended, and its plan is that
// one's; price and included credits are those that it was bought with, whatever the catalog says today.

import type { RunningDiscount } from './discount.ts';
import type { Instant, PlanCode } from './id.ts';
import type { PastDueEnd } from './plan-policy.ts';

/**
 * Where a subscription stands. `renewal_pending`: its period is over, and the invoice of the next one has come to no result yet;
 * `past_due`: a payment failed. In both everything stays as it was until `graceEndsAt`.
 */
export type SubscriptionStatus = 'active' | 'renewal_pending' | 'past_due' | 'ended';

/** What a cycle costs and gives. */
export interface CycleTerms {
  readonly planCode: PlanCode;
  readonly stripePriceId: string;
  /** What a cycle costs before discounts and taxes, in the currency's minor unit. */
  readonly minorUnits: bigint;
  /** In lower case. */
  readonly currency: string;
  readonly interval: 'month' | 'year';
  readonly intervalCount: number;
  /** What each paid cycle grants, in microcredits. */
  readonly includedPerCycle: bigint;
}

/** What the plan's policy said when the terms were taken over. */
export interface SubscriptionRules {
  /** How much of what a cycle left over the next one keeps at most, in microcredits. */
  readonly rolloverLimit: bigint;
  /** How long a payment may be made up for: whole seconds, in milliseconds. */
  readonly graceMs: number;
  readonly pastDueEnd: PastDueEnd;
}

/** A change that waits for the end of the period. */
export interface PendingPlan {
  readonly terms: CycleTerms;
  readonly effectiveAt: Instant;
}

/** What may be changed of a subscription without a new plan or period. */
export interface SubscriptionOutlook {
  /** When it ends without renewal; absent where it goes on. */
  readonly cancelAt?: Instant;
  readonly pending?: PendingPlan;
  /** Why the last payment failed, in Stripe's words, such as `card_declined`; there only while a payment is due. */
  readonly failureCode?: string;
  /** What Stripe takes off its invoices, in the order in which it does; absent where that is nothing. */
  readonly discounts?: readonly RunningDiscount[];
}

/** A paid period of a subscription that ended here by time: Stripe may go on with it, and then its credits were given. */
export interface EarlierPeriod extends Pick<CycleTerms, 'interval' | 'intervalCount'> {
  readonly stripeSubscriptionId: string;
  readonly periodStart: Instant;
  readonly periodEnd: Instant;
  readonly paidAllowance: bigint;
}

/**
 * What went with a subscription that ended here by time, and comes again where that should not have been. Stripe says that the next
 * period was paid in time after all: up to the rollover limit, with that period. Or it says that the cancellation had been taken back.
 */
export interface LeftOver {
  /** Free included credits that lapsed. */
  readonly microcredits: bigint;
  /** Says that a payment was known to be missing when it ended. */
  readonly wasPastDue: boolean;
  /** Until when that payment could be made up for, where a cancellation came first. */
  readonly graceEndsAt?: Instant;
  /** There where a cancellation ended it, but for histories that are older than this. */
  readonly priorLapse?: PriorLapse;
}

/** When included credits had lapsed before an end: what was granted since is not gone where that end is taken back. */
export interface PriorLapse {
  /** Absent where they never had. */
  readonly lapsedAt?: Instant;
}

/** The subscription of an account: the one that runs, or the last one. */
export interface Subscription extends CycleTerms, SubscriptionRules, SubscriptionOutlook {
  readonly stripeSubscriptionId: string;
  readonly status: SubscriptionStatus;
  readonly fallbackPlanCode: PlanCode;
  readonly startedAt: Instant;
  /** There where it was sold by contract: its invoices are sent, and operators alone change it. */
  readonly isContract?: true;
  /** The period that is paid. */
  readonly periodStart: Instant;
  readonly periodEnd: Instant;
  /** The included credits of a cycle that this period was paid for, in microcredits: an upgrade that is paid raises it. */
  readonly paidAllowance: bigint;
  /** Until when everything stays although a payment is missing. */
  readonly graceEndsAt?: Instant;
  /** When included credits of it lapsed last: what was granted before is gone, also where a reversal would bring it back. */
  readonly lapsedAt?: Instant;
  readonly endedAt?: Instant;
  /** `stripe`: it is over for good. `time`: it ended here, and Stripe may still say that it was paid after all. */
  readonly endedBy?: 'stripe' | 'time';
  /** There only while it has ended by time, by its cancellation or with something that went with that. */
  readonly leftOver?: LeftOver;
  /** Of the subscriptions that the account had before, oldest first, as long as they are not over; absent where there is none. */
  readonly earlier?: readonly EarlierPeriod[];
}

/** Where the invoice stands that pays a period or a change: `none` where there is no such invoice. */
export type InvoiceState = 'none' | 'draft' | 'open' | 'failed' | 'paid';

/** What an invoice says of the period or the change that it is for. */
export interface InvoiceFacts {
  readonly state: InvoiceState;
  /** Empty where there is none. */
  readonly stripeInvoiceId: string;
}

/** What an invoice says that prorates a change of price inside of a period. */
export interface ChangeFacts extends InvoiceFacts {
  readonly changedAt: Instant;
  readonly includedPerCycle: bigint;
}

/** What was seen of a subscription at Stripe, at one time. */
export interface SubscriptionFacts extends SubscriptionOutlook {
  readonly stripeSubscriptionId: string;
  /** `incomplete`: it waits for its first payment; `live`; `ended`: for good. */
  readonly phase: 'incomplete' | 'live' | 'ended';
  /** Says that Stripe holds back further service: a payment failed, or was never made. */
  readonly isUnpaid: boolean;
  readonly terms: CycleTerms;
  readonly rules: SubscriptionRules;
  readonly fallbackPlanCode: PlanCode;
  readonly startedAt: Instant;
  /** The period that Stripe is in; it may not be paid yet. */
  readonly periodStart: Instant;
  readonly periodEnd: Instant;
  /**
   * The invoice with the line for the whole of that period: of the creation, of a renewal, or of a change of interval.
   * `includedPerCycle` is of the price that it charges for, where that is known to be another one than that of today; `paidAt` is
   * there where it is paid.
   */
  readonly cycleInvoice: InvoiceFacts & { readonly includedPerCycle?: bigint; readonly paidAt?: Instant };
  /** The invoice that prorates the newest change to the price of today inside of that period. */
  readonly changeInvoice: InvoiceFacts & { readonly changedAt: Instant };
  /** Those of the other changes inside of that period, each with what a cycle at its price gives; absent where there is none. */
  readonly earlierChanges?: readonly ChangeFacts[];
  readonly endedAt?: Instant;
  /** Says that it was sold by contract: it begins before its first invoice is paid. */
  readonly isContract: boolean;
}

/** Names the credits of a subscription among all included ones: those of an operator are none of its business. */
export const SUBSCRIPTION_SOURCE = 'subscription';

/** Says whether a subscription has not ended. */
export function isLive(subscription: Subscription | undefined): subscription is Subscription {
  return subscription !== undefined && subscription.status !== 'ended';
}

/**
 * How long a renewal may come to no result before anything is taken away, in milliseconds, whatever the policy says: Stripe
 * finalises the invoice of a renewal about an hour after the period's end.
 */
const RENEWAL_GRACE_MS_MIN = 24 * 3_600_000;

/** Computes until when everything stays after a period whose renewal comes to no result. */
export function computeRenewalGraceEnd(periodEnd: Instant, graceMs: number): Instant {
  return periodEnd + Math.max(graceMs, RENEWAL_GRACE_MS_MIN);
}

/** Lists the times at which a subscription changes by time alone, as far as is known now. */
export function listSubscriptionTimes(subscription: Subscription | undefined): readonly (Instant | undefined)[] {
  if (!isLive(subscription)) return [];
  const { status, periodEnd, graceMs } = subscription;
  const graceEnd = status === 'active' ? computeRenewalGraceEnd(periodEnd, graceMs) : undefined;
  return [computeSubscriptionDueAt(subscription), graceEnd];
}

/** Finds when a subscription next changes by time alone; undefined where it never does. */
export function computeSubscriptionDueAt(subscription: Subscription | undefined): Instant | undefined {
  if (!isLive(subscription)) return undefined;
  const { status, cancelAt, periodEnd, graceEndsAt, pastDueEnd } = subscription;
  const graceEnd = pastDueEnd === 'fallback' ? graceEndsAt : undefined;
  const times = [cancelAt, status === 'active' ? periodEnd : graceEnd];
  const due = Math.min(...times.map((time) => time ?? Number.POSITIVE_INFINITY));
  return Number.isFinite(due) ? due : undefined;
}
