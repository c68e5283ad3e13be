// Owns Stripe's pages to buy and to store a card on. Does not own what became of them: subscriptions and payment methods are read.
// Invariants: a customer has at most one page open to buy on, so that nobody buys twice; a page takes no codes of Stripe's from who pays on
// it, since our rules would not hold for those: it has the discount that it was opened with, or none.

import type { Stripe } from 'stripe';
import {
  type PageAddresses,
  PROMOTION_ID,
  type StripeAttempt,
  type StripeBilling,
  type SubscriptionOrder,
} from '../app/subscription/ports.ts';
import { DomainError } from '../domain/error.ts';
import { present } from '../domain/optional.ts';
import { INTENT_ID, toOptions, withIntent } from './stripe-attempt.ts';
import { guardStripe, type StripeClient, unlessOver } from './stripe-client.ts';
import { LIST_MAX, PAGE_SIZE } from './stripe-list.ts';
import { findDiscounts, guardPromotion } from './stripe-promotion.ts';

/** Tells a page from those of other attempts of its intent, in its metadata. */
const ATTEMPT = 'intent_attempt';

/** Builds the methods that open pages. */
export function createStripeCheckout(
  client: StripeClient,
): Pick<StripeBilling, 'openCheckout' | 'hasOpenCheckout' | 'closeCheckouts' | 'openSetupPage'> {
  return {
    openCheckout: (order, pages, attempt) =>
      guardStripe(() => guardPromotion(order.promotionCode, () => openCheckout(client, order, pages, attempt))),
    hasOpenCheckout: (customer, promotionId) =>
      guardStripe(async () => {
        const open = await listOpen(client, customer);
        return open.some(({ mode, metadata }) => mode === 'subscription' && metadata?.[PROMOTION_ID] === promotionId);
      }),
    closeCheckouts: (customer) =>
      guardStripe(async () => {
        for (const { id, mode } of await listOpen(client, customer))
          if (mode === 'subscription') await close(client, id);
      }),
    openSetupPage: (customer, { currency, metadata }, pages, attempt) =>
      guardStripe(async () => {
        const ours = withIntent(metadata, attempt);
        const { url } = await client.checkout.sessions.create(
          {
            mode: 'setup',
            customer,
            currency,
            metadata: ours,
            setup_intent_data: { metadata: ours },
            ...toAddresses(pages),
          },
          toOptions(attempt),
        );
        return needUrl(url);
      }),
  };
}

function toAddresses({ successUrl, cancelUrl }: PageAddresses) {
  return { success_url: successUrl, cancel_url: cancelUrl };
}

async function openCheckout(
  client: StripeClient,
  order: SubscriptionOrder,
  pages: PageAddresses,
  attempt: StripeAttempt,
): Promise<string> {
  const { stripeCustomerId: customer, stripePriceId: price, metadata } = order;
  const discounts = await findDiscounts(client, customer, order.promotionCode);
  await closeOthers(client, customer, attempt);
  const ours = withIntent(metadata, attempt);
  const { url } = await client.checkout.sessions.create(
    {
      mode: 'subscription',
      customer,
      line_items: [{ price, quantity: 1 }],
      metadata: { ...ours, [ATTEMPT]: `${attempt.attempt}` },
      subscription_data: { metadata: ours },
      ...present({ client_reference_id: metadata['tenant_id'] }),
      ...discounts,
      ...toAddresses(pages),
    },
    // An attempt may have asked for a charge before that the bank wants to see the person for.
    toOptions(attempt, 'page'),
  );
  return needUrl(url);
}

/** Closes the pages to buy on, but for the one that this attempt has opened already. */
export async function closeOthers(
  client: StripeClient,
  customer: string,
  { intentId, attempt }: StripeAttempt,
): Promise<void> {
  for (const { id, mode, metadata } of await listOpen(client, customer)) {
    const isOwn = metadata?.[INTENT_ID] === intentId && metadata[ATTEMPT] === `${attempt}`;
    if (mode === 'subscription' && !isOwn) await close(client, id);
  }
}

function listOpen(client: StripeClient, customer: string): Promise<Stripe.Checkout.Session[]> {
  const query = { customer, status: 'open' as const, limit: PAGE_SIZE };
  return client.checkout.sessions.list(query).autoPagingToArray({ limit: LIST_MAX });
}

/** One that was used or closed meanwhile is left alone. */
async function close(client: StripeClient, id: string): Promise<void> {
  await unlessOver(
    () => client.checkout.sessions.expire(id),
    async () => (await client.checkout.sessions.retrieve(id)).status !== 'open',
  );
}

function needUrl(url: string | null): string {
  if (url !== null) return url;
  throw new DomainError('STRIPE_REFUSED', 'Stripe opened a page without an address: ask for it again');
}
