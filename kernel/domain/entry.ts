// Owns what can stand in the history of an account. An entry is a fact: it is never changed, and `evolve` needs nothing
// else to rebuild the state.

import type { Totals } from './account.ts';
import type { PriceRule } from './action-price.ts';
import type { Bucket } from './bucket.ts';
import type { Grant, GrantDraw } from './grant.ts';
import type { Fingerprint, GrantId, IdempotencyKey, Instant, PlanCode, ProductCode } from './id.ts';

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

/** How the run behind a debit ended. */
export type RunStatus = 'running' | 'succeeded' | 'failed' | 'canceled';

/** The price that a debit was charged by. */
export interface AppliedPrice {
  readonly microcreditsPerUnit: bigint;
  readonly unit: string;
  readonly rule: PriceRule;
  readonly effectiveAt: Instant;
}

/** What a debit was for, as far as it is not about a person. */
export interface UsageContext {
  readonly projectId?: string;
  readonly workflowId?: string;
  readonly runId?: string;
  readonly runStatus?: RunStatus;
}

/** Usage was charged: `cost` = sum of `draws` + `deficit`. */
export interface Debited extends EntryBase, UsageContext {
  readonly type: 'debited';
  readonly action: string;
  /** The exact decimal in its shortest form. */
  readonly quantity: string;
  readonly price: AppliedPrice;
  readonly cost: bigint;
  readonly draws: readonly GrantDraw[];
  /** What no grant covered, in microcredits. */
  readonly deficit: bigint;
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

/** One thing that happened to an account. */
export type Entry = AccountOpened | Granted | GrantStarted | GrantExpired | Debited | Adjusted;

/** What an entry records. */
export type EntryType = Entry['type'];
