// Owns what can be asked of an account. A command is complete: ids, digests and the rules that it needs are part of it,
// so that deciding needs no clock, no randomness and no look-up.

import type { Bucket } from './bucket.ts';
import type { PersonalText, UsageContext } from './entry.ts';
import type { Fingerprint, GrantId, IdempotencyKey, Instant, PlanCode, ProductCode, TenantId } from './id.ts';
import type { Quantity } from './quantity.ts';
import type { Rulebook } from './rulebook.ts';

interface CommandBase {
  readonly key: IdempotencyKey;
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

/** Only brings the account up to now: records what fell due. Accepted with no entries where nothing did. */
export interface Expire extends CommandBase {
  readonly type: 'expire';
}

/** One thing that can be asked of an account. */
export type Command = OpenAccount | GiveGrant | Debit | Adjust | Expire;
