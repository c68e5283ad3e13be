// Owns the use cases of an account as the outside calls them. Does not own rules (domain/), the write path
// (committer.ts) or the wire.

import type { AccountState, Totals } from '../../domain/account.ts';
import type { Bucket } from '../../domain/bucket.ts';
import type { FundsRemedy } from '../../domain/credit-gate.ts';
import type { Entry, EntryType } from '../../domain/entry.ts';
import type { Reason } from '../../domain/error.ts';
import type { Grant } from '../../domain/grant.ts';
import type { Hold } from '../../domain/hold.ts';
import type {
  EntryId,
  GrantId,
  HoldId,
  IdempotencyKey,
  Instant,
  PlanCode,
  ProductCode,
  TenantId,
  TopUpId,
} from '../../domain/id.ts';
import type { Quantity } from '../../domain/quantity.ts';
import type { SubscriptionFacts } from '../../domain/subscription.ts';
import type { Trial, TrialTerms } from '../../domain/trial.ts';
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
  /** The address that an operator's call came from, for the audit log. */
  readonly remoteAddress?: string;
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

/** What became of a run. */
export interface RunReportInput extends Pick<UsageContext, 'projectId' | 'workflowId'> {
  readonly runId: string;
  readonly runStatus: RunStatus;
}

export interface GrantInput {
  readonly bucket: Bucket;
  readonly amount: bigint;
  readonly effectiveAt?: Instant;
  readonly expiresAt?: Instant;
  readonly actor: string;
  readonly reason: string;
}

/** Credits that the kernel gives by itself, once for what they are for. */
export interface CreditInput {
  /** Names what they are for: no request id of a caller can be it. */
  readonly key: IdempotencyKey;
  readonly bucket: Bucket;
  /** In microcredits. */
  readonly amount: bigint;
  readonly expiresAt?: Instant;
  /** Until when what they are for is kept for the account; they do not come after that. */
  readonly claimedUntil?: Instant;
  /** Where they come from, as the history shows it. */
  readonly source: string;
}

