// Owns reading the usage of a bounded range of commits.
// Invariant: a range is read whole or not at all: sums that miss a commit would miss it for ever.

import { DomainError, messageOf } from '../../domain/error.ts';
import type { TenantId } from '../../domain/id.ts';
import type { UsageCommit, UsageStore, UsageSum } from './ports.ts';
import { subjectText } from './rollup-key.ts';
import { addUsage, NO_USAGE, type UsageItem, usageOf } from './usage-sum.ts';

/** How often a commit may be missing within a range until it is taken to be gone. */
const GAPS_SEEN_MAX = 5;
/** How many commits are read at once where a summary reads commits. */
const FOLD_CHUNK_COMMITS = 32;

/** What one commit adds at one place, for one subject. */
export interface CommitUsage extends UsageItem {
  /** The commit that says so: that of the charge, or a later one that undid it. */
  readonly seq: number;
}

/** What was read of a range of commits. */
export interface UsageRange {
  readonly usage: readonly CommitUsage[];
  /** How many entries were read. */
  readonly entryCount: number;
}

/**
 * Reads the usage of commits that exist: `fromSeq` ≤ seq ≤ `toSeq`.
 * Throws DomainError LEDGER_CORRUPT where one is missing or can't be summed, and what the store throws.
 */
export async function readUsage(
  store: Pick<UsageStore, 'loadUsage'>,
  tenantId: TenantId,
  fromSeq: number,
  toSeq: number,
): Promise<UsageRange> {
  const commits = await loadWhole(store, tenantId, fromSeq, toSeq);
  const entryCount = commits.reduce((sum, commit) => sum + commit.entryCount, 0);
  return { usage: commits.flatMap((commit) => usageOfCommit(tenantId, commit)), entryCount };
}

/** As {@link readUsage}, over a range that may be longer than one answer of the database should be; empty is allowed. */
export async function readUsageInChunks(
  store: Pick<UsageStore, 'loadUsage'>,
  tenantId: TenantId,
  fromSeq: number,
  toSeq: number,
): Promise<readonly CommitUsage[]> {
  const read: CommitUsage[] = [];
  for (let from = fromSeq; from <= toSeq; from += FOLD_CHUNK_COMMITS) {
    const { usage } = await readUsage(store, tenantId, from, Math.min(toSeq, from + FOLD_CHUNK_COMMITS - 1));
    read.push(...usage);
  }
  return read;
}

async function loadWhole(
  store: Pick<UsageStore, 'loadUsage'>,
  tenantId: TenantId,
  fromSeq: number,
  toSeq: number,
): Promise<readonly UsageCommit[]> {
  // A commit that landed while the index was scanned can be missing before a later one; it is there when read again.
  for (let gapsSeen = 0; gapsSeen < GAPS_SEEN_MAX; gapsSeen += 1) {
    const commits = await store.loadUsage(tenantId, fromSeq, toSeq);
    if (commits.length === toSeq - fromSeq + 1) return commits;
  }
  const message = `the account ${tenantId} lacks a commit between ${fromSeq} and ${toSeq}: an operator must look`;
  throw new DomainError('LEDGER_CORRUPT', message, { metadata: { commit_seq: String(fromSeq) } });
}

/** Sums what the entries of one commit have in common: place and subject. */
function usageOfCommit(tenantId: TenantId, commit: UsageCommit): readonly CommitUsage[] {
  const byPlace = new Map<string, { readonly item: UsageItem; sum: UsageSum }>();
  for (const item of itemsOf(tenantId, commit)) {
    const text = `${item.chargeSeq}\0${subjectText(item.subject)}`;
    const known = byPlace.get(text);
    if (known === undefined) byPlace.set(text, { item, sum: item.sum });
    else known.sum = addUsage(known.sum, item.sum);
  }
  return [...byPlace.values()].map(({ item, sum }) => ({ ...item, sum, seq: commit.seq }));
}

function itemsOf(tenantId: TenantId, commit: UsageCommit): readonly UsageItem[] {
  try {
    return commit.entries.flatMap((entry) => usageOf(entry, commit));
  } catch (cause) {
    const { seq } = commit;
    const detail = messageOf(cause);
    const message = `commit ${seq} of ${tenantId} can't be summed: ${detail}; an operator must look`;
    throw new DomainError('LEDGER_CORRUPT', message, { metadata: { commit_seq: String(seq) }, cause });
  }
}

/** Says that usage is what its commit charged, and not what it undid of an earlier one. */
export function isCharge({ seq, chargeSeq }: CommitUsage): boolean {
  return seq === chargeSeq;
}

/** Adds up the usage of commits after a seq. */
export function sumAfter(usage: readonly { readonly seq: number; readonly sum: UsageSum }[], seq: number): UsageSum {
  let sum = NO_USAGE;
  for (const part of usage) if (part.seq > seq) sum = addUsage(sum, part.sum);
  return sum;
}
