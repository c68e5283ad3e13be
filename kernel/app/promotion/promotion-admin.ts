// Owns what operators do with promotions: make them, end them, and look at them. Does not own how a change is recorded and made
// (app/operator/change-book.ts), or redeeming them.
// Invariant: a code stands for one promotion of its product, for ever.

import { DomainError, invalidField } from '../../domain/error.ts';
import type { Instant, PlanCode, ProductCode } from '../../domain/id.ts';
import { present } from '../../domain/optional.ts';
import type { Promotion, PromotionTerms } from '../../domain/promotion.ts';
import { planNotFound } from '../catalog/catalog-error.ts';
import type { CatalogStore } from '../catalog/ports.ts';
import { loadProductPlans } from '../catalog/product-plans.ts';
import type { ChangeBook, OperatorRequest } from '../operator/change-book.ts';
import type { FieldChange } from '../operator/ports.ts';
import type { Clock } from '../ports.ts';
import { promotionNotFound } from './code-finder.ts';
import type { PromotionIdSource, PromotionStore, RedemptionStore, StoredPromotion } from './ports.ts';

/** What promotions are looked after with. */
export interface PromotionAdminParts {
  readonly store: Pick<PromotionStore, 'loadPromotion' | 'loadPromotions'>;
  readonly redemptions: Pick<RedemptionStore, 'countRedeemed'>;
  readonly catalog: Pick<CatalogStore, 'loadProduct' | 'loadPlans'>;
  readonly book: Pick<ChangeBook, 'change'>;
  readonly ids: PromotionIdSource;
  readonly clock: Pick<Clock, 'now'>;
}

/** Names a promotion; the code in upper case. */
export interface PromotionName {
  readonly productCode: ProductCode;
  readonly code: string;
}

/** What an operator says of a promotion. */
export interface PromotionInput extends PromotionName {
  readonly terms: PromotionTerms;
  /** Absent: now. */
  readonly startsAt?: Instant;
  readonly endsAt?: Instant;
  readonly maxRedemptions: number;
  readonly newCustomersOnly: boolean;
  readonly planCodes: readonly PlanCode[];
}

/** A promotion as it is after a write, and whether an earlier call did it. */
export interface WrittenPromotion {
  readonly promotion: Promotion;
  readonly replayed: boolean;
}

/** Looks after promotions. Every write throws what {@link ChangeBook.change} does, beside what it says. */
export class PromotionAdmin {
  readonly #parts: PromotionAdminParts;

  constructor(parts: PromotionAdminParts) {
    this.#parts = parts;
  }

