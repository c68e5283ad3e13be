// Owns that the customer of a workspace has to be at Stripe. Does not own making another one (app/subscription/customer-desk.ts).

import type { TenantRef } from '../ledger/ledger.ts';
import type { CustomerStore, StripeBilling } from '../subscription/ports.ts';
import { type Difference, mendedByRefresh, type WorkspaceCheck } from './difference.ts';

/** What the check works with. */
export interface CustomerCheckParts {
  readonly customers: Pick<CustomerStore, 'loadCustomer'>;
  readonly billing: Pick<StripeBilling, 'hasCustomer'>;
}

/** Looks for customers. */
export class CustomerCheck implements WorkspaceCheck {
  readonly #parts: CustomerCheckParts;

  constructor(parts: CustomerCheckParts) {
    this.#parts = parts;
  }

  async find({ tenantId }: TenantRef): Promise<readonly Difference[]> {
    const { customers, billing } = this.#parts;
    const subject = (await customers.loadCustomer(tenantId))?.stripeCustomerId;
    if (subject === undefined || (await billing.hasCustomer(subject))) return [];
    const message = `Stripe has no customer ${subject} any more, or never had: what the workspace stored and bought there is gone`;
    const effect = `has another customer be made in the place of ${subject}, when one is next needed`;
    return [mendedByRefresh({ tenantId, kind: 'customer_missing', subject, message }, effect)];
  }
}
