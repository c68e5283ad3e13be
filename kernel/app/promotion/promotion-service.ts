// Owns the use cases of codes that people bring: redeeming one, and telling what it would do. Does not own its rules
// (domain/promotion.ts), how often it may be redeemed (redemption-desk.ts), or what Stripe does (app/subscription).
// Invariants: a request that was answered is answered so again, whatever has changed since; a place is claimed before what the
// promotion gives comes, and noted as used after; who redeems stands in the log of the workspace before.

import { computeDiscounted, type Discount } from '../../domain/discount.ts';
import { DomainError, REASONS } from '../../domain/error.ts';
import type { IdempotencyKey, Instant, PlanCode } from '../../domain/id.ts';
import { present } from '../../domain/optional.ts';
import {
  changePending,
  computeCreditExpiry,
  notApplicable,
  type PromotionTerms,
  promotionKey,
} from '../../domain/promotion.ts';
import { isLive, type Subscription } from '../../domain/subscription.ts';
import type { PersonAsker } from '../access/ports.ts';
import type { CatalogStore } from '../catalog/ports.ts';
import { loadProductPlans } from '../catalog/product-plans.ts';
import type { AccountReading, Ledger, Posting, TenantRef, WriteContext } from '../ledger/ledger.ts';
import { requestKey } from '../ledger/request-identity.ts';
import { keyReused } from '../ledger/write-error.ts';
import type { Clock } from '../ports.ts';
import type { BillingJournal } from '../subscription/billing-act.ts';
import type { DiscountDesk } from '../subscription/discount-desk.ts';
import { requireSoldPlan } from '../subscription/plan-offer.ts';
import type { IntentResult, StripePromotion } from '../subscription/ports.ts';
import { stripeOff } from '../subscription/without-stripe.ts';
import type { CodeAdmission } from './code-admission.ts';
import type { ClaimedRedemption, PromotionStore, Redemption, RedemptionStore, StoredPromotion } from './ports.ts';
import { alreadyRedeemed, claimKey, type RedemptionDesk, waitedTooLong } from './redemption-desk.ts';

type CreditTerms = Extract<PromotionTerms, { readonly kind: 'credit' }>;
type DiscountTerms = Extract<PromotionTerms, { readonly kind: 'discount' }>;

/** What the use cases of codes work with. */
export interface PromotionServiceParts {
  readonly store: Pick<PromotionStore, 'loadPromotionById'>;
  readonly redemptions: Pick<RedemptionStore, 'findByRequest'>;
  readonly admission: Pick<CodeAdmission, 'admit' | 'assertPlaceLeft'>;
  readonly desk: Pick<RedemptionDesk, 'claim' | 'finish' | 'giveBack'>;
  readonly ledger: Pick<Ledger, 'readAccount' | 'giveCredit'>;
  readonly catalog: Pick<CatalogStore, 'loadProduct' | 'loadPlans'>;
  /** Absent where Stripe is off. */
  readonly discounts?: Pick<DiscountDesk, 'loadPromotion' | 'preview' | 'apply'>;
  readonly journal: BillingJournal;
  readonly clock: Pick<Clock, 'now'>;
}

/** Credit that a code gives, or has given. */
export interface GivenCredit {
  /** In microcredits. */
  readonly amount: bigint;
  readonly expiresAt?: Instant;
}

/** What a code gives. */
export type PromotionGift =
  | { readonly kind: 'credit'; readonly credit: GivenCredit }
  | { readonly kind: 'discount'; readonly discount: Discount };

/** What a redemption has come to. `pending`: it is under way at Stripe, and goes on without the caller. */
export interface AppliedCode {
  readonly promotion: StoredPromotion;
  readonly outcome: 'done' | 'pending';
  readonly gift: PromotionGift;
  /** Says that an earlier request with the same id redeemed it. */
  readonly replayed: boolean;
}

/** What something costs without and with a discount, in minor units, before taxes. */
export interface DiscountedPrice {
  readonly planCode: PlanCode;
  readonly before: bigint;
  readonly after: bigint;
  readonly currency: string;
}

/** What a code would do. */
export interface CodeForecast {
  readonly code: string;
  readonly gift: PromotionGift;
  readonly price?: DiscountedPrice;
  /** What to buy a plan with; absent where the code is to be redeemed instead. */
  readonly purchasePromotionCode?: string;
}

/** One request to redeem a code. */
interface Bringing {
  readonly tenant: TenantRef;
  readonly promotion: StoredPromotion;
  readonly key: IdempotencyKey;
  readonly context: WriteContext;
}

/** Serves the codes that people bring. */
export class PromotionService {
  readonly #parts: PromotionServiceParts;

