// Owns what the use cases of operators need of the database, and the shape of what they get. Does not own how it is stored.

import type { Fingerprint, IdempotencyKey, Instant, PlanCode, ProductCode, TenantId } from '../../domain/id.ts';
import type { KillSwitchName } from '../../domain/kill-switch.ts';
import type { PlanPolicy, PolicyChange, PolicyField } from '../../domain/plan-policy.ts';
import type { Promotion } from '../../domain/promotion.ts';
import type { Plan, Product } from '../catalog/ports.ts';

/** One field that a write changed, or one figure of it, by values as people read them; never personal data. */
export interface FieldChange {
  readonly field: string;
  readonly before: string;
  readonly after: string;
}

/**
 * Where it stands that a write happened, and why: in the record itself, which is then the decision; or in what the write
 * made, which carries the record's request key: an entry of a ledger, a price, a tenant, the note of a sync, the
 * record in the log of a workspace.
 */
export type Evidence = 'record' | 'ledger_entry' | 'action_price' | 'tenant' | 'catalog_sync' | 'workspace_record';

/** What a write is about. */
export interface AuditSubject {
  readonly productCode?: ProductCode;
  readonly planCode?: PlanCode;
  readonly tenantId?: TenantId;
}

/** One write of an operator, as it stands in the audit log. */
export interface AuditRecord extends AuditSubject {
  readonly recordId: string;
  /** No two records have the same; a retry has that of the first. */
  readonly recordKey: string;
  /** The method, as credentials name it, such as `LedgerService/Grant`. */
  readonly method: string;
  /** The scope and name of the credential, such as `sysadmin/operator`. */
  readonly credential: string;
  readonly actor: string;
  /** The address that the call came from; absent where none was known, as in records of before it was kept. */
  readonly remoteAddress?: string;
  /** Absent where the ledger keeps it, which can redact it. */
  readonly reason?: string;
  readonly requestId: string;
  readonly requestKey: IdempotencyKey;
  readonly fingerprint: Fingerprint;
  readonly changes: readonly FieldChange[];
  readonly evidence: Evidence;
  readonly createdAt: Instant;
}

/**
 * A document that operators change. The changes of a product and of its plans are one line: each is decided over what all before
 * it have done.
 */
export type ChangeTarget =
  | { readonly kind: 'product'; readonly productCode: ProductCode }
  | { readonly kind: 'plan'; readonly productCode: ProductCode; readonly planCode: PlanCode }
  | { readonly kind: 'policy'; readonly productCode: ProductCode; readonly planCode: PlanCode }
  | { readonly kind: 'switch'; readonly name: KillSwitchName }
  | { readonly kind: 'webhook_event'; readonly eventId: string }
  | { readonly kind: 'mail'; readonly mailId: string }
  | { readonly kind: 'promotion'; readonly productCode: ProductCode; readonly code: string };

/** New values for some fields of a product; null means that it names no onboarding plan. */
export type ProductChange = Partial<Omit<Product, 'onboardingPlanCode'>> & {
  readonly onboardingPlanCode?: PlanCode | null;
};

/** What a change makes of its target. */
export type ChangeEffect =
  | {
      readonly kind: 'product';
      readonly fields: ProductChange;
      /** The plan that becomes the fallback plan: it stays on sale, also where a sync archives it meanwhile. */
      readonly keptPlan?: { readonly planCode: PlanCode; readonly planRevision: number };
    }
  | {
      readonly kind: 'plan';
      readonly fields: Pick<Plan, 'productName' | 'price' | 'archived'>;
      /** The number that the plan has after it. */
      readonly planRevision: number;
    }
  | {
      readonly kind: 'policy';
      readonly change: PolicyChange;
      readonly pinnedFields: ReadonlySet<PolicyField>;
      /** What the other fields begin with where there is no policy yet. */
      readonly base: PlanPolicy;
    }
  | { readonly kind: 'switch'; readonly enabled: boolean }
  /** Makes it pending again, due at once and with all its attempts. */
  | { readonly kind: 'webhook_event' }
  /** The same for a mail. */
  | { readonly kind: 'mail' }
  /** Makes it. */
  | { readonly kind: 'promotion'; readonly promotion: Promotion }
  /** Ends a promotion. */
  | { readonly kind: 'revocation'; readonly revokedAt: Instant };

/** A record that is itself the decision: what it says is done to its target, by whoever comes next if need be. */
export interface ChangeRecord {
  readonly audit: AuditRecord;
  readonly target: ChangeTarget;
  /** Numbers the changes of the target, from 1 and without gaps: who stores one has seen all before it. */
  readonly revision: number;
  readonly effect: ChangeEffect;
}

/** Limits a list of audit records; every filter that is set must match. */
export interface AuditFilter {
  readonly productCode?: ProductCode;
  readonly tenantId?: TenantId;
  readonly actor?: string;
  readonly method?: string;
  readonly startAt?: Instant;
  readonly endAt?: Instant;
}

/** The place of a record in the list. */
export interface AuditPlace {
  readonly createdAt: Instant;
  readonly recordId: string;
}

/**
 * Keeps the audit log and what changes by it. Nothing in it is ever changed or removed. Every read is primary + majority.
 * Every method throws DomainError DATABASE_UNAVAILABLE.
 */
export interface AuditStore {
  /** Stores records of writes that are to begin, all that are not there already. No two have the same key. */
  insertNotes(records: readonly AuditRecord[]): Promise<void>;
  /**
   * Stores a change; answers false where its key, or its number for its target, is taken.
   * Throws DomainError OUTCOME_UNKNOWN where the database did not tell.
   */
  insertChange(record: ChangeRecord): Promise<boolean>;
  loadRecordByKey(recordKey: string): Promise<AuditRecord | undefined>;
  /** Brings a target up to its newest change, and answers the number of that; 0 where it has none. Repeating it does nothing. */
  settleTarget(target: ChangeTarget): Promise<number>;
  /** Brings the targets of all changes since a time up to their newest; answers how many there were. */
  settleSince(since: Instant): Promise<number>;
  /** Loads records, the newest first, at most `limit`, after a place. */
  loadRecords(filter: AuditFilter, limit: number, after?: AuditPlace): Promise<readonly AuditRecord[]>;
}

/** Keeps the kill switches. Every read is primary + majority. Every method throws DomainError DATABASE_UNAVAILABLE. */
export interface KillSwitchStore {
  /** Stores the first values of switches that have none yet. */
  insertSwitches(values: ReadonlyMap<KillSwitchName, boolean>): Promise<void>;
  loadSwitches(): Promise<ReadonlyMap<KillSwitchName, boolean>>;
}

/** Makes ids of audit records. */
export interface AuditIdSource {
  auditRecordId(): string;
}
