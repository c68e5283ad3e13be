// Owns opening Stripe's billing portal. Does not own what people do there: it is read like every change at Stripe.
// Invariant: what the account's owner set up for the portal counts. Only where nothing was set up is there a configuration of ours,
// made once.

import type { StripeBilling } from '../app/subscription/ports.ts';
import { findRefusal, guardStripe, type StripeClient } from './stripe-client.ts';
import { LIST_MAX, PAGE_SIZE } from './stripe-list.ts';

/** Tells our configuration from others, in its metadata. */
const MARK = { made_by: 'wheelhouse' };
/** Kernels that find none at the same time make one. */
const CONFIGURATION_KEY = 'wheelhouse:portal_configuration:1';

/** Builds the method that opens the portal. */
export function createStripePortal(client: StripeClient): Pick<StripeBilling, 'openPortal'> {
  return {
    openPortal: (customer, returnUrl) =>
      guardStripe(async () => {
        const visit = { customer, return_url: returnUrl };
        try {
          return (await client.billingPortal.sessions.create(visit)).url;
        } catch (error) {
          if (!isUnset(error)) throw error;
          const configuration = await findOrMakeConfiguration(client);
          return (await client.billingPortal.sessions.create({ ...visit, configuration })).url;
        }
      }),
  };
}

/** Stripe has no code for it; the words are "your … mode default configuration has not been created". */
function isUnset(thrown: unknown): boolean {
  return findRefusal(thrown)?.message.includes('default configuration has not been created') === true;
}

async function findOrMakeConfiguration(client: StripeClient): Promise<string> {
  const list = client.billingPortal.configurations.list({ active: true, limit: PAGE_SIZE });
  const known = await list.autoPagingToArray({ limit: LIST_MAX });
  const ours = known.find(({ metadata }) => metadata?.['made_by'] === MARK.made_by);
  if (ours !== undefined) return ours.id;
  const enabled = { enabled: true };
  const made = await client.billingPortal.configurations.create(
    {
      metadata: MARK,
      features: {
        invoice_history: enabled,
        payment_method_update: enabled,
        subscription_cancel: { enabled: true, mode: 'at_period_end' },
      },
    },
    { idempotencyKey: CONFIGURATION_KEY },
  );
  return made.id;
}