  constructor(parts: PromotionServiceParts) {
    this.#parts = parts;
  }

  /**
   * Redeems a code in upper case for a workspace. Throws DomainError ACCOUNT_NOT_OPEN, PROMOTION_NOT_FOUND,
   * PROMOTION_ATTEMPTS_EXCEEDED, PROMOTION_ENDED, PROMOTION_EXHAUSTED, PROMOTION_NOT_APPLICABLE, PROMOTION_ALREADY_REDEEMED,
   * IDEMPOTENCY_KEY_REUSED, and what the ledger, the intents, Stripe and the database give.
   */
  async applyCode(tenant: TenantRef, code: string, asker: PersonAsker, context: WriteContext): Promise<AppliedCode> {
    const key = requestKey(context.callerScope, 'apply_code', context.requestId);
    const earlier = await this.#parts.redemptions.findByRequest(tenant.tenantId, key);
    const promotion =
      earlier === undefined ? undefined : await this.#parts.store.loadPromotionById(earlier.promotionId);
    if (promotion !== undefined && promotion.code !== code) throw keyReused(key);
    const bringing = { tenant, key, context, promotion: promotion ?? (await this.#admit(tenant, code)) };
    const { userId: actor, ...who } = asker;
    const act = { tenantId: tenant.tenantId, method: 'PromotionService/ApplyCode' as const, actor, key };
    await this.#parts.journal.noteBilling({ ...act, ...who });
    const { terms } = bringing.promotion;
    return terms.kind === 'credit' ? this.#giveCredit(bringing, terms) : this.#giveDiscount(bringing, terms);
  }

  /**
   * Tells what a code in upper case would do for a workspace, or for one that buys a plan. Throws as {@link applyCode} does, and
   * DomainError PLAN_NOT_FOUND, CONTACT_SALES, INVALID_FIELD `plan_code`.
   */
  async validate(tenant: TenantRef, code: string, planCode: PlanCode | undefined): Promise<CodeForecast> {
    const { clock, admission } = this.#parts;
    const { promotion, account } = await admission.admit(tenant, code, planCode);
    await admission.assertPlaceLeft(tenant, promotion);
    const { terms } = promotion;
    if (terms.kind === 'discount') return this.#forecastDiscount(tenant, { code, terms, account }, planCode);
    const expiresAt = computeCreditExpiry(terms, clock.now());
    return { code, gift: { kind: 'credit', credit: { amount: terms.amount, ...present({ expiresAt }) } } };
  }

  /** Finds the promotion of a code that the workspace may redeem now. */
  async #admit(tenant: TenantRef, code: string): Promise<StoredPromotion> {
    const { promotion, account } = await this.#parts.admission.admit(tenant, code);
    if (promotion.terms.kind === 'credit') return promotion;
    const { subscription } = account.state;
    if (!isLive(subscription)) throw subscriptionRequired(code);
    if (subscription.pending !== undefined) throw changePending();
    return promotion;
  }

  async #giveCredit({ tenant, promotion, key }: Bringing, terms: CreditTerms): Promise<AppliedCode> {
    const { desk, ledger, clock } = this.#parts;
    const claim = await desk.claim(promotion, tenant, key);
    const posting = await ledger.giveCredit(tenant, {
      key: promotionKey(promotion.promotionId),
      ...{ bucket: 'payg', amount: terms.amount, claimedUntil: claim.claimedUntil },
      ...present({ expiresAt: computeCreditExpiry(terms, clock.now()) }),
      source: `promotion:${promotion.code}`,
    });
    assertRedeemedBy(key, await desk.finish(claim));
    return { promotion, outcome: 'done', gift: creditOf(posting), replayed: posting.replayed };
  }

