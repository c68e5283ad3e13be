// Owns listing at Stripe what a customer has paid for credits, for comparing it with what is kept here. Does not own comparing.

import type { Stripe } from 'stripe';
import { TOP_UP_PURPOSE } from '../app/payment/ports.ts';
import type { FailedRefund, ListedTopUp, StripePaymentList } from '../app/reconciliation/ports.ts';
import { INTENT_ID } from './stripe-attempt.ts';
import { guardStripe, type StripeClient } from './stripe-client.ts';
import { LIST_MAX, PAGE_SIZE } from './stripe-list.ts';
import { listRefundDebts } from './stripe-refund-debt.ts';

/** Builds the lists. */
export function createStripePaymentList(client: StripeClient): StripePaymentList {
  return {
    listTopUps: (customer) =>
      guardStripe(async () => {
        const invoices = await client.invoices
          .list({ customer, limit: PAGE_SIZE })
          .autoPagingToArray({ limit: LIST_MAX });
        return invoices.flatMap(toListedTopUp);
      }),
    listReturned: (customer) =>
      guardStripe(async () => {
        const charges = await client.charges
          .list({ customer, limit: PAGE_SIZE })
          .autoPagingToArray({ limit: LIST_MAX });
        return new Set(
          charges.flatMap(({ amount_refunded: refunded, disputed, payment_intent: intent }) => {
            if (refunded === 0 && !disputed) return [];
            return typeof intent === 'string' ? [intent] : [];
          }),
        );
      }),
    listFailedRefunds: (customer) =>
      guardStripe(async () => {
        const query = { customer, limit: PAGE_SIZE, expand: ['data.refunds'] };
        const charges = await client.charges.list(query).autoPagingToArray({ limit: LIST_MAX });
        const debts: FailedRefund[] = [];
        // One after another: few charges have such a refund, and a customer may have many charges.
        for (const charge of charges) debts.push(...(await listRefundDebts(client, charge)));
        return debts;
      }),
  };
}

function toListedTopUp(invoice: Stripe.Invoice): readonly ListedTopUp[] {
  const { id = '', status, total, pre_payment_credit_notes_amount: credited, currency, metadata } = invoice;
  if (metadata?.['purpose'] !== TOP_UP_PURPOSE) return [];
  const minorUnits = BigInt(total) - BigInt(credited);
  const price = { minorUnits, currency: currency.toLowerCase() };
  return [{ stripeInvoiceId: id, topUpId: metadata[INTENT_ID] ?? '', isPaid: status === 'paid', ...price }];
}
