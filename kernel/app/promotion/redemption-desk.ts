// Owns how often a promotion is redeemed: each redemption takes a place of its own, claimed before what the promotion gives comes
// (docs/architecture.md, "Limits that span tenants"). Does not own who may redeem one, or how that comes.
// Invariants: a place is given back only where what it is for can't come any more: the claim ran out well before, and neither the
// account nor an intent knows of it, nor Stripe of a plan that was bought with it, or still may be; what comes by a claim must come
// before that runs out.

import { DomainError } from '../../domain/error.ts';
import type { IdempotencyKey, Instant, PromotionId } from '../../domain/id.ts';
import { promotionKey } from '../../domain/promotion.ts';
import type { Ledger, TenantRef } from '../ledger/ledger.ts';
import { keyReused } from '../ledger/write-error.ts';
import type { Clock, Pacing } from '../ports.ts';
import type { EndedIntent, IntentRequest, IntentStore } from '../subscription/ports.ts';
import type {
  ClaimedRedemption,
  PromotionIdSource,
  PromotionStore,
  Redemption,
  RedemptionHolder,
  RedemptionStore,
  StoredPromotion,
} from './ports.ts';
import type { PurchaseEvidence } from './purchase-evidence.ts';

/** How long a claim is kept for the request that made it, in milliseconds: longer than any call waits. */
const CLAIM_DURATION_MS = 120_000;
/** After how long it is looked again whether a plan was bought on a page that was open, in milliseconds. */
const PAGE_LOOK_MS = 600_000;
/** How long after its end a claim is given back at the earliest: what was on its way to the database then has come to an end. */
const CLAIM_GRACE_MS = 300_000;
/** How often a place is tried to be had while others take places, and how long between those tries that met nobody's, in ms. */
const TRIES_MAX = 200;
const TRY_INTERVAL_MS = 50;
/** How many claims that ran out one round looks at. */
const CLAIMS_PER_ROUND_MAX = 100;

/** What the desk works with. */
export interface RedemptionDeskParts {
  readonly store: RedemptionStore;
  readonly promotions: Pick<PromotionStore, 'loadPromotionById' | 'saveNumbersGiven'>;
  readonly ledger: Pick<Ledger, 'findByKeys'>;
  readonly intents: Pick<IntentStore, 'loadOpen' | 'loadEnded'>;
  /** Absent where Stripe is off: then nobody knows what became of a purchase, and its place stays. */
  readonly purchases?: Pick<PurchaseEvidence, 'find'>;
  readonly ids: PromotionIdSource;
  readonly clock: Pick<Clock, 'now'>;
  readonly pacing: Pick<Pacing, 'delay' | 'random'>;
}

/** Keeps the places of promotions. */
export class RedemptionDesk {
  readonly #parts: RedemptionDeskParts;

  constructor(parts: RedemptionDeskParts) {
    this.#parts = parts;
  }

  /**
   * Claims a place for a workspace, or the one again that it has claimed before; the request is from then on the one that redeems, by
   * buying a plan where it says so. Throws DomainError PROMOTION_EXHAUSTED, PROMOTION_ALREADY_REDEEMED, IDEMPOTENCY_KEY_REUSED,
   * OUTCOME_UNKNOWN where others have been claiming all the time, DATABASE_UNAVAILABLE, CLOCK_UNCERTAIN; where a plan may have been bought
   * with it before, also STRIPE_UNAVAILABLE, STRIPE_REFUSED.
   */
  async claim(
    promotion: StoredPromotion,
    { tenantId, productCode }: TenantRef,
    requestKey: IdempotencyKey,
    { isPurchase = false }: { readonly isPurchase?: boolean } = {},
  ): Promise<ClaimedRedemption> {
    const { store } = this.#parts;
    const holder = { promotionId: promotion.promotionId, tenantId, productCode };
    let number = promotion.numbersGiven + 1;
    for (let tries = 0; tries < TRIES_MAX; tries += 1) {
      const own = await store.loadRedemption(holder);
      const claimed =
        own === undefined
          ? await this.#take(promotion, this.#draft(holder, requestKey, isPurchase), number)
          : await this.#renew(own, requestKey, isPurchase);
      if (claimed !== undefined) return claimed;
      if (own === undefined) number += 1;
      else await this.#pause();
    }
    throw busy();
  }

