// Owns asking Stripe what a change of price would cost. Does not own the change (stripe-subscription-change.ts).

import type { Stripe } from 'stripe';
import type { StripeBilling, StripePreview, StripeSubscription } from '../app/subscription/ports.ts';
import type { Instant } from '../domain/id.ts';
import { toBillLines, toTax } from './stripe-bill.ts';
import { guardStripe, type StripeClient } from './stripe-client.ts';
import { loadLasting } from './stripe-discount.ts';

/** Builds the method that previews. */
export function createStripePreviews(client: StripeClient): Pick<StripeBilling, 'previewChange'> {
  return {
    previewChange: (subscription, price, at) => guardStripe(() => previewChange(client, subscription, price, at)),
  };
}

async function previewChange(
  client: StripeClient,
  subscription: StripeSubscription,
  price: string,
  at: Instant,
): Promise<StripePreview> {
  const { stripeSubscriptionId: id, stripeItemId, stripeScheduleId } = subscription;
  // What a schedule leads says nothing of its end; a change takes back both.
  const change = {
    items: [{ id: stripeItemId, price }],
    ...(stripeScheduleId === undefined ? { cancel_at_period_end: false } : {}),
  };
  const charge = await client.invoices.createPreview({
    subscription: id,
    subscription_details: { ...change, proration_behavior: 'always_invoice', proration_date: Math.floor(at / 1_000) },
  });
  const fullLine = toBillLines(charge.lines.data).find(({ isProration }) => !isProration);
  // Another interval begins a new period, and bills it whole.
  const periodEnd = fullLine === undefined ? subscription.periodEnd : fullLine.end * 1_000;
  return {
    dueNow: BigInt(Math.max(0, charge.amount_due - toTax(charge))),
    nextCycle: await previewCycle(client, subscription, { change, price, at: periodEnd }),
    currency: charge.currency,
    periodEnd,
  };
}

/** A change, and when the cycle after it begins. */
interface CycleQuery {
  readonly change: Stripe.InvoiceCreatePreviewParams.SubscriptionDetails;
  readonly price: string;
  readonly at: Instant;
}

/**
 * Asks what a whole period costs with the discounts that are left then: what is for one invoice is used up by that of the change, and
 * what has ended by then takes nothing off any more. Before all of them, where a schedule would bill something else next.
 */
async function previewCycle(
  client: StripeClient,
  { stripeSubscriptionId, discounts: running }: StripeSubscription,
  { change, price, at }: CycleQuery,
): Promise<bigint> {
  const next = await client.invoices.createPreview({
    subscription: stripeSubscriptionId,
    subscription_details: { ...change, proration_behavior: 'none' },
    ...(running === undefined ? {} : { discounts: await loadLasting(client, stripeSubscriptionId, at) }),
  });
  const lines = toBillLines(next.lines.data).filter((line) => !line.isProration && line.stripePriceId === price);
  if (lines.length > 0) return lines.reduce((sum, { amount }) => sum + BigInt(amount), 0n);
  const { unit_amount: amount } = await client.prices.retrieve(price);
  return BigInt(amount ?? 0);
}
