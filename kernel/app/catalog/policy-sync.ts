// Owns how a sync writes the policy of a plan. Does not own which fields it knows, or what they are set to.
// Invariant: a field that an operator has pinned stays, also where it is pinned while the sync runs.

import { DomainError, invalidField } from '../../domain/error.ts';
import type { PlanCode, ProductCode } from '../../domain/id.ts';
import {
  computeDefaultPolicy,
  computeSyncedPolicy,
  findPolicyViolations,
  type PolicyChange,
  type SyncedPolicy,
} from '../../domain/plan-policy.ts';
import type { CatalogStore, PolicyRecord } from './ports.ts';

/** How often a policy is read again because an operator has changed it meanwhile. */
const ATTEMPTS_MAX = 10;

/** Names the policy that a sync writes. */
export interface PolicyTarget {
  readonly productCode: ProductCode;
  readonly planCode: PlanCode;
}

/** What a sync made of a policy, and whether it is the plan's first. */
export interface PolicySyncResult extends SyncedPolicy {
  readonly created: boolean;
}

/**
 * Computes what a sync would write; for a plan without a policy, over the default of the spec.
 * Throws DomainError INVALID_FIELD where the policy would not hold together, by the names of the contract.
 */
export function computePolicySync(
  { planCode }: PolicyTarget,
  record: PolicyRecord | undefined,
  synced: PolicyChange,
): PolicySyncResult {
  const current = record?.policy ?? computeDefaultPolicy(planCode);
  const result = computeSyncedPolicy(current, record?.pinnedFields ?? new Set(), synced);
  const violations = findPolicyViolations(result.policy);
  if (violations.length > 0) throw invalidField(...violations);
  return { ...result, created: record === undefined };
}

/**
 * Writes what a sync knows of a policy, all of it or nothing; a second time changes nothing. `read` spares a first read.
 * Throws DomainError INVALID_FIELD as {@link computePolicySync} does, DATABASE_UNAVAILABLE.
 */
export async function writeSyncedPolicy(
  store: Pick<CatalogStore, 'loadPolicy' | 'insertPolicy' | 'saveSyncedPolicy'>,
  target: PolicyTarget,
  synced: PolicyChange,
  read?: PolicyRecord,
): Promise<PolicySyncResult> {
  const { productCode, planCode } = target;
  let record = read ?? (await store.loadPolicy(productCode, planCode));
  for (let attempt = 0; attempt < ATTEMPTS_MAX; attempt += 1) {
    const result = computePolicySync(target, record, synced);
    if (record === undefined) {
      if (await store.insertPolicy(productCode, planCode, result.policy)) return result;
    } else if (result.changed.length === 0 || (await store.saveSyncedPolicy(record, result.change))) {
      return result;
    }
    record = await store.loadPolicy(productCode, planCode);
  }
  const message = `the policy of ${productCode}/${planCode} is changed by others all the time: sync again`;
  throw new DomainError('DATABASE_UNAVAILABLE', message, { retryDelayMs: 1_000 });
}