  /** Notes that a workspace has what the promotion gives; answers the place as it stands then. Throws DomainError DATABASE_UNAVAILABLE. */
  async finish(holder: RedemptionHolder): Promise<Redemption> {
    const { store } = this.#parts;
    await store.finishRedemption(holder);
    const finished = await store.loadRedemption(holder);
    if (finished === undefined) throw new DomainError('INTERNAL', 'a place was redeemed and can not be found');
    return finished;
  }

  /** Gives back a place of which an intent came to nothing. Throws DomainError DATABASE_UNAVAILABLE. */
  giveBack(redemption: Redemption): Promise<void> {
    return this.#parts.store.freePlace(redemption);
  }

  /** Looks after claims that ran out: keeps those that something came of or still may, gives the others back. */
  async sweep(): Promise<void> {
    const { store, clock } = this.#parts;
    const claims = await store.loadExpiredClaims(clock.now() - CLAIM_GRACE_MS, CLAIMS_PER_ROUND_MAX);
    const failures: unknown[] = [];
    for (const redemption of claims) {
      try {
        await this.settle(redemption);
      } catch (error) {
        // One that can't be read keeps none of the others waiting.
        failures.push(error);
      }
    }
    if (failures.length > 0) throw new AggregateError(failures, `${failures.length} claimed places were not looked at`);
  }

  /**
   * Keeps the place of a claim that something came of or still may, gives any other back. Only for who knows that nothing of it is about to
   * be begun. Throws DomainError DATABASE_UNAVAILABLE, CLOCK_UNCERTAIN, STRIPE_UNAVAILABLE, STRIPE_REFUSED.
   */
  async settle(redemption: Redemption): Promise<void> {
    const { store, clock } = this.#parts;
    const { claimId, requestKey, hasPurchase } = redemption;
    const state = await this.#findState(redemption);
    if (state === 'done') return store.finishRedemption(redemption);
    if (state === 'nothing') return store.freePlace(redemption);
    const claimedUntil = hasPurchase ? clock.now() + PAGE_LOOK_MS : this.#claimEnd();
    await store.renewClaim(redemption, { claimId, requestKey, claimedUntil, hasPurchase });
  }

