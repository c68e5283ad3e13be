// Owns finding the promotion that a workspace means by a code, and that nobody finds one by trying: who has tried too many that
// there are not has to wait. Does not own what a promotion gives.
// Invariant: an attempt is counted before it is looked at, so that many at once are no way around.

import { DomainError } from '../../domain/error.ts';
import type { Instant, ProductCode } from '../../domain/id.ts';
import type { TenantRef } from '../ledger/ledger.ts';
import type { Clock } from '../ports.ts';
import type { CodeAttemptStore, PromotionStore, StoredPromotion } from './ports.ts';

const HOUR_MS = 3_600_000;
/** How many codes that there are not a workspace may try in an hour of the clock. */
const ATTEMPTS_PER_HOUR_MAX = 10;

/** What codes are found with. */
export interface CodeFinderParts {
  readonly store: Pick<PromotionStore, 'loadPromotion'>;
  readonly attempts: CodeAttemptStore;
  readonly clock: Pick<Clock, 'now'>;
}

/** Finds promotions by their codes. */
export class CodeFinder {
  readonly #parts: CodeFinderParts;

  constructor(parts: CodeFinderParts) {
    this.#parts = parts;
  }

  /**
   * Finds the promotion of a code in upper case. Throws DomainError PROMOTION_NOT_FOUND, PROMOTION_ATTEMPTS_EXCEEDED,
   * OUTCOME_UNKNOWN, DATABASE_UNAVAILABLE, CLOCK_UNCERTAIN.
   */
  async find({ tenantId, productCode }: TenantRef, code: string): Promise<StoredPromotion> {
    const { store, attempts, clock } = this.#parts;
    const now = clock.now();
    const windowAt = now - (now % HOUR_MS);
    const count = await attempts.countAttempt(tenantId, windowAt);
    if (count > ATTEMPTS_PER_HOUR_MAX) throw attemptsExceeded(windowAt + HOUR_MS - now);
    const promotion = await store.loadPromotion(productCode, code);
    if (promotion === undefined) throw promotionNotFound(productCode, code);
    await attempts.forgetAttempt(tenantId, windowAt);
    return promotion;
  }
}

/** Says that a product has no such code. */
export function promotionNotFound(productCode: ProductCode, code: string): DomainError {
  const message = `code: ${productCode} has no code ${code}: check the spelling`;
  return new DomainError('PROMOTION_NOT_FOUND', message);
}

function attemptsExceeded(retryDelayMs: Instant): DomainError {
  const limit = ATTEMPTS_PER_HOUR_MAX;
  const message = `the workspace has tried ${limit} codes that there are not within the hour, the most that it may: try again later`;
  return new DomainError('PROMOTION_ATTEMPTS_EXCEEDED', message, { metadata: { limit: String(limit) }, retryDelayMs });
}