/** What the account says of the credits of a top-up, and of what was taken back of them. */
export interface PaybackReading {
  readonly topUpId: TopUpId;
  /** The entry that gave them, the grant that it made, and how much that was, in microcredits. */
  readonly paidEntryId: EntryId;
  readonly paidGrantId: GrantId;
  readonly credits: bigint;
  /** Which settlement the next one is, from 1 on. */
  readonly number: number;
  /** What is taken back in all, and what of it is nobody's debt, in microcredits. */
  readonly total: bigint;
  readonly waivedTotal: bigint;
  /** Says that an operator took back the whole of it by hand. */
  readonly isReversed: boolean;
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

/** What somebody asks of a trial; what is absent is as the plan's policy says. */
export interface TrialQuestion {
  readonly planCode?: PlanCode;
  readonly trialDays?: number;
  /** In microcredits. */
  readonly granted?: bigint;
  /** There where the person agrees to be charged for the plan once the trial ends. */
  readonly consents?: true;
  /** Set together where an operator does it. */
  readonly actor?: string;
  readonly reason?: string;
}

export interface StartTrialInput {
  readonly question: TrialQuestion;
  /** What the policy makes of the question. */
  readonly terms: TrialTerms;
  /** Refuses an account that has another plan than the fallback plan. */
  readonly onlyFromFallback: boolean;
  /** Until when the person's place for it is kept; it does not start after that. */
  readonly claimedUntil?: Instant;
}

export interface CancelTrialInput {
  /** Set together where an operator does it. */
  readonly actor?: string;
  readonly reason?: string;
}

export interface HoldPage {
  readonly holds: readonly Hold[];
  /** Empty at the end of the list, and only there. */
  readonly nextPageToken: string;
}

/** What an account holds at a time. */
export interface BalanceReading {
  readonly totals: Totals;
  /** The plan that holds then: that of the trial while one runs. */
  readonly planCode: PlanCode;
  /** Absent where there never was one. */
  readonly trial?: Trial;
  readonly overdraftLimit: bigint;
  /** Active grants in burn order, then those of which all that is left is held, then scheduled ones. */
  readonly grants: readonly Grant[];
  readonly seq: number;
  readonly asOf: Instant;
  /** When the account next changes by time alone; absent where it never does. */
  readonly nextDueAt?: Instant;
}

/** What of an account facts of its subscription are applied to. */
export type FollowedState = Pick<AccountState, 'subscription' | 'subscriptionRevision'>;

/** The whole of an account at a time. */
export interface AccountReading {
  readonly state: AccountState;
  readonly seq: number;
  readonly asOf: Instant;
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
  /** How what is missing can be had; nothing where work may start. */
  readonly remedies: readonly FundsRemedy[];
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
  /** Records what became of a run, whatever the funds. */
  reportRun(tenant: TenantRef, input: RunReportInput, context: WriteContext): Promise<Posting>;
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
  /**
   * Starts the one trial of a workspace; without a context it is the kernel's own doing. Throws DomainError
   * TRIAL_ALREADY_USED, TRIAL_NOT_OFFERED where the plan of the account is in the way, GRANT_LIMIT_REACHED,
   * BALANCE_OUT_OF_RANGE, DEADLINE_EXCEEDED once the person's place for it is kept no longer.
   */
  startTrial(tenant: TenantRef, input: StartTrialInput, context: WriteContext | undefined): Promise<Posting>;
  /** Throws DomainError TRIAL_NOT_ACTIVE, also where it was canceled before by another request. */
  cancelTrial(tenant: TenantRef, input: CancelTrialInput, context: WriteContext): Promise<Posting>;
  /**
   * Records that somebody agreed to be charged for the trial's plan once it ends; consent that was given before is not recorded
   * again. Throws DomainError TRIAL_NOT_ACTIVE.
   */
  consentToTrial(tenant: TenantRef, context: WriteContext): Promise<void>;
  /**
   * Brings the subscription of an account one step closer to facts that were read after the account was in a state; does nothing
   * where it has moved since, or there is no step. Read the account again to see. Throws DomainError GRANT_LIMIT_REACHED,
   * BALANCE_OUT_OF_RANGE.
   */
  applySubscription(tenant: TenantRef, facts: SubscriptionFacts, before: FollowedState): Promise<void>;
  /**
   * Gives credits for what `key` names, once: a further call with the key answers the first one's entry as a replay, whatever else
   * it says. Throws DomainError GRANT_LIMIT_REACHED, BALANCE_OUT_OF_RANGE, INVALID_FIELD where the amount is not above zero, or
   * they would have expired, DEADLINE_EXCEEDED once what they are for is kept no longer.
   */
  giveCredit(tenant: TenantRef, input: CreditInput): Promise<Posting>;
  /** Finds the entries that bear the keys, by majority; those that there are. At most some dozens of keys. */
  findByKeys(tenant: TenantRef, keys: readonly IdempotencyKey[]): Promise<ReadonlyMap<IdempotencyKey, PostedEntry>>;
  /** Reads what was given and taken back for a top-up; undefined where its credits have not come. */
  readPayback(tenant: TenantRef, topUpId: TopUpId): Promise<PaybackReading | undefined>;
  /**
   * Brings what is taken back of a top-up's credits to `target` microcredits, which was computed from what Stripe showed after
   * `reading` was read. Answers whether it is so now; false where somebody else has settled since: read both again. Throws
   * DomainError GRANT_LIMIT_REACHED, BALANCE_OUT_OF_RANGE; RangeError where the target is more than there ever was.
   */
  settlePayback(tenant: TenantRef, reading: PaybackReading, target: bigint, waivesDebt: boolean): Promise<boolean>;
  /** Reads the whole account as it is now. Never answers from a cache alone. */
  readAccount(tenant: TenantRef): Promise<AccountReading>;
  /** Records what fell due by itself (expired and started grants, ended holds and trials), and answers when the account next changes by itself. */
  recordDue(tenantId: TenantId): Promise<Instant | undefined>;
  /** Reads a balance, now or at a past time. Never answers from a cache alone. */
  readBalance(tenant: TenantRef, at?: Instant): Promise<BalanceReading>;
  checkFunds(tenant: TenantRef, query: FundsQuery): Promise<FundsReading>;
  /** Lists entries newest first. Throws DomainError INVALID_FIELD `page_token` where the token is not of this list. */
  listEntries(tenant: TenantRef, filter: EntryFilter, pageSize: number, pageToken: string): Promise<EntryPage>;
  /** Stops taking writes and resolves when every write that was taken is answered. */
  drain(): Promise<void>;
}
