// Owns what the use cases of trials need of the database, and of the logs of workspaces. Does not own how it is done.

import type { AccessTokenId, IdempotencyKey, Instant, ProductCode, TenantId, UserId } from '../../domain/id.ts';
import type { CallOrigin } from '../access/ports.ts';

/** Whose place it is, and for which workspace: a person has at most one for each. */
export interface TrialSlotHolder {
  readonly productCode: ProductCode;
  readonly personId: UserId;
  readonly tenantId: TenantId;
}

/** One place of the trials that a person may have of a product. */
export interface TrialSlot extends TrialSlotHolder {
  /** From 1 up to the limit of the policy by which it was claimed. */
  readonly number: number;
  /** Until when the start of the trial may use it; absent once the trial is there, which it then counts for, for ever. */
  readonly claimedUntil?: Instant;
}

/**
 * Keeps the places of trials. No two places of a person and product have one number, and none is for a workspace that
 * another one is for. Every read is primary + majority. Every method throws DomainError DATABASE_UNAVAILABLE.
 */
export interface TrialSlotStore {
  /** Stores a new claim; answers false where the number is taken, or the person has a place for the workspace already. */
  insertSlot(slot: TrialSlot & { readonly claimedUntil: Instant }): Promise<boolean>;
  /** Loads all places of a person and product, lowest number first. */
  loadSlots(productCode: ProductCode, personId: UserId): Promise<readonly TrialSlot[]>;
  /** Moves the end of a claim; answers false where the place is not claimed as it was read. */
  renewSlot(slot: TrialSlot, claimedUntil: Instant): Promise<boolean>;
  /** Notes that the trial is there. Repeating it does nothing. */
  finishSlot(holder: TrialSlotHolder): Promise<void>;
  /** Gives a place back, where it still is as it was read. */
  removeSlot(slot: TrialSlot): Promise<void>;
  /** Loads claims that ran out before a time, the oldest first, at most `limit`. */
  loadExpiredClaims(before: Instant, limit: number): Promise<readonly TrialSlot[]>;
}

/** Something that a person did to the trial of a workspace. */
export interface TrialAct {
  readonly tenantId: TenantId;
  /** The method, as credentials name it. */
  readonly method: 'TrialService/StartTrial' | 'TrialService/CancelTrial';
  readonly actor: UserId;
  /** The access token by which it was done; absent where the person did it. */
  readonly accessTokenId?: AccessTokenId;
  /** No two acts have the same: a retry has that of the first. */
  readonly key: IdempotencyKey;
  readonly origin: CallOrigin;
}

/** Keeps who did what to the trials of workspaces. */
export interface TrialJournal {
  /** Notes an act, once for each key. Throws DomainError DATABASE_UNAVAILABLE, CLOCK_UNCERTAIN. */
  noteTrial(act: TrialAct): Promise<void>;
}
