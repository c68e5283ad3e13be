// Owns asking the database once for each kind of thing that callers will ask for, before a kernel listens: an engine that
// comes up over much data answers its first query of a kind slowly, and no caller should be the one who waits. Invariant:
// it changes nothing, and a kernel starts whatever comes of it.

import type { IdempotencyKey, ProductCode, TenantId } from '../domain/id.ts';
import type { PriceStore } from './catalog/ports.ts';
import type { LedgerStore } from './ports.ts';
import type { TenantStore } from './tenant/ports.ts';

/** Names that nothing has, so nothing is found. */
const NO_TENANT = 'ten_warm-up' as TenantId;
const NO_PRODUCT = 'warm-up' as ProductCode;
const NO_KEY = 'warm-up' as IdempotencyKey;

/** What is read from. */
export interface WarmUpStores {
  readonly ledger: LedgerStore;
  readonly tenants: TenantStore;
  readonly prices: PriceStore;
}

/**
 * Runs one bounded read of each kind, all at once, and answers what failed; each gives up by its store's own bound.
 * Never throws.
 */
export async function warmUp({ ledger, tenants, prices }: WarmUpStores): Promise<readonly unknown[]> {
  const results = await Promise.allSettled([
    ledger.loadHeadHint(NO_TENANT),
    ledger.loadExistingSeqs(NO_TENANT, [1, 2]),
    ledger.loadCommitHeaders(NO_TENANT, 1, 2),
    ledger.loadCommits(NO_TENANT, 1, 2),
    ledger.loadCreatedAt(NO_TENANT, 1),
    ledger.loadEntriesByKeys(NO_TENANT, [NO_KEY]),
    ledger.loadDueNotes(0, 0, 1),
    tenants.loadTenantProducts([NO_TENANT]),
    prices.loadProductRules(NO_PRODUCT, 0, 0),
    prices.loadTenantPrices(NO_PRODUCT, NO_TENANT, 0),
  ]);
  return results.flatMap((result) => (result.status === 'rejected' ? [result.reason] : []));
}
