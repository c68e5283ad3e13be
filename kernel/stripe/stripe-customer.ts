// Owns making the customer of a workspace at Stripe, finding one whose making was not heard of, and seeing whether one is there still.
// Does not own which customer is whose (kernel/store/subscription).

import type { Stripe } from 'stripe';
import type { StripeBilling } from '../app/subscription/ports.ts';
import { present } from '../domain/optional.ts';
import { INTENT_ID, toOptions, withIntent } from './stripe-attempt.ts';
import { guardStripe, isMissing, type StripeClient } from './stripe-client.ts';
import { LIST_MAX, PAGE_SIZE } from './stripe-list.ts';

/** Builds the methods about customers. */
export function createStripeCustomers(
  client: StripeClient,
): Pick<StripeBilling, 'createCustomer' | 'findCustomer' | 'hasCustomer'> {
  return {
    createCustomer: ({ metadata, name, email }, attempt) =>
      guardStripe(async () => {
        const details = { ...present({ name, email }), metadata: withIntent(metadata, attempt) };
        return (await client.customers.create(details, toOptions(attempt))).id;
      }),
    findCustomer: (intentId, madeAfter) =>
      guardStripe(async () => {
        const query = { created: { gte: Math.floor(madeAfter / 1_000) }, limit: PAGE_SIZE };
        const made = await client.customers.list(query).autoPagingToArray({ limit: LIST_MAX });
        return made.find(({ metadata }) => metadata[INTENT_ID] === intentId)?.id;
      }),
    hasCustomer: (id) => guardStripe(async () => (await loadCustomer(client, id)) !== undefined),
  };
}

/** Reads a customer; undefined where it was deleted, or Stripe has none of the id. Throws Stripe's errors. */
export async function loadCustomer(client: StripeClient, id: string): Promise<Stripe.Customer | undefined> {
  try {
    const found = await client.customers.retrieve(id);
    return found.deleted === true ? undefined : found;
  } catch (error) {
    if (isMissing(error)) return undefined;
    throw error;
  }
}
