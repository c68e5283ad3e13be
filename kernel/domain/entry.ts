// Owns what can stand in the history of an account. An entry is a fact: it is never changed, and `evolve` needs nothing
// else to rebuild the state.

import type { Totals } from './account.ts';
import type { AppliedPrice } from './action-price.ts';
import type { Bucket } from './bucket.ts';
import type { Grant, GrantDraw } from './grant.ts';
import type { HoldEnd, HoldFigures } from './hold.ts';
import type {
  EntryId,
  Fingerprint,
  GrantId,
  HoldId,
  IdempotencyKey,
  Instant,
  PlanCode,
  ProductCode,
  TopUpId,
} from './id.ts';
import type { Subscription } from './subscription.ts';
import type { TrialTerms } from './trial.ts';
import type { RunStatus, UsageContext } from './usage-context.ts';

/**
 * Text that may be about a person: an operator's reason, the values of a debit's dimensions. The hash chain covers only
 * `digest`, so that text and salt can be removed for good (docs/architecture.md, "Tamper evidence").
 */
export interface PersonalText {
  /** SHA-256 over salt and text, in base64url. */
  readonly digest: string;
  /** 16 random bytes in base64url; absent after redaction. */
  readonly salt?: string;
  readonly reason?: string;
  readonly dimensions?: Readonly<Record<string, string>>;
}

interface EntryBase {
  /** What makes this entry happen once within its tenant. */
  readonly key: IdempotencyKey;
  /** Names the effect where it may happen only once whoever asks for it, such as the reversal of an entry. */
  readonly effectKey?: IdempotencyKey;
  /** What the request meant; absent for effects of the kernel's own. */
  readonly fingerprint?: Fingerprint;
  readonly personal?: PersonalText;
  /** What the account held right after this entry. */
  readonly after: Totals;
}

/** The account was opened. */
export interface AccountOpened extends EntryBase {
  readonly type: 'account_opened';
  readonly productCode: ProductCode;
  readonly planCode: PlanCode;
  readonly actor?: string;
}

/** Credit was given. `grant.remaining` is what is left after a deficit was paid. */
export interface Granted extends EntryBase {
  readonly type: 'granted';
  readonly grant: Grant;
  /** What of it paid an earlier deficit at once, in microcredits. */
  readonly deficitPaid: bigint;
  /** Says that the grant begins later; it is then not part of the totals yet. */
  readonly scheduled: boolean;
  readonly actor?: string;
}

/** A grant with a later beginning began to count. */
export interface GrantStarted extends EntryBase {
  readonly type: 'grant_started';
  readonly grantId: GrantId;
  readonly deficitPaid: bigint;
  readonly dueAt: Instant;
}

/** What was left of a grant expired. */
export interface GrantExpired extends EntryBase {
  readonly type: 'grant_expired';
  readonly expired: GrantDraw;
  readonly dueAt: Instant;
}

/** What usage cost and who paid: `cost` = sum of `draws` + `deficit`. */
export interface Charge {
  readonly action: string;
  /** The exact decimal in its shortest form. */
  readonly quantity: string;
  readonly price: AppliedPrice;
  readonly cost: bigint;
  readonly draws: readonly GrantDraw[];
  /** What no grant covered, in microcredits. */
  readonly deficit: bigint;
}

/** Usage was charged. */
export interface Debited extends EntryBase, UsageContext, Charge {
  readonly type: 'debited';
  /** Says that the work was done before, so that it was charged whatever the funds. */
  readonly alreadyPerformed: boolean;
}

/** An operator corrected a bucket. Above zero it made `grant`, below zero it drew `draws`. */
export interface Adjusted extends EntryBase {
  readonly type: 'adjusted';
  readonly bucket: Bucket;
  readonly delta: bigint;
  readonly draws: readonly GrantDraw[];
  readonly grant?: Grant;
  readonly deficitPaid: bigint;
  readonly actor: string;
}

/** What a hold is for, and what it is after an entry. */
interface HoldEntry extends EntryBase, Omit<UsageContext, 'runStatus'> {
  readonly holdId: HoldId;
  readonly action: string;
  readonly hold: HoldFigures;
}

/** Credits were held for work in flight. */
export interface Reserved extends HoldEntry {
  readonly type: 'reserved';
  readonly quantity: string;
  /** The price that every part will be charged by. */
  readonly price: AppliedPrice;
}

/** An open hold got another expiry, or more credits. */
export interface HoldExtended extends HoldEntry {
  readonly type: 'hold_extended';
  /** Absent where only the expiry moved. */
  readonly quantity?: string;
  /** What was held in addition, by grant. */
  readonly draws: readonly GrantDraw[];
  /** What overdraft was kept for in addition, in microcredits. */
  readonly overdraft: bigint;
}

/** A part of the work behind a hold was charged. The first `drawsFromHold` of the draws came out of the hold. */
export interface Settled extends HoldEntry, UsageContext, Charge {
  readonly type: 'settled';
  readonly partId: string;
  readonly drawsFromHold: number;
  /** Says that the part ended the hold. */
  readonly final: boolean;
  /** Says that the hold had ended before. */
  readonly late: boolean;
  /** What became of the rest; there where the part ended the hold. */
  readonly end?: HoldEnd;
}

/** A hold was ended without (further) charge. */
export interface HoldReleased extends HoldEntry {
  readonly type: 'hold_released';
  readonly end: HoldEnd;
}

/** A hold ended by itself. */
export interface HoldExpired extends HoldEntry {
  readonly type: 'hold_expired';
  readonly end: HoldEnd;
  readonly dueAt: Instant;
}

/** The usage that a reversal took back, as it was charged at `at`. */
export interface ReversedUsage extends Omit<UsageContext, 'runStatus'> {
  readonly action: string;
  readonly quantity: string;
  readonly cost: bigint;
  readonly at: Instant;
}

