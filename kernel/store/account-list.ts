// Owns listing the ids of every account that there may be, page by page, as verification finds them.

import type { Connection } from 'mongoose';
import type { TenantId } from '../domain/id.ts';
import { openAuditStore } from './ledger/ledger-audit-store.ts';

const PAGE_SIZE = 500;

/**
 * Lists the ids of all accounts, each once, in ascending order, page by page; those made meanwhile may be missing.
 * Throws DomainError DATABASE_UNAVAILABLE.
 */
export async function* listAccountIds(connection: Connection): AsyncGenerator<readonly TenantId[]> {
  const store = openAuditStore(connection);
  for (let after: string | undefined = ''; after !== undefined; ) {
    const accounts = await store.loadAccounts(after, PAGE_SIZE);
    const ids = accounts.map(({ tenantId }) => tenantId);
    if (ids.length > 0) yield ids;
    after = ids.length < PAGE_SIZE ? undefined : ids.at(-1);
  }
}
