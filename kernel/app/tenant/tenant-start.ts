// Owns what begins with a new workspace once its account is open. Does not own what that is.

import type { UserId } from '../../domain/id.ts';
import type { TenantRef } from '../ledger/ledger.ts';

/** Begins what belongs to a new workspace. */
export interface TenantStart {
  /** May be called again for the same workspace: then it finishes what is left. Throws DomainError where it can't tell. */
  begin(tenant: TenantRef, owner: UserId | undefined): Promise<void>;
}
