// Owns what the use cases of access tokens need of the database, of workspaces and of chance. Does not own how it is done.

import type {
  AccessTokenId,
  Fingerprint,
  IdempotencyKey,
  Instant,
  ProjectId,
  TenantId,
  UserId,
} from '../../domain/id.ts';
import type { Role } from '../../domain/role.ts';

/** What is kept of an access token; never the token. */
export interface AccessToken {
  readonly accessTokenId: AccessTokenId;
  readonly tenantId: TenantId;
  readonly displayName: string;
  /** The beginning of the token, for people. */
  readonly tokenPrefix: string;
  readonly role: Role;
  /** Limits a contributor's or viewer's token to these; empty means the projects of its maker. */
  readonly projectIds: readonly ProjectId[];
  readonly createdBy: UserId;
  readonly createdAt: Instant;
  readonly expiresAt: Instant;
  readonly lastUsedAt?: Instant;
  readonly revokedAt?: Instant;
}

/** An access token as it is stored. */
export interface StoredAccessToken {
  readonly token: AccessToken;
  /** SHA-256 of the token; no two have the same. */
  readonly digest: Uint8Array;
  /** The namespaced key of the request that made it; no two have the same. */
  readonly requestKey: IdempotencyKey;
  /** What that request meant. */
  readonly fingerprint: Fingerprint;
  /** Which of the workspace's places it has, for good. */
  readonly place: TokenPlace;
}

/** A place of a workspace, and how many tokens have had it up to this one. No two tokens have both the same. */
export interface TokenPlace {
  readonly number: number;
  /** From 1. */
  readonly turn: number;
}

/** Keeps access tokens. Every read is primary + majority. Every method throws DomainError DATABASE_UNAVAILABLE. */
export interface AccessTokenStore {
  /**
   * Stores a new token; answers false where its place or its request key is taken.
   * Throws DomainError OUTCOME_UNKNOWN where the database did not tell.
   */
  insertToken(stored: StoredAccessToken): Promise<boolean>;
  findByDigest(digest: Uint8Array): Promise<StoredAccessToken | undefined>;
  loadByRequestKey(key: IdempotencyKey): Promise<StoredAccessToken | undefined>;
  loadToken(tenantId: TenantId, accessTokenId: string): Promise<StoredAccessToken | undefined>;
  /** Loads the tokens of a workspace, the newest first, at most `limit`. */
  loadTokens(tenantId: TenantId, limit: number): Promise<readonly StoredAccessToken[]>;
  /** Revokes a token that is not revoked yet. */
  saveRevoked(accessTokenId: AccessTokenId, at: Instant): Promise<void>;
  /** Removes tokens that have ended. */
  removeTokens(accessTokenIds: readonly AccessTokenId[]): Promise<void>;
  /** Notes that a token was used; an earlier use changes nothing. */
  saveLastUse(accessTokenId: AccessTokenId, at: Instant): Promise<void>;
}

/** What an access token's workspace is at the moment. */
export interface TokenWorkspace {
  /** Says that it is closed: then none of its tokens works. */
  readonly isClosed: boolean;
  readonly projectIds: ReadonlySet<ProjectId>;
}

/** Tells of workspaces; undefined where there is none. Throws DomainError DATABASE_UNAVAILABLE. */
export type LoadTokenWorkspace = (tenantId: TenantId) => Promise<TokenWorkspace | undefined>;

/** Something that a person did to the tokens of a workspace. */
export interface AccessTokenAct {
  readonly tenantId: TenantId;
  readonly accessTokenId: AccessTokenId;
  /** The method, as credentials name it. */
  readonly method: 'AccessTokenService/CreateAccessToken' | 'AccessTokenService/RevokeAccessToken';
  readonly actor: UserId;
  /** No two acts have the same: a retry has that of the first. */
  readonly key: IdempotencyKey;
  readonly origin: CallOrigin;
}

/** Where a call came from, for the log of the workspace. */
export interface CallOrigin {
  /** The id of the request in logs. */
  readonly logId: string;
  readonly remoteAddress?: string;
}

/** The person who asks for something. */
export interface PersonAsker {
  readonly userId: UserId;
  /** Says that an access token asks, in the person's name. */
  readonly accessTokenId?: AccessTokenId;
  readonly origin: CallOrigin;
}

/** Keeps who did what to the tokens of workspaces. */
export interface AccessTokenJournal {
  /** Notes an act, once for each key. Throws DomainError DATABASE_UNAVAILABLE. */
  note(act: AccessTokenAct): Promise<void>;
}

/** Makes ids and secrets of access tokens. */
export interface AccessTokenIdSource {
  accessTokenId(): AccessTokenId;
  /** So many random bytes. */
  randomBytes(count: number): Uint8Array;
}
