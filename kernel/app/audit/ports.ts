// Owns what verification and export need of the database: commits as they lie there, before anything of them is believed.
// Does not own how it is done.

import type { TenantId } from '../../domain/id.ts';
import type { CommitHash, SealedCommit } from '../ports.ts';

/** A commit as it is stored, whatever somebody has made of it. */
export interface StoredCommit {
  /** Undefined where what is stored is no int64 from 1 on. */
  readonly seq: number | undefined;
  /** What is stored as seq, for people. */
  readonly seqText: string;
  /** The stored hash; undefined where there is none of 32 bytes. */
  readonly hash: CommitHash | undefined;
  /**
   * Computes over the stored document what its hash must be after the given one.
   * Throws Error where the document has no canonical form.
   */
  computeHash(previous: CommitHash): CommitHash;
  /**
   * Reads the document. Throws DomainError STATE_VERSION_UNSUPPORTED where a newer release wrote it, any Error where it is
   * none of ours.
   */
  decode(): SealedCommit;
  /**
   * Says where the document is not, byte for byte, what this release writes for the commit that was read out of it: an
   * unknown or repeated field, another type or order, keys that are not those of the entries. Undefined where it is, or an
   * older release wrote it.
   */
  findFormProblem(commit: SealedCommit): string | undefined;
  /**
   * Writes the commit as a line of an export (docs/operations.md, "Exports").
   * Throws Error where the document has no canonical form.
   */
  toLine(): string;
}

/** Some commits of an account, in order. */
export interface CommitPage {
  readonly commits: readonly StoredCommit[];
  /** Says that the range was read to its end: what is not here does not exist. */
  readonly isWhole: boolean;
}

/** A commit that is known by its place alone. */
export interface PlacedCommit {
  /** Undefined where what is stored is no int64 from 1 on. */
  readonly seq: number | undefined;
  readonly seqText: string;
  /** The largest whole number that is not above what is stored; NaN where that is no number. */
  readonly place: number;
}

/** The place of a commit in its account's chain. */
export interface CommitLink {
  readonly seq: number;
  readonly hash: CommitHash | undefined;
}

/** An account that something in the database speaks of. */
export interface AccountRef {
  readonly tenantId: TenantId;
  /** The newest commit as `ledger_heads` knows it; 0 where it knows none. */
  readonly hintSeq: number;
  /** The product as `tenants` has it, empty where that is no text; absent where `tenants` has no such account. */
  readonly productCode?: string;
}

/** What stands as tenant id in commits alone. */
export interface StrayTenants {
  /** Neither `tenants` nor `ledger_heads` speaks of them. */
  readonly tenantIds: readonly TenantId[];
  /** What is no tenant id at all, for people. */
  readonly others: readonly string[];
  /** Says that there are no more than these. */
  readonly isWhole: boolean;
}

/** A key that more than one commit of an account bears. */
export interface SharedKey {
  readonly key: string;
  readonly seqs: readonly number[];
}

/** Reads ledgers as they lie in the database. Every read is primary + majority. Throws DomainError DATABASE_UNAVAILABLE. */
export interface AuditStore {
  /** Says which unique index of the commits can't be proven, and why; undefined where all are. */
  findIndexProblem(): Promise<string | undefined>;
  /** Answers about how many commits there are of all accounts. */
  estimateCommits(): Promise<number>;
  /** Lists accounts that `tenants` or `ledger_heads` speak of, by tenant id, after the given one ('' for the first). */
  loadAccounts(after: string, limit: number): Promise<readonly AccountRef[]>;
  /** Finds one account; undefined where neither collection speaks of it. */
  loadAccount(tenantId: TenantId): Promise<AccountRef | undefined>;
  /**
   * Finds tenant ids that stand in commits alone, `limit` or a few more; it goes through all commits, so `signal` ends it
   * early. Throws its reason.
   */
  findStrayTenants(limit: number, signal: AbortSignal): Promise<StrayTenants>;
  /**
   * Reads commits with `fromSeq` − 1 < seq ≤ `toSeq`, as many as fit into a few megabytes; so ranges that follow each other
   * leave nothing out, not even what lies between whole numbers.
   */
  loadPage(tenantId: TenantId, fromSeq: number, toSeq: number): Promise<CommitPage>;
  /** Finds the first commit from `fromSeq` on; undefined where there is none. */
  findNext(tenantId: TenantId, fromSeq: number): Promise<PlacedCommit | undefined>;
  /** Finds commits whose seq is below 1 or no number, which no range shows; at most `limit`. */
  loadMisplaced(tenantId: TenantId, limit: number): Promise<readonly PlacedCommit[]>;
  /** Reads seq and hash of the commits in a range. */
  loadLinks(tenantId: TenantId, fromSeq: number, toSeq: number): Promise<readonly CommitLink[]>;
  /** Finds keys that several commits bear, at most `limit`: slow, for where the unique index is not proven. */
  loadSharedKeys(tenantId: TenantId, limit: number): Promise<readonly SharedKey[]>;
}
