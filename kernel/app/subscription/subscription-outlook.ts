// Owns what an account still follows of its subscription at a price that says nothing here: when it ends. Does not own what a price
// says (subscription-facts.ts).
// Invariant: nothing of such a price gives a plan, a period or credits, nor takes what was paid for.

import { present } from '../../domain/optional.ts';
import { type CycleTerms, isLive, type Subscription, type SubscriptionFacts } from '../../domain/subscription.ts';
import type { StripeSubscription } from './ports.ts';

/** Answers facts that leave all as the account has it, but for the end; undefined where it is not the one that runs here. */
export function toOutlookFacts(
  { stripeSubscriptionId, phase, cancelAt, isInvoiced }: StripeSubscription,
  current: Subscription | undefined,
): SubscriptionFacts | undefined {
  if (!isLive(current) || current.stripeSubscriptionId !== stripeSubscriptionId || phase !== 'live') return undefined;
  const { status, fallbackPlanCode, startedAt, periodStart, periodEnd, failureCode } = current;
  const { rolloverLimit, graceMs, pastDueEnd, discounts } = current;
  const none = { state: 'none', stripeInvoiceId: '' } as const;
  return {
    ...{ stripeSubscriptionId, phase, fallbackPlanCode, startedAt, periodStart, periodEnd },
    isUnpaid: status === 'past_due',
    terms: termsOf(current),
    rules: { rolloverLimit, graceMs, pastDueEnd },
    cycleInvoice: none,
    changeInvoice: { ...none, changedAt: periodStart },
    isContract: isInvoiced,
    ...present({ cancelAt, failureCode, discounts }),
  };
}

function termsOf(terms: CycleTerms): CycleTerms {
  const { planCode, stripePriceId, minorUnits, currency, interval, intervalCount, includedPerCycle } = terms;
  return { planCode, stripePriceId, minorUnits, currency, interval, intervalCount, includedPerCycle };
}
