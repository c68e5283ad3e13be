// Owns what can be asked of an account. A command is complete: ids, digests and the rules that it needs are part of it,
// so that deciding needs no clock, no randomness and no look-up.

import type { Bucket } from './bucket.ts';
import type { Entry, PersonalText, Reserved } from './entry.ts';
import type { Grant } from './grant.ts';
import type {
  EntryId,
  Fingerprint,
  GrantId,
  HoldId,
  IdempotencyKey,
  Instant,
  PlanCode,
  ProductCode,
  TenantId,
  TopUpId,
} from './id.ts';
import type { Quantity } from './quantity.ts';
import type { Rulebook } from './rulebook.ts';
import type { SubscriptionFacts } from './subscription.ts';
import type { TrialTerms } from './trial.ts';
import type { RunStatus, UsageContext } from './usage-context.ts';

interface CommandBase {
  readonly key: IdempotencyKey;
  /** Names the effect where it may happen only once, whoever asks for it. */
  readonly effectKey?: IdempotencyKey;
  /** Absent for an effect of the kernel's own: its key alone says what it is. */
  readonly fingerprint?: Fingerprint;
  readonly personal?: PersonalText;
}

/** Opens the account of a new tenant. */
export interface OpenAccount extends CommandBase {
  readonly type: 'open_account';
  readonly productCode: ProductCode;
  readonly planCode: PlanCode;
  readonly actor?: string;
}

/** Gives credit, in microcredits. */
export interface GiveGrant extends CommandBase {
  readonly type: 'grant';
  readonly grantId: GrantId;
  readonly bucket: Bucket;
  readonly amount: bigint;
  /** Default: when it is decided. */
  readonly effectiveAt?: Instant;
  readonly expiresAt?: Instant;
  /** Until when what it is for is kept; it is not given after that. */
  readonly claimedUntil?: Instant;
  readonly source: string;
  readonly actor?: string;
}

/** Charges usage. */
export interface Debit extends CommandBase, UsageContext {
  readonly type: 'debit';
  readonly tenantId: TenantId;
  readonly action: string;
  readonly quantity: Quantity;
  readonly alreadyPerformed: boolean;
  readonly rulebook: Rulebook;
}

/** Corrects one bucket by an operator's hand, in microcredits, up or down. */
export interface Adjust extends CommandBase {
  readonly type: 'adjust';
  /** The id of the grant that a change above zero makes. */
  readonly grantId: GrantId;
  readonly bucket: Bucket;
  readonly delta: bigint;
  readonly actor: string;
}

/** Holds the cost of a quantity for work in flight. */
export interface Reserve extends CommandBase, Omit<UsageContext, 'runStatus'> {
  readonly type: 'reserve';
  readonly tenantId: TenantId;
  readonly action: string;
  readonly quantity: Quantity;
  readonly expiresAt: Instant;
  readonly rulebook: Rulebook;
}

/** Moves the expiry of an open hold, holds more, or both. */
export interface Extend extends CommandBase {
  readonly type: 'extend';
  readonly holdId: HoldId;
  readonly expiresAt?: Instant;
  readonly quantity?: Quantity;
  readonly rulebook: Rulebook;
}

/** What a hold that has ended was made for: facts of the past, which nothing changes any more. */
export type Reservation = Pick<Reserved, 'holdId' | 'action' | 'price' | 'projectId' | 'workflowId' | 'runId'> & {
  readonly expiresAt: Instant;
};

/** Charges a part of the work behind a hold. */
export interface Settle extends CommandBase, Pick<UsageContext, 'runStatus'> {
  readonly type: 'settle';
  readonly holdId: HoldId;
  readonly partId: string;
  readonly quantity: Quantity;
  readonly final: boolean;
  /** There where the hold was found to have ended: the part is then charged without it. */
  readonly reservation?: Reservation;
}

/** Ends an open hold. */
export interface Release extends CommandBase {
  readonly type: 'release';
  readonly holdId: HoldId;
}

/** The entry that a reversal undoes, and the grants that it drew from or made, as they were right before it. */
export interface ReversalTarget {
  readonly entryId: EntryId;
  readonly entry: Entry;
  readonly createdAt: Instant;
  readonly grants: readonly Grant[];
}

/** Undoes an earlier entry by an operator's hand. */
export interface Reverse extends CommandBase {
  readonly type: 'reverse';
  readonly effectKey: IdempotencyKey;
  readonly target: ReversalTarget;
  /** The id of the grant that gives back what paid the undone charge's deficit meanwhile. */
  readonly grantId: GrantId;
  readonly actor: string;
}

/** Records that the personal text of an entry is removed. */
export interface Redact extends CommandBase {
  readonly type: 'redact';
  readonly entryId: EntryId;
  readonly actor: string;
}

/** Starts the one trial of the workspace. */
export interface StartTrial extends CommandBase, TrialTerms {
  readonly type: 'start_trial';
  readonly effectKey: IdempotencyKey;
  /** The id of the grant that its credits make. */
  readonly grantId: GrantId;
  /** Refuses an account that has another plan than the fallback plan, and would lose it. */
  readonly onlyFromFallback: boolean;
  /** Until when the place that was claimed for the person is kept; the command is refused after it. */
  readonly claimedUntil?: Instant;
  readonly actor?: string;
}

/** Cancels the trial while it runs. */
export interface CancelTrial extends CommandBase {
  readonly type: 'cancel_trial';
  readonly actor?: string;
}

/** Records that somebody agreed to be charged for the trial's plan once it ends. */
export interface ConsentToTrial extends CommandBase {
  readonly type: 'consent_to_trial';
}

/** Brings the subscription of the account one step closer to what was seen at Stripe. */
export interface ApplySubscription extends CommandBase {
  readonly type: 'apply_subscription';
  readonly facts: SubscriptionFacts;
  /** The account's `subscriptionRevision` before the facts were read: where it is another one now, they may be old. */
  readonly revision: number;
  /** The id of the grant that included credits make. */
  readonly grantId: GrantId;
}

/** Brings what is taken back of a top-up's credits to what it has to be, now that so much of its payment went back. */
export interface SettlePayback extends CommandBase {
  readonly type: 'settle_payback';
  readonly topUpId: TopUpId;
  /** What of its credits has to be taken back in all, in microcredits. */
  readonly target: bigint;
  /** What was before, by the entry that stands last. */
  readonly before: { readonly total: bigint; readonly waivedTotal: bigint };
  /** The grant that the top-up made. */
  readonly paidGrantId: GrantId;
  /** The id of the grant that credits which are given back make. */
  readonly grantId: GrantId;
  /** Says that credits which were used are nobody's debt. */
  readonly waivesDebt: boolean;
}

/** Records what became of a run. */
export interface ReportRun extends CommandBase, Omit<UsageContext, 'runId' | 'runStatus'> {
  readonly type: 'report_run';
  readonly runId: string;
  readonly runStatus: RunStatus;
}

/** Only brings the account up to now: records what fell due. Accepted with no entries where nothing did. */
export interface Expire extends CommandBase {
  readonly type: 'expire';
}

/** One thing that can be asked of an account that is open. */
export type OpenAccountCommand =
  | GiveGrant
  | Debit
  | Adjust
  | Reserve
  | Extend
  | Settle
  | Release
  | Reverse
  | Redact
  | StartTrial
  | CancelTrial
  | ConsentToTrial
  | ApplySubscription
  | SettlePayback
  | ReportRun;

/** One thing that can be asked of an account. */
export type Command = OpenAccount | Expire | OpenAccountCommand;
