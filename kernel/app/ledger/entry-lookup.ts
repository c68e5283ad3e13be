// Owns finding one entry by its id, which carries its place, and the account as it was right before it. Every read is one
// commit or a bounded range.

import type { AccountState } from '../../domain/account.ts';
import type { Entry } from '../../domain/entry.ts';
import { type DatedPlace, parseEntryId, parseHoldId } from '../../domain/entry-id.ts';
import { evolve } from '../../domain/evolve.ts';
import type { HoldId, TenantId } from '../../domain/id.ts';
import type { LedgerStore, SealedCommit } from '../ports.ts';
import type { HeadLoader } from './head-loader.ts';
import { entryNotFound } from './write-error.ts';

/** An entry with the commit that it is part of. */
export interface FoundEntry {
  readonly commit: SealedCommit;
  readonly index: number;
  readonly entry: Entry;
}

/** Finds an entry of a tenant. Throws DomainError ENTRY_NOT_FOUND, and what the store throws. */
export async function findEntry(store: LedgerStore, tenantId: TenantId, entryId: string): Promise<FoundEntry> {
  const found = await findAt(store, tenantId, parseEntryId(entryId));
  if (found === undefined) throw entryNotFound(entryId);
  return found;
}

/** Finds the entry that made a hold of a tenant; undefined where there never was such a hold. */
export async function findReservation(
  store: LedgerStore,
  tenantId: TenantId,
  holdId: HoldId,
): Promise<Extract<Entry, { readonly type: 'reserved' }> | undefined> {
  const entry = (await findAt(store, tenantId, parseHoldId(holdId)))?.entry;
  return entry?.type === 'reserved' && entry.holdId === holdId ? entry : undefined;
}

async function findAt(
  store: LedgerStore,
  tenantId: TenantId,
  place: DatedPlace | undefined,
): Promise<FoundEntry | undefined> {
  if (place === undefined) return undefined;
  const { seq, index, createdAt } = place;
  const [commit] = await store.loadCommits(tenantId, seq, seq);
  const entry = commit?.entries[index];
  if (commit === undefined || entry === undefined || commit.createdAt !== createdAt) return undefined;
  return { commit, index, entry };
}

/** Loads the account as it was right before an entry. */
export async function loadStateBefore(
  loader: HeadLoader,
  { commit, index }: Pick<FoundEntry, 'commit' | 'index'>,
): Promise<AccountState> {
  const { state } = await loader.loadAt(commit.tenantId, commit.seq - 1);
  return commit.entries.slice(0, index).reduce(evolve, state);
}
