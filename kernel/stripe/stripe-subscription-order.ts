// Owns beginning subscriptions at Stripe: what people buy with their stored card, and what sales agreed on. Does not own buying on
// a page (stripe-checkout.ts).
// Invariant: nothing stays that is not paid, unless its invoice is sent.

import type { ChargeOutcome, ContractOrder, StripeAttempt, StripeBilling } from '../app/subscription/ports.ts';
import { toOptions, withIntent } from './stripe-attempt.ts';
import { runCharge } from './stripe-charge.ts';
import { closeOthers } from './stripe-checkout.ts';
import { guardStripe, type StripeClient } from './stripe-client.ts';
import { findDiscounts, guardPromotion } from './stripe-promotion.ts';

const MONTHS_OF_YEAR = 12;

/** Charges the stored card now, or leaves nothing behind. */
const CHARGED = { payment_behavior: 'error_if_incomplete', off_session: true } as const;

/** Builds the methods that begin subscriptions. */
export function createStripeOrders(client: StripeClient): Pick<StripeBilling, 'createSubscription' | 'createContract'> {
  return {
    createSubscription: (order, attempt) =>
      guardStripe(() =>
        guardPromotion(order.promotionCode, async () => {
          const { stripeCustomerId: customer, stripePriceId: price, metadata, promotionCode } = order;
          const discounts = await findDiscounts(client, customer, promotionCode);
          // Nobody is to buy once more on a page that is open still.
          await closeOthers(client, customer, attempt);
          const terms = { customer, items: [{ price }], metadata: withIntent(metadata, attempt), ...discounts };
          return await runCharge(async () =>
            toDone(await client.subscriptions.create({ ...terms, ...CHARGED }, toOptions(attempt))),
          );
        }),
      ),
    createContract: (order, attempt) => guardStripe(() => createContract(client, order, attempt)),
  };
}

function toDone({ id }: { readonly id: string }): ChargeOutcome {
  return { kind: 'done', stripeSubscriptionId: id };
}

/**
 * The Price is made with the subscription, which has it archived from its beginning: so it is never a plan of the catalog. Such a
 * Price takes no metadata; its Product has them.
 */
async function createContract(
  client: StripeClient,
  order: ContractOrder,
  attempt: StripeAttempt,
): Promise<ChargeOutcome> {
  const { stripeCustomerId: customer, productName: name, daysUntilDue, currency, billingEmail: email } = order;
  const metadata = withIntent(order.metadata, attempt);
  if (email !== undefined) await client.customers.update(customer, { email }, toOptions(attempt, 'email'));
  const { id: product } = await client.products.create({ name, metadata }, toOptions(attempt, 'product'));
  const recurring = toRecurring(order.intervalMonths);
  const price = { product, currency, unit_amount: Number(order.minorUnits), recurring };
  const terms = { customer, items: [{ price_data: price }], metadata };
  const collection =
    daysUntilDue > 0 ? ({ collection_method: 'send_invoice', days_until_due: daysUntilDue } as const) : CHARGED;
  const outcome = await runCharge(async () =>
    toDone(await client.subscriptions.create({ ...terms, ...collection }, toOptions(attempt))),
  );
  if (outcome.kind !== 'done') await client.products.update(product, { active: false }, toOptions(attempt, 'archive'));
  return outcome;
}

function toRecurring(months: number): { readonly interval: 'month' | 'year'; readonly interval_count: number } {
  return months % MONTHS_OF_YEAR === 0
    ? { interval: 'year', interval_count: months / MONTHS_OF_YEAR }
    : { interval: 'month', interval_count: months };
}
