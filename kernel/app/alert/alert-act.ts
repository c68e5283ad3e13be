// Owns noting in the log of a workspace what people do about its alerts. Does not own the doing.

import type { IdempotencyKey } from '../../domain/id.ts';
import { present } from '../../domain/optional.ts';
import type { PersonAsker } from '../access/ports.ts';
import type { TenantRef } from '../ledger/ledger.ts';
import type { BillingAct, BillingJournal } from '../subscription/billing-act.ts';

/** Notes an act, once for each key. Throws DomainError DATABASE_UNAVAILABLE, CLOCK_UNCERTAIN: then it must not begin. */
export function noteAlertAct(
  journal: BillingJournal,
  { tenantId }: TenantRef,
  method: BillingAct['method'],
  { userId: actor, accessTokenId, origin }: PersonAsker,
  key: IdempotencyKey,
): Promise<void> {
  return journal.noteBilling({ tenantId, method, actor, key, origin, ...present({ accessTokenId }) });
}
