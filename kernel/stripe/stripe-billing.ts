// Owns all that the kernel asks of Stripe about a customer, as one port. Does not own any of it: each part is a file beside it.

import type { StripeBilling } from '../app/subscription/ports.ts';
import { createStripeCancellations } from './stripe-cancellation.ts';
import { createStripeCheckout } from './stripe-checkout.ts';
import type { StripeClient } from './stripe-client.ts';
import { createStripeCustomers } from './stripe-customer.ts';
import { createStripeDiscounts } from './stripe-discount.ts';
import { createStripePaymentMethods } from './stripe-payment-method.ts';
import { createStripePortal } from './stripe-portal.ts';
import { createStripePreviews } from './stripe-preview.ts';
import { createStripeSubscriptions } from './stripe-subscription.ts';
import { createStripeChanges } from './stripe-subscription-change.ts';
import { createStripeOrders } from './stripe-subscription-order.ts';

/** Builds what speaks to Stripe about customers. */
export function createStripeBilling(client: StripeClient): StripeBilling {
  return {
    ...createStripeCustomers(client),
    ...createStripeSubscriptions(client),
    ...createStripeOrders(client),
    ...createStripeCheckout(client),
    ...createStripePreviews(client),
    ...createStripeChanges(client),
    ...createStripeCancellations(client),
    ...createStripeDiscounts(client),
    ...createStripePaymentMethods(client),
    ...createStripePortal(client),
  };
}
