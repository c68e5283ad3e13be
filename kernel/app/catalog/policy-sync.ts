// Owns how a sync writes the policy of a plan. Does not own which fields it knows, or what they are set to.
// Invariant: a field that an operator has pinned stays, also where it is pinned while the sync runs.

import { invalidField } from '../../domain/error.ts';
import type { PlanCode, ProductCode } from '../../domain/id.ts';
import {
  computeDefaultPolicy,
  computeSyncedPolicy,
  findPolicyViolations,
  type PolicyChange,
  type SyncedPolicy,
} from '../../domain/plan-policy.ts';
import type { CatalogStore, PolicyRecord } from './ports.ts';

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
 * Writes what a sync knows of a policy over what was read of it, all of it or nothing; a second time changes nothing.
 * Answers undefined, and writes nothing, where the policy is not what was read any more.
 * Throws DomainError INVALID_FIELD as {@link computePolicySync} does, DATABASE_UNAVAILABLE.
 */
export async function writeSyncedPolicy(
  store: Pick<CatalogStore, 'insertPolicy' | 'saveSyncedPolicy'>,
  target: PolicyTarget,
  synced: PolicyChange,
  read: PolicyRecord | undefined,
): Promise<PolicySyncResult | undefined> {
  const { productCode, planCode } = target;
  const result = computePolicySync(target, read, synced);
  if (read === undefined) {
    return (await store.insertPolicy(productCode, planCode, result.policy)) ? result : undefined;
  }
  if (result.changed.length === 0) return result;
  return (await store.saveSyncedPolicy(read, result.change)) ? result : undefined;
}
