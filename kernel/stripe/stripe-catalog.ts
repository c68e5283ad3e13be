// Owns reading Prices and their Products at Stripe, and what of them the rules get to see.
// Invariant: every page is asked for after the last Price of the one before, so that none is skipped while others are made.

import type { Stripe } from 'stripe';
import type { StripeCatalog } from '../app/catalog-sync/ports.ts';
import type { StripePrice } from '../domain/stripe-price.ts';
import { guardStripe, isMissing, type StripeClient } from './stripe-client.ts';

/** As many as Stripe gives at once. */
const PAGE_SIZE = 100;

/** Builds what reads the catalog at Stripe. */
export function createStripeCatalog(client: StripeClient): StripeCatalog {
  return {
    loadPages: (active) => readPages(client, active),
    loadPrice: (priceId) =>
      guardStripe(async () => {
        try {
          return toStripePrice(await client.prices.retrieve(priceId, { expand: ['product'] }));
        } catch (error) {
          if (isMissing(error)) return undefined;
          throw error;
        }
      }),
  };
}

async function* readPages(client: StripeClient, active: boolean): AsyncGenerator<readonly StripePrice[]> {
  const query = { active, limit: PAGE_SIZE, expand: ['data.product'] };
  let last: string | undefined;
  do {
    const after = last === undefined ? {} : { starting_after: last };
    const page = await guardStripe(() => client.prices.list({ ...query, ...after }));
    yield page.data.map(toStripePrice);
    last = page.has_more ? page.data.at(-1)?.id : undefined;
  } while (last !== undefined);
}

function toStripePrice(price: Stripe.Price): StripePrice {
  const { unit_amount: amount, recurring, product } = price;
  const isWhole = amount !== null && Number.isSafeInteger(amount);
  // A Product that is not expanded, or deleted, has told nothing of itself.
  const known = typeof product === 'string' || product.deleted === true ? undefined : product;
  return {
    priceId: price.id,
    isActive: price.active && known?.active === true,
    createdAt: price.created * 1_000,
    currency: price.currency.toLowerCase(),
    ...(isWhole ? { minorUnits: BigInt(amount) } : {}),
    ...(recurring === null ? {} : { recurring: toRecurring(recurring) }),
    isTiered:
      price.billing_scheme === 'tiered' || price.transform_quantity !== null || price.custom_unit_amount !== null,
    metadata: price.metadata,
    product: { name: known?.name ?? '', metadata: known?.metadata ?? {} },
  };
}

function toRecurring(recurring: Stripe.Price.Recurring): NonNullable<StripePrice['recurring']> {
  const { interval, interval_count: intervalCount, usage_type: usageType } = recurring;
  return { interval, intervalCount, isMetered: usageType === 'metered' };
}
