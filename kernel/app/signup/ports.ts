// Owns what the use cases of signups need of the database, of workspaces and of chance. Does not own how it is done.

import type { Fingerprint, IdempotencyKey, Instant, ProductCode, SignupId, TenantId, UserId } from '../../domain/id.ts';
import type { CallOrigin } from '../access/ports.ts';
import type { Tenant } from '../tenant/ports.ts';

/**
 * Where a signup stands. `pending`: it waits for whoever reads the mail; `confirming`: a person has confirmed it, and its
 * workspace is being made for that person and nobody else; `confirmed`: the workspace is there.
 */
export type SignupState = 'pending' | 'confirming' | 'confirmed';

/** Somebody's wish for a workspace of a product. */
export interface Signup {
  readonly signupId: SignupId;
  /** Never changes. */
  readonly productCode: ProductCode;
  /** In lower case. */
  readonly email: string;
  readonly workspaceName: string;
  readonly state: SignupState;
  readonly createdAt: Instant;
  /** Until when a pending one can be confirmed. */
  readonly expiresAt: Instant;
  /** Who has confirmed it; absent for a pending one. */
  readonly confirmedBy?: UserId;
  /** The workspace that was made of it; absent until it is confirmed. */
  readonly tenantId?: TenantId;
}

/** A signup as it is stored. */
export interface StoredSignup {
  readonly signup: Signup;
  /** SHA-256 of the newest token; no two signups have the same. */
  readonly tokenDigest: string;
  /** When that token was made: its mail is in the outbox soon after, or whoever made it has died. */
  readonly tokenAt: Instant;
  /** The namespaced key of the request that made it; no two have the same. */
  readonly requestKey: IdempotencyKey;
  /** What that request meant. */
  readonly fingerprint: Fingerprint;
  /** Are the keys of the requests that had a new token mailed, the newest last. */
  readonly resendKeys: readonly IdempotencyKey[];
}

/** A new token of a signup. */
export interface SignupToken {
  readonly tokenDigest: string;
  readonly tokenAt: Instant;
  /** Until when the signup can be confirmed by it. */
  readonly expiresAt: Instant;
  /** The key of the request that has it mailed; absent where it stands in for one that was lost. */
  readonly resendKey?: IdempotencyKey;
}

/** Keeps signups. Every read is primary + majority. Every method throws DomainError DATABASE_UNAVAILABLE. */
export interface SignupStore {
  /**
   * Stores a new signup; answers false where its request key is taken.
   * Throws DomainError OUTCOME_UNKNOWN where the database did not tell.
   */
  insertSignup(stored: StoredSignup): Promise<boolean>;
  loadByRequestKey(key: IdempotencyKey): Promise<StoredSignup | undefined>;
  loadByTokenDigest(tokenDigest: string): Promise<StoredSignup | undefined>;
  loadSignup(signupId: SignupId): Promise<StoredSignup | undefined>;
  /** Removes a pending signup that has this token still. */
  removePending(signupId: SignupId, tokenDigest: string): Promise<void>;
  /** Puts another token in the place of the one that was seen, while the signup is pending; answers false where it is gone. */
  renewToken(signupId: SignupId, seenDigest: string, token: SignupToken): Promise<boolean>;
  /** Gives a pending signup to a person; answers false where it is not pending any more. */
  claim(signupId: SignupId, userId: UserId, at: Instant): Promise<boolean>;
  /** Makes a signup that a person has claimed pending again, since its workspace was refused. */
  release(signupId: SignupId, userId: UserId): Promise<void>;
  /** Notes the workspace of a signup and whose it is; answers false where that was noted before. */
  saveConfirmed(signupId: SignupId, userId: UserId, tenantId: TenantId): Promise<boolean>;
  /** Takes one that was claimed before `before` and is not confirmed, and leaves it to nobody else until `until`. */
  claimLeft(before: Instant, until: Instant): Promise<StoredSignup | undefined>;
}

/** Asks for the workspace of a signup. */
export interface SignupWorkspaceInput {
  readonly signupId: SignupId;
  readonly productCode: ProductCode;
  readonly displayName: string;
  readonly owner: UserId;
  /** Who calls, for the log of the workspace; absent where a worker finishes what was begun. */
  readonly origin?: CallOrigin;
}

/** Makes workspaces of signups. */
export interface SignupWorkspaces {
  /**
   * Makes the workspace of a signup, with account and trial, once for each signup: a retry finishes what a crash left, and
   * answers the same workspace. Throws DomainError IDEMPOTENCY_KEY_REUSED where it was begun for another owner, and whatever
   * making a workspace can give.
   */
  create(input: SignupWorkspaceInput): Promise<Tenant>;
  /** Reads a workspace that was made. Throws DomainError TENANT_NOT_FOUND, DATABASE_UNAVAILABLE. */
  load(tenantId: TenantId): Promise<Tenant>;
}

/** Makes ids and secrets of signups. */
export interface SignupIdSource {
  signupId(): SignupId;
  /** A secret of 256 random bits, as text for a link. */
  secret(): string;
}
