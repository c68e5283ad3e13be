// Owns the end of a subscription at Stripe: with its period, at once, and taking that back; and paying back what was paid last.
// Does not own changes of its price.
// Invariant: what is over already is no error: the same again comes to the same.

import type { StripeAttempt, StripeBilling, StripeSubscription } from '../app/subscription/ports.ts';
import { INTENT_ID, toOptions } from './stripe-attempt.ts';
import { findRefusal, guardStripe, isMissing, type StripeClient, unlessOver } from './stripe-client.ts';
import { LIST_MAX, PAGE_SIZE } from './stripe-list.ts';

/** Among the newest ones is the last that cost something. */
const PAID_INVOICES_MAX = 10;

/** Builds the methods that end subscriptions and take that back. */
export function createStripeCancellations(
  client: StripeClient,
): Pick<StripeBilling, 'cancelAtPeriodEnd' | 'cancelNow' | 'cancelUnpaid' | 'resume' | 'refundLatestPayment'> {
  return {
    cancelAtPeriodEnd: ({ stripeSubscriptionId, stripeScheduleId }, attempt) =>
      guardStripe(async () => {
        if (stripeScheduleId !== undefined) await releaseSchedule(client, stripeScheduleId, attempt);
        await client.subscriptions.update(stripeSubscriptionId, { cancel_at_period_end: true }, toOptions(attempt));
      }),
    cancelNow: (subscription, attempt) => guardStripe(() => cancelNow(client, subscription, attempt)),
    cancelUnpaid: (subscription, attempt) => guardStripe(() => cancelUnpaid(client, subscription, attempt)),
    resume: ({ stripeSubscriptionId, stripeScheduleId, cancelAt }, attempt) =>
      guardStripe(async () => {
        if (stripeScheduleId !== undefined) await releaseSchedule(client, stripeScheduleId, attempt);
        if (cancelAt !== undefined) await keepGoing(client, stripeSubscriptionId, attempt);
      }),
    refundLatestPayment: (id, attempt) => guardStripe(() => refundLatestPayment(client, id, attempt)),
  };
}

/** Lets a subscription go of its schedule, as it is. One that is over is left alone. */
export async function releaseSchedule(client: StripeClient, id: string, attempt: StripeAttempt): Promise<void> {
  await unlessOver(
    () => client.subscriptionSchedules.release(id, {}, toOptions(attempt, 'release')),
    async () => {
      const { status } = await client.subscriptionSchedules.retrieve(id);
      return status !== 'active' && status !== 'not_started';
    },
  );
}

/** Takes back a cancellation: the API sets time and flag, the portal the time only. */
export async function keepGoing(client: StripeClient, id: string, attempt: StripeAttempt): Promise<void> {
  const kept = await client.subscriptions.update(id, { cancel_at_period_end: false }, toOptions(attempt, 'keep'));
  if (kept.cancel_at === null) return;
  await client.subscriptions.update(id, { cancel_at: '' }, toOptions(attempt, 'keep_time'));
}

async function cancelNow(
  client: StripeClient,
  { stripeSubscriptionId: subscription }: StripeSubscription,
  attempt: StripeAttempt,
): Promise<void> {
  try {
    await client.subscriptions.cancel(subscription, { invoice_now: false, prorate: false });
  } catch (error) {
    // So Stripe answers where it is over already.
    if (!isMissing(error)) throw error;
  }
  for (const id of await listOpen(client, subscription)) await voidInvoice(client, id, attempt);
}

/** Once an invoice is void nobody can pay it any more: so what was paid until then is seen before anything ends. */
async function cancelUnpaid(
  client: StripeClient,
  subscription: StripeSubscription,
  attempt: StripeAttempt,
): Promise<boolean> {
  const { stripeSubscriptionId, cycleInvoice, changeInvoice } = subscription;
  const owed = [cycleInvoice, changeInvoice].flatMap(({ state, stripeInvoiceId: id }) =>
    state === 'paid' || id === '' ? [] : [id],
  );
  for (const id of new Set([...owed, ...(await listOpen(client, stripeSubscriptionId))])) {
    await voidInvoice(client, id, attempt);
    if ((await client.invoices.retrieve(id)).status === 'paid') return false;
  }
  await cancelNow(client, subscription, attempt);
  return true;
}

async function listOpen(client: StripeClient, subscription: string): Promise<readonly string[]> {
  const query = { subscription, status: 'open' as const, limit: PAGE_SIZE };
  const open = await client.invoices.list(query).autoPagingToArray({ limit: LIST_MAX });
  return open.flatMap(({ id }) => (id === undefined ? [] : [id]));
}

/** Voids an invoice. One that was paid or voided meanwhile is left alone. */
export async function voidInvoice(client: StripeClient, id: string, attempt?: StripeAttempt): Promise<void> {
  const options = attempt === undefined ? {} : toOptions(attempt, `void_${id}`);
  await unlessOver(
    () => client.invoices.voidInvoice(id, {}, options),
    async () => (await client.invoices.retrieve(id)).status !== 'open',
  );
}

async function refundLatestPayment(client: StripeClient, subscription: string, attempt: StripeAttempt): Promise<void> {
  const query = { subscription, status: 'paid' as const, limit: PAID_INVOICES_MAX, expand: ['data.payments'] };
  const { data } = await client.invoices.list(query);
  const payments = data.find(({ amount_paid: paid }) => paid > 0)?.payments?.data ?? [];
  for (const { status, payment } of payments) {
    const intent = payment.payment_intent;
    if (status !== 'paid' || intent === undefined) continue;
    await refund(client, typeof intent === 'string' ? intent : intent.id, attempt);
  }
}

async function refund(client: StripeClient, intent: string, attempt: StripeAttempt): Promise<void> {
  try {
    const metadata = { [INTENT_ID]: attempt.intentId };
    await client.refunds.create({ payment_intent: intent, metadata }, toOptions(attempt, `refund_${intent}`));
  } catch (error) {
    const code = findRefusal(error)?.code;
    if (code === 'charge_already_refunded') return;
    // Whose bank has taken the money back for good has it.
    if (code !== 'charge_disputed' || !(await isLostToDispute(client, intent))) throw error;
  }
}

async function isLostToDispute(client: StripeClient, intent: string): Promise<boolean> {
  const { data } = await client.disputes.list({ payment_intent: intent, limit: PAGE_SIZE });
  return data.some(({ status }) => status === 'lost');
}
