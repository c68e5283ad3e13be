// Owns listing every account that there may be: tenants, and accounts that have a hint of where they end. Neither alone is
// enough: a hint may be missing, and an account may have been opened before its tenant was stored.

import type { Connection } from 'mongoose';
import type { TenantId } from '../domain/id.ts';
import { guardDatabase } from './database-failure.ts';

const PAGE_SIZE = 500;
/** How long the database may take for one page, in milliseconds. */
const READ_TIMEOUT_MS = 5_000;

/**
 * Lists the ids of all accounts, each once, in ascending order, page by page; those made meanwhile may be missing.
 * Throws DomainError DATABASE_UNAVAILABLE.
 */
export async function* listAccountIds(connection: Connection): AsyncGenerator<readonly TenantId[]> {
  for (let after = ''; ; ) {
    const pages = [
      await loadPage(connection, 'tenants', 'tenant_id', after),
      await loadPage(connection, 'ledger_heads', '_id', after),
    ];
    // Beyond the end of a page that is full its collection may have ids that were not read yet.
    const ends = pages.flatMap((ids) => (ids.length < PAGE_SIZE ? [] : [ids.at(-1) ?? after]));
    const end = ends.toSorted()[0];
    const ids = [...new Set(pages.flat())].filter((id) => end === undefined || id <= end).toSorted();
    if (ids.length > 0) yield ids;
    if (end === undefined) return;
    after = end;
  }
}

function loadPage(connection: Connection, collection: string, field: string, after: string): Promise<TenantId[]> {
  return guardDatabase(async () => {
    const documents = await connection
      .collection(collection)
      .find({ [field]: { $gt: after } }, { projection: { [field]: 1 }, maxTimeMS: READ_TIMEOUT_MS })
      .sort({ [field]: 1 })
      .limit(PAGE_SIZE)
      .toArray();
    return documents.map((document) => String(document[field]) as TenantId);
  });
}
