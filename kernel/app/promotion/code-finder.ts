// Owns finding the promotion that a workspace means by a code, and that nobody finds one by trying: who has tried too many that
// there are not has to wait. Does not own what a promotion gives.
// Invariant: an attempt is taken before it is looked at, so that many at once are no way around, and given back where it found
// something: whoever tries right codes alone never runs out of them.

import { DomainError } from '../../domain/error.ts';
import type { Instant, ProductCode, TenantId } from '../../domain/id.ts';
import type { TenantRef } from '../ledger/ledger.ts';
import type { Clock, Pacing } from '../ports.ts';
import type { CodeAttemptStore, PromotionStore, StoredPromotion } from './ports.ts';

const HOUR_MS = 3_600_000;
/** How many codes that there are not a workspace may try in an hour of the clock; so many are looked at at once, too. */
const ATTEMPTS_PER_HOUR_MAX = 10;
/** How often an attempt is tried to be had while others of the workspace are looked at, and how long between, in milliseconds. */
const TAKES_MAX = 100;
const TAKE_INTERVAL_MS = 50;

/** What codes are found with. */
export interface CodeFinderParts {
  readonly store: Pick<PromotionStore, 'loadPromotion'>;
  readonly attempts: CodeAttemptStore;
  readonly clock: Pick<Clock, 'now'>;
  readonly pacing: Pick<Pacing, 'delay' | 'random'>;
}

/** Finds promotions by their codes. */
export class CodeFinder {
  readonly #parts: CodeFinderParts;

  constructor(parts: CodeFinderParts) {
    this.#parts = parts;
  }

  /**
   * Finds the promotion of a code in upper case. Throws DomainError PROMOTION_NOT_FOUND, PROMOTION_ATTEMPTS_EXCEEDED, QUEUE_FULL
   * where too many of the workspace are looked at at once, OUTCOME_UNKNOWN, DATABASE_UNAVAILABLE, CLOCK_UNCERTAIN.
   */
  async find({ tenantId, productCode }: TenantRef, code: string): Promise<StoredPromotion> {
    const { attempts } = this.#parts;
    const windowAt = await this.#take(tenantId);
    const promotion = await this.#look(tenantId, windowAt, productCode, code);
    if (promotion === undefined) {
      await attempts.noteMiss(tenantId, windowAt);
      throw promotionNotFound(productCode, code);
    }
    await attempts.returnAttempt(tenantId, windowAt);
    return promotion;
  }

  /** What could not be looked at found nothing out. */
  async #look(
    tenantId: TenantId,
    windowAt: Instant,
    productCode: ProductCode,
    code: string,
  ): Promise<StoredPromotion | undefined> {
    const { store, attempts } = this.#parts;
    try {
      return await store.loadPromotion(productCode, code);
    } catch (error) {
      await attempts.returnAttempt(tenantId, windowAt);
      throw error;
    }
  }

  /** Takes an attempt; answers when its window began. */
  async #take(tenantId: TenantId): Promise<Instant> {
    const { attempts, clock, pacing } = this.#parts;
    const now = clock.now();
    const windowAt = now - (now % HOUR_MS);
    for (let take = 0; take < TAKES_MAX; take += 1) {
      if (await attempts.takeAttempt(tenantId, windowAt, ATTEMPTS_PER_HOUR_MAX)) return windowAt;
      const misses = await attempts.countMisses(tenantId, windowAt);
      if (misses >= ATTEMPTS_PER_HOUR_MAX) throw attemptsExceeded(windowAt + HOUR_MS - now);
      await pacing.delay(pacing.random() * TAKE_INTERVAL_MS);
    }
    throw tooManyAtOnce();
  }
}

/** Says that a product has no such code. */
export function promotionNotFound(productCode: ProductCode, code: string): DomainError {
  const message = `code: ${productCode} has no code ${code}: check the spelling`;
  return new DomainError('PROMOTION_NOT_FOUND', message);
}

function attemptsExceeded(retryDelayMs: number): DomainError {
  const limit = ATTEMPTS_PER_HOUR_MAX;
  const message = `the workspace has tried ${limit} codes that there are not within the hour, the most that it may: try again later`;
  return new DomainError('PROMOTION_ATTEMPTS_EXCEEDED', message, { metadata: { limit: String(limit) }, retryDelayMs });
}

function tooManyAtOnce(): DomainError {
  const limit = String(ATTEMPTS_PER_HOUR_MAX);
  const message = `the workspace brings more than ${limit} codes at once: retry shortly, with the same request_id`;
  return new DomainError('QUEUE_FULL', message, { metadata: { limit } });
}
