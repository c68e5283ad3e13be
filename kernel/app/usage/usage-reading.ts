// Owns reading the usage of a bounded range of commits.
// Invariant: a range is read whole or not at all: sums that miss a commit would miss it for ever.

import { DomainError, messageOf } from '../../domain/error.ts';
import type { TenantId } from '../../domain/id.ts';
import type { UsageCommit, UsageStore, UsageSum } from './ports.ts';
import { subjectText } from './rollup-key.ts';
import { countRuns, mentionsOf, type RunCount, type RunMention } from './run-count.ts';
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

/** What commits say of usage; what they tell of runs is counted apart (run-count.ts). */
export interface ReadUsage {
  readonly usage: readonly CommitUsage[];
  readonly mentions: readonly RunMention[];
}

/** What was read of a range of commits. */
export interface UsageRange extends ReadUsage {
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
  const usage = commits.flatMap((commit) => usageOfCommit(tenantId, commit));
  return { usage, mentions: commits.flatMap(mentionsOf), entryCount };
}

/** As {@link readUsage}, over a range that may be longer than one answer of the database should be; empty is allowed. */
async function readUsageInChunks(
  store: Pick<UsageStore, 'loadUsage'>,
  tenantId: TenantId,
  fromSeq: number,
  toSeq: number,
): Promise<ReadUsage> {
  const read = { usage: [] as CommitUsage[], mentions: [] as RunMention[] };
  for (let from = fromSeq; from <= toSeq; from += FOLD_CHUNK_COMMITS) {
    const { usage, mentions } = await readUsage(store, tenantId, from, Math.min(toSeq, from + FOLD_CHUNK_COMMITS - 1));
    read.usage.push(...usage);
    read.mentions.push(...mentions);
  }
  return read;
}

/**
 * Reads the usage of commits with what they add to the counts of runs, and writes nothing. Throws as {@link readUsage}.
 * @param generation Is that of rollups which go as far as the commit before these, or farther.
 */
export async function readUsageWithRuns(
  store: Pick<UsageStore, 'loadUsage' | 'loadRuns'>,
  tenantId: TenantId,
  generation: number,
  { fromSeq, toSeq }: { readonly fromSeq: number; readonly toSeq: number },
): Promise<readonly CommitUsage[]> {
  const { usage, mentions } = await readUsageInChunks(store, tenantId, fromSeq, toSeq);
  return [...usage, ...(await countMentions(store, tenantId, generation, mentions)).usage];
}

/** Counts what commits tell of runs, by what is known of those. Throws what the store throws. */
export async function countMentions(
  store: Pick<UsageStore, 'loadRuns'>,
  tenantId: TenantId,
  generation: number,
  mentions: readonly RunMention[],
): Promise<RunCount> {
  const runIds = [...new Set(mentions.map(({ runId }) => runId))];
  const known = runIds.length === 0 ? [] : await store.loadRuns(tenantId, generation, runIds);
  return countRuns(known, mentions);
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
