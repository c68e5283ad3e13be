// Owns what the use cases of promotions need of the database. Does not own how it is done, or what is asked of Stripe
// (app/subscription/ports.ts).

import type { IdempotencyKey, Instant, ProductCode, PromotionId, TenantId } from '../../domain/id.ts';
import type { Promotion } from '../../domain/promotion.ts';

/** A promotion as it is kept. */
export interface StoredPromotion extends Promotion {
  /** Up to which number redemptions have been numbered, as far as somebody has noted; there may be more. */
  readonly numbersGiven: number;
}

/**
 * Keeps promotions; operators' changes of them are made by the change book. Reads are primary + majority. Every method throws
 * DomainError DATABASE_UNAVAILABLE.
 */
export interface PromotionStore {
  loadPromotion(productCode: ProductCode, code: string): Promise<StoredPromotion | undefined>;
  loadPromotionById(promotionId: PromotionId): Promise<StoredPromotion | undefined>;
  /** Loads promotions in the order of their codes, those after one, at most `limit`. */
  loadPromotions(productCode: ProductCode, limit: number, afterCode: string | undefined): Promise<readonly Promotion[]>;
  /** Notes up to which number redemptions have been numbered; a higher one that stands there stays. */
  saveNumbersGiven(promotionId: PromotionId, number: number): Promise<void>;
}

/** What a workspace redeems. */
export interface RedemptionHolder {
  readonly promotionId: PromotionId;
  readonly tenantId: TenantId;
}

/** What of a redemption a request claims anew. */
export interface RedemptionClaim {
  /** The request that redeems, and that alone is told so. */
  readonly requestKey: IdempotencyKey;
  /** Names what is asked of Stripe by this claim; another one after that came to nothing. */
  readonly claimId: string;
  /** Until when what the promotion gives may come by it. */
  readonly claimedUntil: Instant;
  /** Says that a plan may have been, or may be, bought with it: then Stripe shows what came of that. */
  readonly hasPurchase: boolean;
}

/** One of the places that a promotion has. */
export interface Redemption extends RedemptionHolder, Omit<RedemptionClaim, 'claimedUntil'> {
  readonly productCode: ProductCode;
  /** Absent once the workspace has what the promotion gives: then it has redeemed it, for ever. */
  readonly claimedUntil?: Instant;
}

/** A place that is not redeemed yet. */
export type ClaimedRedemption = Redemption & RedemptionClaim;

/**
 * Keeps the places of promotions. No two of a promotion have one number, none is for a workspace that another one is for, and no
 * request has two. Every read is primary + majority. Every method throws DomainError DATABASE_UNAVAILABLE.
 */
export interface RedemptionStore {
  loadRedemption(holder: RedemptionHolder): Promise<Redemption | undefined>;
  /** Finds the place that a request of a workspace has. */
  findByRequest(tenantId: TenantId, requestKey: IdempotencyKey): Promise<Redemption | undefined>;
  /**
   * Stores a new claim under a number, from 1 up to the promotion's maximum; answers false where that is taken, or the workspace or
   * the request has a place.
   */
  insertRedemption(redemption: ClaimedRedemption, number: number): Promise<boolean>;
  /** Claims a place that was given back, whatever its number; answers false where there is none, or as {@link insertRedemption}. */
  takeFreePlace(redemption: ClaimedRedemption): Promise<boolean>;
  /** Claims a place anew; answers false where it is not claimed as it was read, or the request has another place. */
  renewClaim(redemption: Redemption, claim: RedemptionClaim): Promise<boolean>;
  /** Notes that the workspace has what the promotion gives. Repeating it does nothing. */
  finishRedemption(holder: RedemptionHolder): Promise<void>;
  /** Says whether a place was given back that nobody has taken since. */
  hasFreePlace(promotionId: PromotionId): Promise<boolean>;
  /** Gives a place back for anybody, where it is still claimed as it was read. */
  freePlace(redemption: Redemption): Promise<void>;
  /** Loads claims that ran out before a time, the oldest first, at most `limit`. */
  loadExpiredClaims(before: Instant, limit: number): Promise<readonly Redemption[]>;
  /** Counts the workspaces that have redeemed a promotion. */
  countRedeemed(promotionId: PromotionId): Promise<number>;
}

/**
 * Counts the codes that workspaces try, in windows that begin at `windowAt`. Every method throws DomainError DATABASE_UNAVAILABLE,
 * those that write also OUTCOME_UNKNOWN.
 */
export interface CodeAttemptStore {
  /** Takes one of the attempts of a window, of which there are so many; answers false where all are taken. */
  takeAttempt(tenantId: TenantId, windowAt: Instant, attemptsMax: number): Promise<boolean>;
  /** Gives one back that was taken. */
  returnAttempt(tenantId: TenantId, windowAt: Instant): Promise<void>;
  /** Notes that one that was taken has found nothing: it is never given back. */
  noteMiss(tenantId: TenantId, windowAt: Instant): Promise<void>;
  /** Counts those that have found nothing. */
  countMisses(tenantId: TenantId, windowAt: Instant): Promise<number>;
}

/** Makes the ids of promotions. */
export interface PromotionIdSource {
  promotionId(): PromotionId;
  /** Names a claim. */
  claimId(): string;
}
