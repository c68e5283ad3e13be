// Owns what Stripe shows of plans that a workspace has bought with a promotion, or still may buy. Does not own what follows from it
// (redemption-desk.ts).
// Invariant: where a plan was bought with it, or a page is open to buy one on, the answer is never that nothing can come of it.

import type { CustomerDesk } from '../subscription/customer-desk.ts';
import { isBought } from '../subscription/intent-adoption.ts';
import { PROMOTION_ID, type StripeBilling, type StripeSubscription } from '../subscription/ports.ts';
import type { RedemptionHolder } from './ports.ts';

/** What evidence is found with. */
export interface PurchaseEvidenceParts {
  readonly billing: Pick<StripeBilling, 'hasOpenCheckout' | 'loadSubscriptions'>;
  readonly customers: Pick<CustomerDesk, 'listCustomers'>;
}

/** Reads at Stripe what became of purchases with promotions. */
export class PurchaseEvidence {
  readonly #parts: PurchaseEvidenceParts;

  constructor(parts: PurchaseEvidenceParts) {
    this.#parts = parts;
  }

  /** Throws DomainError STRIPE_UNAVAILABLE, STRIPE_REFUSED, DATABASE_UNAVAILABLE. */
  async find({ tenantId, promotionId }: RedemptionHolder): Promise<'done' | 'open' | 'nothing'> {
    const { billing, customers } = this.#parts;
    const all = await customers.listCustomers(tenantId);
    // Pages first: what is bought on one meanwhile is among the subscriptions then.
    for (const customer of all) if (await billing.hasOpenCheckout(customer, promotionId)) return 'open';
    const made: StripeSubscription[] = [];
    for (const customer of all) {
      const theirs = await billing.loadSubscriptions(customer);
      made.push(...theirs.filter(({ metadata }) => metadata[PROMOTION_ID] === promotionId));
    }
    if (made.some(isBought)) return 'done';
    return made.some(({ phase }) => phase === 'incomplete') ? 'open' : 'nothing';
  }
}
