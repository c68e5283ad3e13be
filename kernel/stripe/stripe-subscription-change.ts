// Owns changing the price of a subscription at Stripe: at once, or when its period ends. Does not own its end
// (stripe-cancellation.ts), or what a change would cost (stripe-preview.ts).
// Invariants: a change that is declined leaves all as it was, what waits for the end of the period too; one that is to be paid on a page
// takes the place of what waits, which its intent has noted (app/subscription/set-aside.ts); what a step sends hangs on its
// intent and on what Stripe answered to the steps before, never on how far an earlier try of it came.

import type { Stripe } from 'stripe';
import type { ChargeOutcome, StripeAttempt, StripeBilling, StripeSubscription } from '../app/subscription/ports.ts';
import type { Instant } from '../domain/id.ts';
import { toOptions, withIntent } from './stripe-attempt.ts';
import { keepGoing, releaseSchedule, voidInvoice } from './stripe-cancellation.ts';
import { runCharge } from './stripe-charge.ts';
import { guardStripe, type StripeClient } from './stripe-client.ts';

interface PriceChange {
  readonly stripePriceId: string;
  readonly metadata: Readonly<Record<string, string>>;
}

/** Builds the methods that change prices. */
export function createStripeChanges(
  client: StripeClient,
): Pick<StripeBilling, 'changeNow' | 'closeChange' | 'changeAtPeriodEnd'> {
  return {
    changeNow: (subscription, change, attempt) =>
      guardStripe(async () => {
        const outcome = await runCharge(() => chargeNow(client, subscription, change, attempt));
        if (outcome.kind !== 'action_required' || !change.canWait) return outcome;
        return await runCharge(() => waitForPayment(client, subscription, change, attempt));
      }),
    closeChange: (id) =>
      guardStripe(async () => {
        const { pending_update: update, latest_invoice: invoice } = await client.subscriptions.retrieve(id);
        if (update !== null && invoice !== null) await voidInvoice(client, toId(invoice));
      }),
    changeAtPeriodEnd: (subscription, change, attempt) =>
      guardStripe(() => scheduleChange(client, subscription, change, attempt)),
  };
}

function toTerms(
  { stripeItemId: id }: StripeSubscription,
  { stripePriceId: price, at, metadata }: PriceChange & { readonly at: Instant },
  attempt: StripeAttempt,
) {
  return {
    items: [{ id, price }],
    proration_behavior: 'always_invoice' as const,
    proration_date: Math.floor(at / 1_000),
    metadata: withIntent(metadata, attempt),
  };
}

/** What waited is taken back after the change is paid: whoever is declined keeps it. */
async function chargeNow(
  client: StripeClient,
  subscription: StripeSubscription,
  change: PriceChange & { readonly at: Instant },
  attempt: StripeAttempt,
): Promise<ChargeOutcome> {
  const { stripeSubscriptionId } = subscription;
  const terms = toTerms(subscription, change, attempt);
  const after = await client.subscriptions.update(
    stripeSubscriptionId,
    { ...terms, payment_behavior: 'error_if_incomplete', off_session: true },
    toOptions(attempt),
  );
  if (after.schedule !== null) await releaseSchedule(client, toId(after.schedule), attempt);
  if (after.cancel_at !== null || after.cancel_at_period_end) await keepGoing(client, stripeSubscriptionId, attempt);
  return { kind: 'done', stripeSubscriptionId };
}

function toId(object: string | { readonly id: string }): string {
  return typeof object === 'string' ? object : object.id;
}

/** Stripe takes little else with a change that waits: a cancellation stays until it is paid, and then too. */
async function waitForPayment(
  client: StripeClient,
  subscription: StripeSubscription,
  change: PriceChange & { readonly at: Instant },
  attempt: StripeAttempt,
): Promise<ChargeOutcome> {
  const { stripeSubscriptionId, stripeScheduleId } = subscription;
  if (stripeScheduleId !== undefined) await releaseSchedule(client, stripeScheduleId, attempt);
  const { latest_invoice: invoice, pending_update: update } = await client.subscriptions.update(
    stripeSubscriptionId,
    {
      ...toTerms(subscription, change, attempt),
      payment_behavior: 'pending_if_incomplete',
      expand: ['latest_invoice'],
    },
    toOptions(attempt, 'pending'),
  );
  if (update === null) return { kind: 'done', stripeSubscriptionId };
  const url = typeof invoice === 'object' ? invoice?.hosted_invoice_url : undefined;
  return { kind: 'action_required', url: url ?? '' };
}

async function scheduleChange(
  client: StripeClient,
  subscription: StripeSubscription,
  { stripePriceId, metadata }: PriceChange,
  attempt: StripeAttempt,
): Promise<void> {
  const { stripeSubscriptionId, stripeScheduleId, cancelAt } = subscription;
  if (stripeScheduleId === undefined && cancelAt !== undefined) {
    await keepGoing(client, stripeSubscriptionId, attempt);
  }
  const schedule =
    stripeScheduleId === undefined
      ? await client.subscriptionSchedules.create(
          { from_subscription: stripeSubscriptionId },
          toOptions(attempt, 'schedule'),
        )
      : await client.subscriptionSchedules.retrieve(stripeScheduleId);
  const present = findPresentPhase(schedule);
  const discounts = await loadDiscounts(client, stripeSubscriptionId);
  const next = {
    items: [{ price: stripePriceId, quantity: 1 }],
    // The schedule lets go of the subscription some time in the period after the change.
    duration: { interval: 'month' as const, interval_count: 1 },
    proration_behavior: 'none' as const,
    metadata: withIntent(metadata, attempt),
    discounts,
  };
  const unchanged = {
    start_date: present.start_date,
    end_date: Math.floor(subscription.periodEnd / 1_000),
    items: present.items.map(({ price, quantity }) => ({ price: toId(price), quantity: quantity ?? 1 })),
    discounts,
  };
  await client.subscriptionSchedules.update(
    schedule.id,
    {
      end_behavior: 'release',
      proration_behavior: 'none',
      metadata: withIntent({}, attempt),
      phases: [unchanged, next],
    },
    toOptions(attempt, 'phases'),
  );
}

function findPresentPhase({ id, phases, current_phase: current }: Stripe.SubscriptionSchedule) {
  const present = phases.find(({ start_date: start }) => start === current?.start_date);
  if (present === undefined) throw new RangeError(`The schedule ${id} of Stripe is in none of its phases.`);
  return present;
}

/** What the subscription has: a phase goes on naming those that are used up, have ended or were taken away since it began. */
async function loadDiscounts(client: StripeClient, id: string): Promise<{ readonly discount: string }[]> {
  const { discounts } = await client.subscriptions.retrieve(id);
  return discounts.map((discount) => ({ discount: toId(discount) }));
}
