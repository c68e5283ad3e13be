// Owns saying of entries which later entry undid them. An entry never changes, so this is looked up by the key that a
// reversal of it has.

import type { EntryType } from '../../domain/entry.ts';
import { formatEntryId } from '../../domain/entry-id.ts';
import type { TenantId } from '../../domain/id.ts';
import type { LedgerStore } from '../ports.ts';
import type { PostedEntry } from './ledger.ts';
import { reversalKey } from './request-identity.ts';

/** The types that can be undone (domain/decide-reversal.ts). */
const REVERSIBLE: ReadonlySet<EntryType> = new Set(['debited', 'settled', 'granted', 'adjusted']);

/** Adds to entries of one tenant what undid them, by one look-up for all. Throws what the store throws. */
export async function markReversed(
  store: Pick<LedgerStore, 'loadEntriesByKeys'>,
  tenantId: TenantId,
  entries: readonly PostedEntry[],
): Promise<readonly PostedEntry[]> {
  const keys = entries.flatMap(({ entry, entryId }) => (REVERSIBLE.has(entry.type) ? [reversalKey(entryId)] : []));
  if (keys.length === 0) return entries;
  const found = await store.loadEntriesByKeys(tenantId, keys);
  const reversals = new Map(found.map((placed) => [placed.entry.effectKey, formatEntryId(placed, placed.createdAt)]));
  return entries.map((posted) => {
    const reversedBy = reversals.get(reversalKey(posted.entryId));
    return reversedBy === undefined ? posted : { ...posted, reversedBy };
  });
}
