// Owns what of a payment was to go back and has not: refunds that the payer's bank has sent back, less what made up for them. Does not
// own what somebody does about it (app/reconciliation).
// Invariant: no two debts are of the same money: a refund makes up for others by as much as it is of, once, the oldest first, and
// where it came back itself it is the debt in their place.

import type { Stripe } from 'stripe';
import { type FailedRefund, REPLACES, SETTLED_OUTSIDE } from '../app/reconciliation/ports.ts';
import type { StripeClient } from './stripe-client.ts';
import { listRefunds, UNDONE_REFUNDS } from './stripe-return.ts';

/** A refund that came back, and how much nothing has made up for yet. */
interface Debt {
  readonly refund: Stripe.Refund;
  readonly missing: number;
}

/**
 * Lists what is missing of the refunds of a charge that came back, the oldest first; the charge is to have its newest refunds in it.
 * Throws Stripe's errors.
 */
export async function listRefundDebts(client: StripeClient, charge: Stripe.Charge): Promise<readonly FailedRefund[]> {
  const { id, payment_intent: intent, refunds } = charge;
  const hasFailed = refunds?.data.some(({ status }) => status === 'failed') ?? false;
  if (!hasFailed && refunds?.has_more !== true) return [];
  const newestFirst = await listRefunds(client, { charge: id, expand: ['data.failure_balance_transaction'] });
  // Stripe lists the newest first, also those of one second.
  const oldestFirst = newestFirst.toReversed().toSorted((a, b) => a.created - b.created);
  const debts = oldestFirst.reduce(addRefund, []).filter(({ missing }) => missing > 0);
  return debts.map(({ refund: { id, amount, currency }, missing }) => ({
    stripeRefundId: id,
    stripePaymentIntentId: typeof intent === 'string' ? intent : (intent?.id ?? ''),
    minorUnits: BigInt(amount),
    missingMinorUnits: BigInt(missing),
    currency: currency.toLowerCase(),
  }));
}

function addRefund(debts: readonly Debt[], refund: Stripe.Refund): readonly Debt[] {
  const { status, metadata, amount } = refund;
  if (status === 'failed') {
    const missing = metadata?.[SETTLED_OUTSIDE] === 'true' ? 0 : amount;
    return [...makeUpFor(debts, refund), { refund, missing }];
  }
  return UNDONE_REFUNDS.has(status) ? debts : makeUpFor(debts, refund);
}

function makeUpFor(debts: readonly Debt[], refund: Stripe.Refund): readonly Debt[] {
  const replaced = new Set(listReplaced(debts, refund));
  let left = refund.amount;
  return debts.map((debt) => {
    if (!replaced.has(debt)) return debt;
    const part = Math.min(left, debt.missing);
    left -= part;
    return { ...debt, missing: debt.missing - part };
  });
}

/**
 * Lists what a refund is there to make up for: what it names; else all that had come back when it was made, since it was not made for
 * what came back later. One that came back as well and names nothing is another try only where it is of just what was missing then: else
 * it was to give back something else.
 */
function listReplaced(debts: readonly Debt[], { metadata, status, amount, created }: Stripe.Refund): readonly Debt[] {
  const named = metadata?.[REPLACES];
  if (named !== undefined) return debts.filter(({ refund: { id } }) => id === named);
  const earlier = debts.filter(({ refund }) => cameBackAt(refund) < created);
  const missing = earlier.reduce((sum, debt) => sum + debt.missing, 0);
  return status === 'failed' && amount !== missing ? [] : earlier;
}

/** Returns the second at which the money of a refund was with the shop again; of one that never left it, when it was made. */
function cameBackAt({ failure_balance_transaction: movement, created }: Stripe.Refund): number {
  return typeof movement === 'object' && movement !== null ? movement.created : created;
}
