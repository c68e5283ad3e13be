// Owns the questions about usage as the outside asks them. Does not own how they are answered.

import type { Totals } from '../../domain/account.ts';
import type { Grant } from '../../domain/grant.ts';
import type { Hold } from '../../domain/hold.ts';
import type { CommitId, Instant } from '../../domain/id.ts';
import type { PostedEntry, TenantRef } from '../ledger/ledger.ts';
import type { CommitHash } from '../ports.ts';
import type { RunSum, UsageFilter } from './ports.ts';

/** By what a summary is grouped. */
export type UsageGroup = 'hour' | 'day' | 'action' | 'project' | 'workflow';

/** A question about a range of time. */
export interface UsageRangeQuestion {
  /** Inclusive. */
  readonly startAt: Instant;
  /** Exclusive, after the start. */
  readonly endAt: Instant;
  readonly filter: UsageFilter;
}

/** A question for a page of sums. */
export interface UsageQuery extends UsageRangeQuestion {
  /** Hour and day not both. */
  readonly groups: ReadonlySet<UsageGroup>;
  readonly pageSize: number;
  /** Empty for the first page. */
  readonly pageToken: string;
}

/** The sum of one group; texts are empty where not grouped by them, and for usage without one. */
export interface UsageRow {
  /** The start of the hour or day, also where the range begins within it; absent where not grouped by one. */
  readonly startAt?: Instant;
  readonly action: string;
  readonly projectId: string;
  readonly workflowId: string;
  readonly debitCount: bigint;
  /** An exact decimal; absent where the row sums several actions. */
  readonly quantity?: string;
  /** In microcredits. */
  readonly cost: bigint;
  /** Absent where the question is about single actions. */
  readonly runs?: RunSum;
}

/** One value that usage was recorded with, and what there was of it. */
export interface UsageValue {
  readonly value: string;
  readonly debitCount: bigint;
  /** In microcredits. */
  readonly cost: bigint;
}

/** What the usage of a range was for. */
export interface UsageDimensions {
  readonly actions: readonly UsageValue[];
  readonly projects: readonly UsageValue[];
  readonly workflows: readonly UsageValue[];
  /** By name, in the order of names. */
  readonly free: readonly { readonly name: string; readonly values: readonly UsageValue[] }[];
  /** Says that there are more actions, projects or workflows than are listed. */
  readonly isTruncated: boolean;
  /** Since when free dimensions are summed: as far back in the range as one call looks. */
  readonly freeSince: Instant;
}

export interface UsagePage {
  readonly rows: readonly UsageRow[];
  /** Empty at the end of the list, and only there. */
  readonly nextPageToken: string;
}

/** All that stands behind an entry. */
export interface Explanation {
  readonly posted: PostedEntry;
  readonly commitId: CommitId;
  readonly commitHash: CommitHash;
  readonly before: Totals;
  /** The grants that the entry drew from or gave back to, as they were right before it, and those that it made, as they began. */
  readonly grants: readonly Grant[];
  /** The open hold behind the entry as it was right before it; absent where the entry made it, or came after its end. */
  readonly holdBefore?: Hold;
  readonly sentence: string;
}

/** Sums usage and explains figures. Nothing here has a side effect that anybody could see in an answer. */
export interface Usage {
  /**
   * Sums usage. Never stale: it sees every debit that was acknowledged before the call.
   * Throws DomainError INVALID_FIELD where the token is of another list, or a page would need too many sums.
   */
  summarize(tenant: TenantRef, query: UsageQuery): Promise<UsagePage>;
  /** Tells what usage was for. Never stale. Throws DomainError INVALID_FIELD where it would need too many sums. */
  listDimensions(tenant: TenantRef, question: UsageRangeQuestion): Promise<UsageDimensions>;
  /** Explains one entry. Throws DomainError ENTRY_NOT_FOUND. */
  explain(tenant: TenantRef, entryId: string): Promise<Explanation>;
}
