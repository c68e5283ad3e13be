// Owns whether a workspace may redeem the promotion of a code now, whichever way what it gives is to come. Does not own the rules
// (domain/promotion.ts), how codes are found (code-finder.ts), or how often one is redeemed (redemption-desk.ts).

import type { PlanCode, TenantId } from '../../domain/id.ts';
import { assertRedeemable } from '../../domain/promotion.ts';
import type { AccountReading, Ledger, TenantRef } from '../ledger/ledger.ts';
import type { Clock } from '../ports.ts';
import type { CodeFinder } from './code-finder.ts';
import type { RedemptionStore, StoredPromotion } from './ports.ts';
import { alreadyRedeemed, exhausted } from './redemption-desk.ts';

/** What it takes to admit a code. */
export interface CodeAdmissionParts {
  readonly finder: Pick<CodeFinder, 'find'>;
  readonly redemptions: Pick<RedemptionStore, 'loadRedemption' | 'hasFreePlace'>;
  readonly ledger: Pick<Ledger, 'readAccount'>;
  readonly clock: Pick<Clock, 'now'>;
  /** Says whether a workspace has ever paid for credits. */
  readonly hasPaid: (tenantId: TenantId) => Promise<boolean>;
}

/** A promotion that a workspace may redeem, and its account as it was judged by. */
export interface AdmittedCode {
  readonly promotion: StoredPromotion;
  readonly account: AccountReading;
}

/** Admits codes. */
export class CodeAdmission {
  readonly #parts: CodeAdmissionParts;

  constructor(parts: CodeAdmissionParts) {
    this.#parts = parts;
  }

  /**
   * Finds the promotion of a code in upper case that the workspace may redeem now, with the plan that it has, or buys. Throws DomainError
   * PROMOTION_ENDED, PROMOTION_NOT_APPLICABLE, PROMOTION_ALREADY_REDEEMED, ACCOUNT_NOT_OPEN, and what {@link CodeFinder.find} throws.
   */
  async admit(tenant: TenantRef, code: string, boughtPlanCode?: PlanCode): Promise<AdmittedCode> {
    const { finder, ledger, redemptions, clock, hasPaid } = this.#parts;
    const { tenantId } = tenant;
    const promotion = await finder.find(tenant, code);
    const account = await ledger.readAccount(tenant);
    const { promotionId, newCustomersOnly, terms } = promotion;
    const own = await redemptions.loadRedemption({ promotionId, tenantId });
    if (own !== undefined && own.claimedUntil === undefined) throw alreadyRedeemed();
    const { planCode: ownPlanCode, subscription } = account.state;
    const isCustomer = newCustomersOnly && (subscription !== undefined || (await hasPaid(tenantId)));
    const planCode = terms.kind === 'discount' ? (boughtPlanCode ?? ownPlanCode) : ownPlanCode;
    assertRedeemable(promotion, { planCode, isCustomer }, clock.now());
    return { promotion, account };
  }

  /** Throws DomainError PROMOTION_EXHAUSTED where others have all places, DATABASE_UNAVAILABLE. */
  async assertPlaceLeft({ tenantId }: TenantRef, promotion: StoredPromotion): Promise<void> {
    const { redemptions } = this.#parts;
    const { promotionId, numbersGiven, maxRedemptions } = promotion;
    if (numbersGiven < maxRedemptions || (await redemptions.hasFreePlace(promotionId))) return;
    if ((await redemptions.loadRedemption({ promotionId, tenantId })) === undefined) throw exhausted(promotion);
  }
}
