// Owns reading what of a payment went back to its payer: refunds that have not failed, and disputes that hold its money. Does not own
// what that takes from anybody.

import type { Stripe } from 'stripe';
import type { StripeReturnPart } from '../app/payment/ports.ts';
import type { StripeClient } from './stripe-client.ts';
import { LIST_MAX, PAGE_SIZE } from './stripe-list.ts';

/** Refunds that gave nothing back. */
export const UNDONE_REFUNDS: ReadonlySet<string | null> = new Set(['failed', 'canceled']);
/** Disputes for which the bank has taken the money, and has not given it back. */
const TAKING_DISPUTES: ReadonlySet<Stripe.Dispute.Status> = new Set<Stripe.Dispute.Status>([
  ...(['needs_response', 'under_review', 'lost'] as const),
]);

/** Reads the refunds of a payment that its payer's bank has sent back. Throws Stripe's errors. */
export async function loadFailedRefunds(client: StripeClient, intent: string): Promise<readonly StripeReturnPart[]> {
  const refunds = await listRefunds(client, { payment_intent: intent });
  return refunds.filter(({ status }) => status === 'failed').map((each) => toPart('refund', each));
}

/** Reads what of the payment of an intent went back. Throws Stripe's errors. */
export async function loadReturnParts(client: StripeClient, intent: string): Promise<readonly StripeReturnPart[]> {
  const refunds = await listRefunds(client, { payment_intent: intent });
  const disputes = await client.disputes
    .list({ payment_intent: intent, limit: PAGE_SIZE })
    .autoPagingToArray({ limit: LIST_MAX });
  return [
    ...refunds.filter(({ status }) => !UNDONE_REFUNDS.has(status)).map((each) => toPart('refund', each)),
    ...disputes.filter(({ status }) => TAKING_DISPUTES.has(status)).map((each) => toPart('dispute', each)),
  ];
}

/** Lists the refunds of a charge or a payment intent, the newest first. Throws Stripe's errors. */
export function listRefunds(client: StripeClient, query: Stripe.RefundListParams): Promise<readonly Stripe.Refund[]> {
  return client.refunds.list({ ...query, limit: PAGE_SIZE }).autoPagingToArray({ limit: LIST_MAX });
}

function toPart(
  kind: StripeReturnPart['kind'],
  { id, amount, currency, created }: Stripe.Refund | Stripe.Dispute,
): StripeReturnPart {
  return { kind, id, minorUnits: BigInt(amount), currency: currency.toLowerCase(), madeAt: created * 1_000 };
}
