// Owns what the admission of calls needs of access tokens. Does not own how they are made, kept or checked.

import type { AccessTokenId, ProjectId, TenantId, UserId } from '../../domain/id.ts';
import type { Role } from '../../domain/role.ts';

/** An access token that works. */
export interface VerifiedAccessToken {
  readonly accessTokenId: AccessTokenId;
  readonly tenantId: TenantId;
  /** Who made it: it never does more than this person may at the time of a call. */
  readonly userId: UserId;
  readonly role: Role;
  /** Limits a contributor's or viewer's token to these projects; empty means those of its maker. */
  readonly projectIds: readonly ProjectId[];
}

/** Checks access tokens. */
export interface AccessTokenSource {
  /**
   * Finds the token that a caller shows; undefined where it is unknown, revoked or expired. What it answers may be some
   * seconds old. Throws DomainError DATABASE_UNAVAILABLE.
   */
  verify(token: string): Promise<VerifiedAccessToken | undefined>;
}