  /** What has come of a claim, by what the account and the intents of the workspace know, and by Stripe where a plan may be bought. */
  async #findState(redemption: Redemption): Promise<'done' | 'open' | 'nothing'> {
    const { ledger, promotions, intents, purchases } = this.#parts;
    const { promotionId, tenantId, hasPurchase } = redemption;
    const promotion = await promotions.loadPromotionById(promotionId);
    if (promotion?.terms.kind !== 'discount') {
      const key = promotionKey(promotionId);
      return (await ledger.findByKeys(redemption, [key])).has(key) ? 'done' : 'nothing';
    }
    const key = claimKey(redemption);
    const open = await intents.loadOpen(tenantId);
    if (open !== undefined && (open.key === key || isPurchaseWith(open.request, promotionId))) return 'open';
    if (isDone(await intents.loadEnded(tenantId, key))) return 'done';
    if (!hasPurchase) return 'nothing';
    return purchases === undefined ? 'open' : purchases.find(redemption);
  }

  /** Takes the place of a number, or one that was given back; undefined where somebody else has it, or the workspace has one. */
  async #take(
    promotion: StoredPromotion,
    draft: ClaimedRedemption,
    number: number,
  ): Promise<ClaimedRedemption | undefined> {
    const { store, promotions } = this.#parts;
    const { promotionId, tenantId, requestKey } = draft;
    // A request that has a place of another promotion can't have one of this.
    const other = await store.findByRequest(tenantId, requestKey);
    if (other !== undefined && other.promotionId !== promotionId) throw keyReused(requestKey);
    if (number > promotion.maxRedemptions) {
      if (await store.takeFreePlace(draft)) return draft;
      // Another request of the workspace may have had the last one.
      if ((await store.loadRedemption(draft)) === undefined) throw exhausted(promotion);
      return undefined;
    }
    if (!(await store.insertRedemption(draft, number))) return undefined;
    await promotions.saveNumbersGiven(promotionId, number);
    return draft;
  }

  #draft(holder: RedemptionHolder & TenantRef, requestKey: IdempotencyKey, hasPurchase: boolean): ClaimedRedemption {
    return { ...holder, requestKey, claimId: this.#parts.ids.claimId(), claimedUntil: this.#claimEnd(), hasPurchase };
  }

  /** Undefined where the place is another one meanwhile. */
  async #renew(
    own: Redemption,
    requestKey: IdempotencyKey,
    isPurchase: boolean,
  ): Promise<ClaimedRedemption | undefined> {
    const { store, ids, intents } = this.#parts;
    if (own.claimedUntil === undefined) {
      if (own.requestKey === requestKey) return { ...own, claimedUntil: this.#claimEnd() };
      throw alreadyRedeemed();
    }
    // What was bought on a page may not be noted yet; a page that is open is closed by whoever buys now.
    if (own.hasPurchase && (await this.#findState(own)) === 'done') {
      await store.finishRedemption(own);
      throw alreadyRedeemed();
    }
    // What an intent came to it comes to again: after one that failed there must be another one.
    const ended = await intents.loadEnded(own.tenantId, claimKey(own));
    const claimId = ended === undefined || isDone(ended) ? own.claimId : ids.claimId();
    const hasPurchase = own.hasPurchase || isPurchase;
    const claim = { requestKey, claimId, claimedUntil: this.#claimEnd(), hasPurchase };
    return (await store.renewClaim(own, claim)) ? { ...own, ...claim } : undefined;
  }

  #claimEnd(): Instant {
    return this.#parts.clock.now() + CLAIM_DURATION_MS;
  }

  #pause(): Promise<void> {
    const { pacing } = this.#parts;
    return pacing.delay(pacing.random() * TRY_INTERVAL_MS);
  }
}

/** Names what is asked of Stripe by a claim. */
export function claimKey({ promotionId, claimId }: Pick<Redemption, 'promotionId' | 'claimId'>): IdempotencyKey {
  return `${promotionKey(promotionId)}:${claimId}` as IdempotencyKey;
}

/** Says that a workspace has redeemed a promotion. */
export function alreadyRedeemed(): DomainError {
  const message = 'the workspace has redeemed this code before, and a code is redeemed once: bring another one';
  return new DomainError('PROMOTION_ALREADY_REDEEMED', message);
}

/** Says that all places of a promotion are taken. */
export function exhausted({ code, maxRedemptions }: Pick<StoredPromotion, 'code' | 'maxRedemptions'>): DomainError {
  const limit = String(maxRedemptions);
  const message = `the code ${code} was redeemed ${limit} times, as often as it may be: leave it out, or ask for another one`;
  return new DomainError('PROMOTION_EXHAUSTED', message, { metadata: { limit } });
}

/** Says that a claim took so long that what it is for must not be begun any more. */
export function waitedTooLong(): DomainError {
  const message = 'the redemption waited for too long, and nothing was done: repeat it with the same request_id';
  return new DomainError('DEADLINE_EXCEEDED', message);
}

function isPurchaseWith(request: IntentRequest, promotionId: PromotionId): boolean {
  return request.kind === 'activate' && request.promotionId === promotionId;
}

function isDone(ended: EndedIntent | undefined): boolean {
  return ended?.result.kind === 'done';
}

function busy(): DomainError {
  const message = 'many redeem this code at this moment: repeat the call with the same request_id';
  return new DomainError('OUTCOME_UNKNOWN', message, { retryDelayMs: 500 });
}
