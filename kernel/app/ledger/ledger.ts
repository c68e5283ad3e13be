// Owns the use cases of an account as the outside calls them. Does not own rules (domain/), the write path
// (committer.ts) or the wire.

import type { Totals } from '../../domain/account.ts';
import type { Bucket } from '../../domain/bucket.ts';
import type { Entry, EntryType } from '../../domain/entry.ts';
import type { Reason } from '../../domain/error.ts';
import type { Grant } from '../../domain/grant.ts';
import type { Hold } from '../../domain/hold.ts';
import type { EntryId, HoldId, Instant, PlanCode, ProductCode, TenantId } from '../../domain/id.ts';
import type { Quantity } from '../../domain/quantity.ts';
import type { RunStatus, UsageContext } from '../../domain/usage-context.ts';

/** A tenant whose existence and product were looked up. */
export interface TenantRef {
  readonly tenantId: TenantId;
  readonly productCode: ProductCode;
}

/** Who asks for a write, and until when the answer is of use. */
export interface WriteContext {
  /** Namespaces request ids: the scope and service name of the credential, such as `internal/workflow-engine`. No colon. */
  readonly callerScope: string;
  readonly requestId: string;
  /** When the caller's deadline passes, on `performance.now()`'s clock. A command that still waits then is not begun. */
  readonly deadlineAtMs?: number;
}

/** An entry with its place in the history. */
export interface PostedEntry {
  readonly tenantId: TenantId;
  readonly entryId: EntryId;
  readonly seq: number;
  readonly createdAt: Instant;
  /** The caller's request id, where a request caused the entry. */
  readonly requestId?: string;
  /** The entry that undid this one, where that was looked up and there is one. */
  readonly reversedBy?: EntryId;
  readonly entry: Entry;
}

/** What a write came to. */
export interface Posting {
  readonly posted: PostedEntry;
  /** Says that an earlier request with the same id made the entry. */
  readonly replayed: boolean;
}

export interface OpenAccountInput {
  readonly planCode: PlanCode;
  readonly actor?: string;
  readonly reason?: string;
}

export interface DebitInput extends UsageContext {
  readonly action: string;
  readonly quantity: Quantity;
  readonly dimensions?: Readonly<Record<string, string>>;
  readonly alreadyPerformed: boolean;
}

export interface GrantInput {
  readonly bucket: Bucket;
  readonly amount: bigint;
  readonly effectiveAt?: Instant;
  readonly expiresAt?: Instant;
  readonly actor: string;
  readonly reason: string;
}

export interface AdjustInput {
  readonly bucket: Bucket;
  readonly delta: bigint;
  readonly actor: string;
  readonly reason: string;
}

export interface ReserveInput extends Omit<UsageContext, 'runStatus'> {
  readonly action: string;
  readonly quantity: Quantity;
  readonly expiresAt: Instant;
}

export interface ExtendInput {
  readonly holdId: HoldId;
  readonly expiresAt?: Instant;
  readonly additionalQuantity?: Quantity;
}

/** A part of the work behind a hold; (`holdId`, `partId`) is its idempotency key. */
export interface SettleInput {
  readonly holdId: HoldId;
  readonly partId: string;
  readonly quantity: Quantity;
  readonly final: boolean;
  readonly runStatus?: RunStatus;
  readonly dimensions?: Readonly<Record<string, string>>;
}

/** What an operator does about an earlier entry. */
export interface CorrectionInput {
  readonly entryId: string;
  readonly actor: string;
  readonly reason: string;
}

export interface HoldPage {
  readonly holds: readonly Hold[];
  /** Empty at the end of the list, and only there. */
  readonly nextPageToken: string;
}

/** What an account holds at a time. */
export interface BalanceReading {
  readonly totals: Totals;
  readonly planCode: PlanCode;
  readonly overdraftLimit: bigint;
  /** Active grants in burn order, then those of which all that is left is held, then scheduled ones. */
  readonly grants: readonly Grant[];
  readonly seq: number;
  readonly asOf: Instant;
  /** When the account next changes by time alone; absent where it never does. */
  readonly nextDueAt?: Instant;
}

