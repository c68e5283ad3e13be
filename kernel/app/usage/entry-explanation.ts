// Owns finding all that stands behind one entry: the account right before it, its grants and its hold. Every read is a
// bounded range, however long the history is.

import type { AccountState } from '../../domain/account.ts';
import type { Entry } from '../../domain/entry.ts';
import { findHold } from '../../domain/evolve-hold.ts';
import type { Grant } from '../../domain/grant.ts';
import { findGrant } from '../../domain/grant-book.ts';
import type { GrantId, TenantId } from '../../domain/id.ts';
import { present } from '../../domain/optional.ts';
import { postedEntryOf } from '../ledger/entry-list.ts';
import { findEntry, loadStateBefore } from '../ledger/entry-lookup.ts';
import type { HeadLoader } from '../ledger/head-loader.ts';
import { markReversed } from '../ledger/reversal-mark.ts';
import type { LedgerStore } from '../ports.ts';
import { describeEntry } from './entry-sentence.ts';
import type { Explanation } from './usage.ts';

/** Explains an entry of a tenant. Throws DomainError ENTRY_NOT_FOUND, and what the store throws. */
export async function explainEntry(
  { store, loader }: { readonly store: LedgerStore; readonly loader: HeadLoader },
  tenantId: TenantId,
  entryId: string,
): Promise<Explanation> {
  const found = await findEntry(store, tenantId, entryId);
  const { commit, index, entry } = found;
  const state = await loadStateBefore(loader, found);
  const placed = postedEntryOf(tenantId, { seq: commit.seq, index, createdAt: commit.createdAt, entry });
  const [posted = placed] = await markReversed(store, tenantId, [placed]);
  return {
    posted,
    commitId: commit.commitId,
    commitHash: commit.hash,
    before: state.totals,
    grants: grantsBehind(state, entry),
    ...present({ holdBefore: 'holdId' in entry ? findHold(state, entry.holdId) : undefined }),
    sentence: describeEntry(entry, posted.reversedBy),
  };
}

/** The grants that an entry touched, as they were right before it; one that it made, as it began. */
function grantsBehind(state: AccountState, entry: Entry): readonly Grant[] {
  const grants = new Map<GrantId, Grant>();
  for (const touched of touchedBy(entry)) {
    const { bucket, grantId } = touched;
    const before =
      (bucket === undefined ? undefined : findGrant(state, bucket, grantId)) ??
      state.scheduled.find((grant) => grant.grantId === grantId) ??
      touched.asMade;
    if (before !== undefined && !grants.has(grantId)) grants.set(grantId, before);
  }
  return [...grants.values()];
}

interface Touched extends Pick<Grant, 'grantId'>, Partial<Pick<Grant, 'bucket'>> {
  /** How the grant is told where it did not exist right before the entry. */
  readonly asMade?: Grant;
}

function touchedBy(entry: Entry): readonly Touched[] {
  switch (entry.type) {
    case 'granted':
      return [{ grantId: entry.grant.grantId, asMade: entry.grant }];
    case 'trial_started':
      return entry.grant === undefined ? [] : [{ grantId: entry.grant.grantId, asMade: entry.grant }];
    case 'subscription_changed': {
      const given = entry.grant === undefined ? [] : [{ grantId: entry.grant.grantId, asMade: entry.grant }];
      return [...entry.lapsed, ...given];
    }
    case 'payback_settled':
      return entry.grant === undefined ? entry.taken : [{ grantId: entry.grant.grantId, asMade: entry.grant }];
    case 'grant_started':
      return [{ grantId: entry.grantId }];
    case 'grant_expired':
      return [entry.expired];
    case 'debited':
      return entry.draws;
    case 'adjusted':
      return entry.grant === undefined ? entry.draws : [{ grantId: entry.grant.grantId, asMade: entry.grant }];
    case 'reserved':
      return entry.hold.draws;
    case 'hold_extended':
      return entry.draws;
    case 'settled':
      return [...entry.draws, ...(entry.end?.freed ?? []), ...(entry.end?.expired ?? [])];
    case 'hold_released':
    case 'hold_expired':
      return [...entry.end.freed, ...entry.end.expired];
    case 'reversed': {
      // A grant that was used up comes to life again: right before, nothing was left of it.
      const returned = entry.returned.map((grant) => ({ ...grant, asMade: { ...grant, remaining: 0n } }));
      const unscheduled = entry.unscheduled === undefined ? [] : [{ grantId: entry.unscheduled }];
      return [...returned, ...entry.expired, ...entry.taken, ...unscheduled];
    }
    case 'account_opened':
    case 'redacted':
    case 'run_reported':
    case 'trial_canceled':
    case 'trial_consented':
    case 'trial_ended':
      return [];
  }
}