  /** Makes a promotion. Throws DomainError PRODUCT_NOT_FOUND, PLAN_NOT_FOUND, PROMOTION_ALREADY_EXISTS, INVALID_FIELD `end_time`. */
  async create(request: OperatorRequest, input: PromotionInput): Promise<WrittenPromotion> {
    const { book, store, ids, clock } = this.#parts;
    const { productCode, code } = input;
    const kind = {
      operation: 'create_promotion' as const,
      method: 'PromotionAdminService/CreatePromotion',
      meaning: meaningOf(input),
    };
    const replayed = await book.change(request, kind, { kind: 'promotion', productCode, code }, async () => {
      await this.#assertPlans(input);
      if ((await store.loadPromotion(productCode, code)) !== undefined) throw alreadyExists(input);
      const now = clock.now();
      const { startsAt = now, endsAt } = input;
      if (endsAt !== undefined && endsAt <= startsAt) {
        throw invalidField({ field: 'end_time', description: 'must lie after start_time, which is now by default' });
      }
      const promotion = { ...input, promotionId: ids.promotionId(), startsAt, createdAt: now };
      return { effect: { kind: 'promotion', promotion }, changes: figuresOf(promotion) };
    });
    return { promotion: await this.#load(input), replayed };
  }

  /** Ends a promotion; of one that was ended before nothing is changed or recorded. Throws DomainError PROMOTION_NOT_FOUND. */
  async revoke(request: OperatorRequest, name: PromotionName): Promise<WrittenPromotion> {
    const { book, clock } = this.#parts;
    const { productCode, code } = name;
    const kind = {
      operation: 'revoke_promotion' as const,
      method: 'PromotionAdminService/RevokePromotion',
      meaning: [productCode, code],
    };
    const replayed = await book.change(request, kind, { kind: 'promotion', productCode, code }, async () => {
      const { revokedAt, promotionId } = await this.#load(name);
      if (revokedAt !== undefined) return undefined;
      const at = clock.now();
      const changes = [
        { field: 'promotion_id', before: '', after: promotionId },
        { field: 'revoke_time', before: '', after: new Date(at).toISOString() },
      ];
      return { effect: { kind: 'revocation', revokedAt: at }, changes };
    });
    return { promotion: await this.#load(name), replayed };
  }

  /** Reads a promotion, and by how many workspaces it was redeemed. Throws DomainError PROMOTION_NOT_FOUND, DATABASE_UNAVAILABLE. */
  async get(name: PromotionName): Promise<{ readonly promotion: Promotion; readonly redemptionCount: number }> {
    const promotion = await this.#load(name);
    return { promotion, redemptionCount: await this.#parts.redemptions.countRedeemed(promotion.promotionId) };
  }

  /** Lists promotions by their codes, those after one. Throws DomainError DATABASE_UNAVAILABLE. */
  list(productCode: ProductCode, limit: number, afterCode: string | undefined): Promise<readonly Promotion[]> {
    return this.#parts.store.loadPromotions(productCode, limit, afterCode);
  }

  async #assertPlans({ productCode, planCodes }: PromotionInput): Promise<void> {
    const { plans } = await loadProductPlans(this.#parts.catalog, productCode);
    const missing = planCodes.find((planCode) => !plans.some((plan) => plan.planCode === planCode));
    if (missing !== undefined) throw planNotFound(productCode, missing);
  }

  async #load({ productCode, code }: PromotionName): Promise<StoredPromotion> {
    const promotion = await this.#parts.store.loadPromotion(productCode, code);
    if (promotion === undefined) throw promotionNotFound(productCode, code);
    return promotion;
  }
}

function meaningOf(input: PromotionInput): (string | number | boolean | bigint | undefined)[] {
  const { productCode, code, terms, startsAt, endsAt, maxRedemptions, newCustomersOnly, planCodes } = input;
  const gift = terms.kind === 'credit' ? [terms.amount, terms.expiresAfterDays] : [terms.stripePromotionCode];
  return [productCode, code, terms.kind, ...gift, startsAt, endsAt, maxRedemptions, newCustomersOnly, ...planCodes];
}

/** What the audit log shows of a promotion that was made. */
function figuresOf(promotion: Promotion): readonly FieldChange[] {
  const { promotionId, code, terms, startsAt, endsAt, maxRedemptions, newCustomersOnly, planCodes } = promotion;
  const figures = {
    ...{ promotion_id: promotionId, code },
    ...(terms.kind === 'credit'
      ? { microcredits: `${terms.amount}`, ...present({ expires_after_days: terms.expiresAfterDays }) }
      : { stripe_promotion_code: terms.stripePromotionCode }),
    start_time: new Date(startsAt).toISOString(),
    ...(endsAt === undefined ? {} : { end_time: new Date(endsAt).toISOString() }),
    ...{ max_redemptions: maxRedemptions, new_customers_only: newCustomersOnly },
    ...(planCodes.length === 0 ? {} : { plan_codes: planCodes.join(', ') }),
  };
  return Object.entries(figures).map(([field, after]) => ({ field, before: '', after: String(after) }));
}

function alreadyExists({ productCode, code }: PromotionName): DomainError {
  const message = `code: ${productCode} has a promotion ${code} already, which may be over: choose another code`;
  return new DomainError('PROMOTION_ALREADY_EXISTS', message, { metadata: { code } });
}