/** What to check funds for: nothing in particular, an amount in microcredits, or a quantity of an action. */
export type FundsQuery =
  | { readonly kind: 'any' }
  | { readonly kind: 'amount'; readonly microcredits: bigint }
  | { readonly kind: 'usage'; readonly action: string; readonly quantity: Quantity };

/** Whether work may start. All figures in microcredits. */
export interface FundsReading {
  readonly allowed: boolean;
  readonly needed: bigint;
  readonly available: bigint;
  readonly overdraftRemaining: bigint;
  readonly shortfall: bigint;
  readonly reason?: Reason;
}

/** Limits a list of entries; every filter that is set must match. */
export interface EntryFilter {
  readonly types?: readonly EntryType[];
  readonly action?: string;
  readonly projectId?: string;
  readonly workflowId?: string;
  readonly startAt?: Instant;
  readonly endAt?: Instant;
}

export interface EntryPage {
  readonly entries: readonly PostedEntry[];
  /** Empty at the end of the list, and only there. */
  readonly nextPageToken: string;
}

/** The credits of every tenant. Writes are idempotent by `callerScope`, operation and `requestId`. */
export interface Ledger {
  /** Opens a tenant's account; a second call answers the first one's entry as a replay. */
  openAccount(tenant: TenantRef, input: OpenAccountInput): Promise<Posting>;
  debit(tenant: TenantRef, input: DebitInput, context: WriteContext): Promise<Posting>;
  grant(tenant: TenantRef, input: GrantInput, context: WriteContext): Promise<Posting>;
  adjust(tenant: TenantRef, input: AdjustInput, context: WriteContext): Promise<Posting>;
  /** Holds the cost of a quantity; the entry's type is `reserved`. */
  reserve(tenant: TenantRef, input: ReserveInput, context: WriteContext): Promise<Posting>;
  /** Throws DomainError HOLD_NOT_FOUND, HOLD_ENDED, INSUFFICIENT_CREDITS. */
  extend(tenant: TenantRef, input: ExtendInput, context: WriteContext): Promise<Posting>;
  /** Charges a part, whatever the funds and also after the hold's end. Throws DomainError HOLD_NOT_FOUND. */
  settle(tenant: TenantRef, input: SettleInput, context: Omit<WriteContext, 'requestId'>): Promise<Posting>;
  /** Throws DomainError HOLD_NOT_FOUND, HOLD_ENDED. */
  release(tenant: TenantRef, holdId: HoldId, context: WriteContext): Promise<Posting>;
  /** Lists open holds, soonest expiry first. */
  listHolds(tenant: TenantRef, pageSize: number, pageToken: string): Promise<HoldPage>;
  /** Undoes a charge, grant or adjustment. Throws DomainError ENTRY_NOT_FOUND, ENTRY_NOT_REVERSIBLE, ENTRY_ALREADY_REVERSED. */
  reverse(tenant: TenantRef, input: CorrectionInput, context: WriteContext): Promise<Posting>;
  /** Records that the personal text of an entry is removed, then removes it. Throws DomainError ENTRY_NOT_FOUND. */
  redact(tenant: TenantRef, input: CorrectionInput, context: WriteContext): Promise<Posting>;
  /** Records what fell due by itself (expired and started grants, ended holds), and answers when the account next changes by itself. */
  recordDue(tenantId: TenantId): Promise<Instant | undefined>;
  /** Reads a balance, now or at a past time. Never answers from a cache alone. */
  readBalance(tenant: TenantRef, at?: Instant): Promise<BalanceReading>;
  checkFunds(tenant: TenantRef, query: FundsQuery): Promise<FundsReading>;
  /** Lists entries newest first. Throws DomainError INVALID_FIELD `page_token` where the token is not of this list. */
  listEntries(tenant: TenantRef, filter: EntryFilter, pageSize: number, pageToken: string): Promise<EntryPage>;
  /** Stops taking writes and resolves when every write that was taken is answered. */
  drain(): Promise<void>;
}