  async #giveDiscount({ tenant, promotion, key, context }: Bringing, terms: DiscountTerms): Promise<AppliedCode> {
    const { desk, ledger, clock } = this.#parts;
    const discounts = this.#requireDiscounts();
    const discount = await this.#requirePromotion(tenant, terms);
    const { subscription } = (await ledger.readAccount(tenant)).state;
    if (subscription === undefined) throw subscriptionRequired(promotion.code);
    const claim = await desk.claim(promotion, tenant, key);
    if (clock.now() > claim.claimedUntil) throw waitedTooLong();
    const { result, replayed } = await discounts.apply(tenant, {
      key: claimKey(claim),
      stripeSubscriptionId: subscription.stripeSubscriptionId,
      promotionCode: terms.stripePromotionCode,
      deadlineAtMs: context.deadlineAtMs ?? Number.POSITIVE_INFINITY,
    });
    const applied = { promotion, gift: { kind: 'discount', discount } as const, replayed };
    if (result.kind === 'pending') return { ...applied, outcome: 'pending' };
    if (result.kind !== 'done') return this.#refuse(claim, result);
    assertRedeemedBy(key, await desk.finish(claim));
    return { ...applied, outcome: 'done' };
  }

  async #refuse(claim: ClaimedRedemption, result: IntentResult): Promise<never> {
    await this.#parts.desk.giveBack(claim);
    throw result.kind === 'failed' ? refusalOf(result) : new RangeError(`a discount has come to ${result.kind}`);
  }

  async #forecastDiscount(
    tenant: TenantRef,
    {
      code,
      terms,
      account,
    }: { readonly code: string; readonly terms: DiscountTerms; readonly account: AccountReading },
    planCode: PlanCode | undefined,
  ): Promise<CodeForecast> {
    const discount = await this.#requirePromotion(tenant, terms);
    if (!discount.isActive) throw refusedByStripe('Stripe does not take it any more');
    const { subscription } = account.state;
    const running = isLive(subscription) ? subscription : undefined;
    const price =
      planCode === undefined
        ? await this.#priceNext(running, terms)
        : await this.#pricePlan(tenant, planCode, discount);
    const purchasePromotionCode = running === undefined ? code : undefined;
    const forecast = { code, gift: { kind: 'discount', discount } as const };
    return { ...forecast, ...present({ price, purchasePromotionCode }) };
  }

  /** Asks Stripe what the next invoice of a subscription would be. */
  async #priceNext(
    subscription: Subscription | undefined,
    { stripePromotionCode }: DiscountTerms,
  ): Promise<DiscountedPrice | undefined> {
    if (subscription === undefined) return undefined;
    if (subscription.pending !== undefined) throw changePending();
    const { stripeSubscriptionId, planCode } = subscription;
    try {
      const seen = await this.#requireDiscounts().preview(stripeSubscriptionId, stripePromotionCode);
      return seen === undefined ? undefined : { planCode, ...seen };
    } catch (error) {
      throw error instanceof DomainError && error.reason === 'INVALID_FIELD' ? refusedByStripe(error.message) : error;
    }
  }

  async #pricePlan(
    { productCode }: TenantRef,
    planCode: PlanCode,
    discount: StripePromotion,
  ): Promise<DiscountedPrice | undefined> {
    const { price } = requireSoldPlan(await loadProductPlans(this.#parts.catalog, productCode), planCode);
    // Which plans a discount for some products is for, Stripe alone knows.
    if (discount.isForSome) return undefined;
    const after = computeDiscounted(price, discount);
    if (after === undefined) throw refusedByStripe(`it takes off an amount of another currency than ${price.currency}`);
    return { planCode, before: price.minorUnits, after, currency: price.currency };
  }

  #requireDiscounts(): NonNullable<PromotionServiceParts['discounts']> {
    const { discounts } = this.#parts;
    if (discounts === undefined) throw stripeOff();
    return discounts;
  }

  async #requirePromotion({ tenantId }: TenantRef, { stripePromotionCode }: DiscountTerms): Promise<StripePromotion> {
    const found = await this.#requireDiscounts().loadPromotion(tenantId, stripePromotionCode);
    if (found === undefined) throw refusedByStripe('Stripe has no such promotion code');
    return found;
  }
}

function creditOf({ posted: { entry } }: Posting): PromotionGift {
  if (entry.type !== 'granted') throw new DomainError('INTERNAL', `the credit of a code stands there as ${entry.type}`);
  const { granted: amount, expiresAt } = entry.grant;
  return { kind: 'credit', credit: { amount, ...present({ expiresAt }) } };
}

/** Another request of the workspace may have taken the place over meanwhile: then it is the one that redeems. */
function assertRedeemedBy(key: IdempotencyKey, { requestKey: by }: Redemption): void {
  if (by !== key) throw alreadyRedeemed();
}

function subscriptionRequired(code: string): DomainError {
  const sentence = `the workspace has no subscription: buy a plan with ${code} as promotion_code`;
  return notApplicable('subscription_required', sentence);
}

function refusedByStripe(why: string): DomainError {
  return notApplicable('refused_by_stripe', why);
}

/** What is wrong with the code is said in words of codes; anything else as the change says it. */
function refusalOf({ reason, message, metadata }: Extract<IntentResult, { readonly kind: 'failed' }>): DomainError {
  if (reason === 'INVALID_FIELD') return refusedByStripe(message);
  return new DomainError(REASONS.find((known) => known === reason) ?? 'STRIPE_REFUSED', message, { metadata });
}
