// Owns listing at Stripe what a customer has paid for credits, for comparing it with what is kept here. Does not own comparing.

import { TOP_UP_PURPOSE } from '../app/payment/ports.ts';
import type { ListedTopUp, StripePaymentList } from '../app/reconciliation/ports.ts';
import { INTENT_ID } from './stripe-attempt.ts';
import { guardStripe, type StripeClient } from './stripe-client.ts';
import { LIST_MAX, PAGE_SIZE } from './stripe-list.ts';

/** Builds the lists. */
export function createStripePaymentList(client: StripeClient): StripePaymentList {
  return {
    listTopUps: (customer) =>
      guardStripe(async () => {
        const invoices = await client.invoices
          .list({ customer, limit: PAGE_SIZE })
          .autoPagingToArray({ limit: LIST_MAX });
        return invoices.flatMap(({ id = '', status, total, currency, metadata }): ListedTopUp[] => {
          if (metadata?.['purpose'] !== TOP_UP_PURPOSE) return [];
          const topUpId = metadata[INTENT_ID] ?? '';
          return [{ stripeInvoiceId: id, topUpId, isPaid: status === 'paid', minorUnits: BigInt(total), currency }];
        });
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
  };
}
