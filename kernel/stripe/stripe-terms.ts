// Owns what a Price at Stripe says to the rules of subscriptions. Does not own which plan that is (the catalog does).

import type { Stripe } from 'stripe';
import type { StripeTerms } from '../app/subscription/ports.ts';
import type { StripeClient } from './stripe-client.ts';
import { PAGE_SIZE } from './stripe-list.ts';

const SOLD_INTERVALS = ['month', 'year'] as const;

/** What Products say, by their ids. One that was deleted says nothing. */
export type ProductMetadata = ReadonlyMap<string, Readonly<Record<string, string>>>;

/** Reads what Products say. */
export async function loadProductMetadata(client: StripeClient, ids: Iterable<string>): Promise<ProductMetadata> {
  const left = [...new Set(ids)];
  const metadata = new Map<string, Readonly<Record<string, string>>>();
  while (left.length > 0) {
    const { data } = await client.products.list({ ids: left.splice(0, PAGE_SIZE), limit: PAGE_SIZE });
    for (const product of data) metadata.set(product.id, product.metadata);
  }
  return metadata;
}

/** Answers the id of the Product of a Price. */
export function toProductId({ product }: Stripe.Price): string {
  return typeof product === 'string' ? product : product.id;
}

/** Translates a Price; undefined for one that is not for months or years, or not of whole minor units: nothing here is sold so. */
export function toTerms(price: Stripe.Price, quantity: number, products: ProductMetadata): StripeTerms | undefined {
  const { unit_amount: amount, recurring, currency } = price;
  const interval = SOLD_INTERVALS.find((each) => each === recurring?.interval);
  if (amount === null || interval === undefined) return undefined;
  return {
    stripePriceId: price.id,
    minorUnits: BigInt(amount) * BigInt(quantity),
    currency: currency.toLowerCase(),
    interval,
    intervalCount: recurring?.interval_count ?? 1,
    metadata: { ...products.get(toProductId(price)), ...price.metadata },
  };
}