/** An operator undid an earlier entry. */
export interface Reversed extends EntryBase {
  readonly type: 'reversed';
  readonly entryId: EntryId;
  readonly reversedType: EntryType;
  /** Grants that got credit back; `remaining` is how much, before any of it paid a deficit. */
  readonly returned: readonly Grant[];
  /** What did not come back, since its grant had expired meanwhile. */
  readonly expired: readonly GrantDraw[];
  /** What was taken back of an undone grant. */
  readonly taken: readonly GrantDraw[];
  /** The undone grant, where it had not begun. */
  readonly unscheduled?: GrantId;
  /** What of the undone charge's own deficit is owed no longer, in microcredits. */
  readonly deficitCancelled: bigint;
  /** What of the returned credit paid another deficit at once, in microcredits. */
  readonly deficitPaid: bigint;
  readonly usage?: ReversedUsage;
  readonly actor: string;
}

/** The personal text of an earlier entry was removed. */
export interface Redacted extends EntryBase {
  readonly type: 'redacted';
  readonly entryId: EntryId;
  readonly actor: string;
}

/** The trial of the workspace began: its plan holds from then on. */
export interface TrialStarted extends EntryBase, TrialTerms {
  readonly type: 'trial_started';
  readonly startedAt: Instant;
  /** The credits, after a deficit was paid; absent where the trial gives none. */
  readonly grant?: Grant;
  /** What of them paid an earlier deficit at once, in microcredits. */
  readonly deficitPaid: bigint;
  readonly actor?: string;
}

/** The trial was canceled: it goes on to its end, and nothing follows it. */
export interface TrialCanceled extends EntryBase {
  readonly type: 'trial_canceled';
  readonly actor?: string;
}

/** The trial ended by itself. Credits that lapse with it have an entry of their own, right before. */
export interface TrialEnded extends EntryBase {
  readonly type: 'trial_ended';
  /** The plan that the account has from then on. */
  readonly planCode: PlanCode;
  readonly dueAt: Instant;
}

/** Somebody agreed that the workspace is charged for the trial's plan once the trial ends. */
export interface TrialConsented extends EntryBase {
  readonly type: 'trial_consented';
  readonly at: Instant;
}

/** One thing that happened to a trial. */
export type TrialRecord = TrialStarted | TrialCanceled | TrialConsented | TrialEnded;

/**
 * What happened to a subscription. `started`: its first period is paid, or it is paid again after it ended here;
 * `renewed`: another period is paid; `plan_changed`: its price is another one; `allowance_raised`: an upgrade is paid;
 * `updated`: what comes after the period; `renewal_pending`, `payment_failed`, `recovered`, `ended`.
 */
export type SubscriptionChange =
  | 'started'
  | 'renewed'
  | 'plan_changed'
  | 'allowance_raised'
  | 'updated'
  | 'renewal_pending'
  | 'payment_failed'
  | 'recovered'
  | 'ended';

/** Something happened to the subscription, at Stripe or by time. */
export interface SubscriptionChanged extends EntryBase {
  readonly type: 'subscription_changed';
  readonly change: SubscriptionChange;
  /** The whole of it from then on. */
  readonly subscription: Subscription;
  /** The plan that the account has from then on. */
  readonly planCode: PlanCode;
  readonly at: Instant;
  /** Says that the trial that ran ended with it. */
  readonly endsTrial: boolean;
  /** What lapsed: what was free of it at once, and of a grant named here what is held when its hold ends. */
  readonly lapsed: readonly GrantDraw[];
  /** Grants that had lapsed with an end which was taken back, and of which holds keep something; absent where there is none. */
  readonly revived?: readonly GrantId[];
  /** The included credits that it gave, after a deficit was paid; absent where it gave none. */
  readonly grant?: Grant;
  /** What of the grant is left over from the cycle before, in microcredits. */
  readonly rolledOver: bigint;
  /** What of the grant paid an earlier deficit at once, in microcredits. */
  readonly deficitPaid: bigint;
}

/**
 * What was paid for a top-up went back to the payer, or came again: the credits that it had given follow. Exactly one of `taken`
 * with `deficit`, and `grant`, says something, or neither.
 */
export interface PaybackSettled extends EntryBase {
  readonly type: 'payback_settled';
  readonly topUpId: TopUpId;
  /** What of the top-up's credits is taken back in all from then on, in microcredits. */
  readonly total: bigint;
  /** What of `total` had been used and is left to the workspace as a loss of the seller's, in microcredits. */
  readonly waivedTotal: bigint;
  /** What this entry took. */
  readonly taken: readonly GrantDraw[];
  /** What it could not take since it was used, and which is owed from then on, in microcredits. */
  readonly deficit: bigint;
  /** What it gave back, after a deficit was paid. */
  readonly grant?: Grant;
  /** What of that paid an earlier deficit at once, in microcredits. */
  readonly deficitPaid: bigint;
}

/** Somebody told what became of a run, without any charge. */
export interface RunReported extends EntryBase, Omit<UsageContext, 'runId' | 'runStatus'> {
  readonly type: 'run_reported';
  readonly runId: string;
  readonly runStatus: RunStatus;
}

/** One thing that happened to a hold. */
export type HoldRecord = Reserved | HoldExtended | Settled | HoldReleased | HoldExpired;

/** One thing that happened to an account. */
export type Entry =
  | AccountOpened
  | Granted
  | GrantStarted
  | GrantExpired
  | Debited
  | Adjusted
  | HoldRecord
  | TrialRecord
  | SubscriptionChanged
  | PaybackSettled
  | RunReported
  | Reversed
  | Redacted;

/** What an entry records. */
export type EntryType = Entry['type'];
