// Owns finding the newest commit of an account with bounded reads: seqs have no gaps, so a search by doubling and halving
// finds the end, and reading on from a known head costs one range read (docs/architecture.md, "Reads").

import { SNAPSHOT_INTERVAL_COMMITS } from '../../domain/bound.ts';
import { DomainError } from '../../domain/error.ts';
import type { TenantId } from '../../domain/id.ts';
import type { CommitHeader, LedgerStore } from '../ports.ts';
import { type AccountHead, followHead, headOfSnapshot, unopenedHead } from './account-head.ts';

/** How many commits are read at once when reading on from a head; further behind, the end is searched. */
const REFRESH_COMMITS_MAX = 32;
/** Doublings of one search step: enough for 2^30 commits behind a hint. */
const GALLOP_STEPS = 31;
const BISECT_PROBES = 15;
/** How often a commit may be missing before a later one until it is taken to be gone. */
const GAPS_SEEN_MAX = 5;

/** A head that was read on from an older one. */
export interface Refresh {
  readonly head: AccountHead;
  /** The commit right after the older head, where there is one that was read. */
  readonly next?: CommitHeader;
}

/** Loads heads. Every method throws what the store throws, and DomainError LEDGER_CORRUPT for a contradictory history. */
export class HeadLoader {
  readonly #store: LedgerStore;

  constructor(store: LedgerStore) {
    this.#store = store;
  }

  /** Finds the newest commit of an account of which nothing is known here; as new as the moment of the call. */
  async load(tenantId: TenantId): Promise<AccountHead> {
    return this.#loadFrom(tenantId, await this.#loadHint(tenantId));
  }

  /** Finds the seq of the newest commit, 0 where there is none, without reading what it says; `knownSeq` exists. */
  async findNewestSeq(tenantId: TenantId, knownSeq?: number): Promise<number> {
    return this.#findHeadSeq(tenantId, knownSeq ?? (await this.#loadHint(tenantId)));
  }

  /** Reads on from a head; the result is at least as new as the moment of the call. */
  async refresh(head: AccountHead, gapsSeen = 0): Promise<Refresh> {
    const { tenantId, seq } = head;
    const headers = await this.#store.loadCommitHeaders(tenantId, seq + 1, seq + REFRESH_COMMITS_MAX);
    // A commit that landed during the scan can be missing before a later one; what follows a gap is read again.
    const gap = headers.findIndex((header, index) => header.seq !== seq + 1 + index);
    const run = gap === -1 ? headers : headers.slice(0, gap);
    const [next] = run;
    const last = run.at(-1);
    if (next === undefined || last === undefined) {
      if (gap === -1) return { head };
      if (gapsSeen >= GAPS_SEEN_MAX) throw missingCommit(tenantId, seq + 1);
      return this.refresh(head, gapsSeen + 1);
    }
    const newest = await this.#follow(head, last);
    const isWhole = gap === -1 && run.length < REFRESH_COMMITS_MAX;
    return { head: isWhole ? newest : await this.#loadFrom(tenantId, newest.seq), next };
  }

  /** Moves a head to a later commit: by the state that it carries, or else by what happened in between. */
  async #follow(head: AccountHead, last: CommitHeader): Promise<AccountHead> {
    if (last.state !== undefined) return headOfSnapshot(last, last.state);
    const commits = await this.#store.loadCommits(head.tenantId, head.seq + 1, last.seq);
    return commits.reduce(followHead, head);
  }

  /** Loads the account as it was after the commit `seq`, which must exist. */
  async loadAt(tenantId: TenantId, seq: number): Promise<AccountHead> {
    if (seq === 0) return unopenedHead(tenantId);
    const [newest] = await this.#store.loadCommits(tenantId, seq, seq);
    if (newest?.state !== undefined) return headOfSnapshot(newest, newest.state);
    const commits = await this.#store.loadCommits(tenantId, Math.max(1, seq - SNAPSHOT_INTERVAL_COMMITS + 1), seq);
    const start = commits.findLastIndex((commit) => commit.state !== undefined);
    const snapshot = commits[start];
    if (snapshot?.state === undefined || commits.at(-1)?.seq !== seq) throw missingSnapshot(tenantId, seq);
    return commits.slice(start + 1).reduce(followHead, headOfSnapshot(snapshot, snapshot.state));
  }

  async #loadHint(tenantId: TenantId): Promise<number> {
    const hint = await this.#store.loadHeadHint(tenantId);
    return hint !== undefined && Number.isSafeInteger(hint.seq) && hint.seq > 0 ? hint.seq : 0;
  }

  async #loadFrom(tenantId: TenantId, hint: number): Promise<AccountHead> {
    const found = await this.loadAt(tenantId, await this.#findHeadSeq(tenantId, hint));
    // Reading on shows what landed meanwhile, and commits behind a gap, before which the search may have stopped.
    return (await this.refresh(found)).head;
  }

  /** Finds the largest seq that exists. A hint that does not exist (a restored backup, another cluster) is not believed. */
  async #findHeadSeq(tenantId: TenantId, hint: number): Promise<number> {
    const steps = Array.from({ length: GALLOP_STEPS }, (_, power) => hint + 2 ** power);
    const existing = await this.#store.loadExistingSeqs(tenantId, hint === 0 ? steps : [hint, ...steps]);
    if (hint > 0 && !existing.includes(hint)) return this.#findHeadSeq(tenantId, 0);
    const low = Math.max(hint, ...existing);
    const high = steps.find((seq) => seq > low);
    if (high === undefined) return this.#findHeadSeq(tenantId, low);
    return this.#bisect(tenantId, low, high);
  }

  /** `low` exists (or is 0), `high` did not; several probes a query save round trips. */
  async #bisect(tenantId: TenantId, low: number, high: number): Promise<number> {
    if (high - low <= 1) return low;
    const count = Math.min(BISECT_PROBES, high - low - 1);
    const probes = Array.from({ length: count }, (_, i) => low + Math.ceil(((i + 1) * (high - low)) / (count + 1)));
    const between = [...new Set(probes)].filter((seq) => seq < high);
    const existing = await this.#store.loadExistingSeqs(tenantId, between);
    const found = Math.max(low, ...existing);
    return this.#bisect(tenantId, found, between.find((seq) => seq > found) ?? high);
  }
}

function missingCommit(tenantId: TenantId, seq: number): DomainError {
  const message = `the account ${tenantId} has commits behind seq ${seq}, but not that one: an operator must look`;
  return new DomainError('LEDGER_CORRUPT', message, { metadata: { commit_seq: String(seq) } });
}

function missingSnapshot(tenantId: TenantId, seq: number): DomainError {
  const message = `the account ${tenantId} has no stored state within ${SNAPSHOT_INTERVAL_COMMITS} commits before commit ${seq}: an operator must look`;
  return new DomainError('LEDGER_CORRUPT', message, { metadata: { commit_seq: String(seq) } });
}
