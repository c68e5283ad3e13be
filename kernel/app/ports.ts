// Owns what the use cases need of the outside: the database, the clock, ids. Does not own how it is done.

import type { Commit } from '../domain/commit.ts';
import type { Entry } from '../domain/entry.ts';
import type { CommitId, GrantId, IdempotencyKey, Instant, ProductCode, TenantId } from '../domain/id.ts';
import type { Rulebook } from '../domain/rulebook.ts';

/** The place of a commit in its account's hash chain: 32 bytes of SHA-256. */
export type CommitHash = Uint8Array;

/** A commit as it is stored. */
export interface SealedCommit extends Commit {
  readonly hash: CommitHash;
}

/** A sealed commit without its entries: enough to go on from where it carries the state. */
export type CommitHeader = Omit<SealedCommit, 'entries'>;

/** A commit made ready for the database; sending it twice sends the very same document. */
export interface PreparedCommit {
  readonly commit: SealedCommit;
  /** An upper bound of the document's size, in bytes. */
  readonly bytes: number;
  /** The document itself, which only the store reads. */
  readonly document: unknown;
}

/** A stored entry with its place in the account's history. */
export interface PlacedEntry {
  readonly seq: number;
  /** The entry's index within its commit. */
  readonly index: number;
  readonly createdAt: Instant;
  readonly entry: Entry;
}

/** What became of one document of an insert (docs/architecture.md, "The write path"). */
export type InsertOutcome =
  | { readonly kind: 'acknowledged' }
  /** A unique index refused it; which one is never read out of an error's text. */
  | { readonly kind: 'duplicate' }
  /** This document can never be stored; the others of the insert are not touched by it. */
  | { readonly kind: 'invalid'; readonly error: Error }
  /** The database did not say; it may have happened, or still happen. */
  | { readonly kind: 'unknown'; readonly error: Error };

/** What `ledger_heads` says of an account: where to begin looking for its newest commit, nothing more. */
export interface HeadHint {
  readonly seq: number;
  /** Says that a kernel keeps losing races for this account. */
  readonly contention?: Contention;
}

/** How far an account is known to reach. */
export interface HeadPlace {
  readonly tenantId: TenantId;
  readonly seq: number;
}

/** What a kernel that keeps losing races for an account tells those that win them. */
export interface Contention {
  readonly at: Instant;
  /** How long its turn takes: from a lost race to the outcome of the next insert, in milliseconds. */
  readonly turnMs: number;
}

/** A time at which an account changes by itself. */
export interface DueNote {
  readonly tenantId: TenantId;
  readonly dueAt: Instant;
}

/** Keeps ledger commits. Every read is primary + majority and a bounded range. */
export interface LedgerStore {
  /** Seals a commit to the one before it. Throws DomainError COMMIT_TOO_LARGE or INTERNAL where it can't be stored. */
  prepareCommit(commit: Commit, previousHash: CommitHash): PreparedCommit;
  /** Inserts commits of different tenants, each by itself; answers one outcome for each, in their order. Never throws. */
  insertCommits(commits: readonly PreparedCommit[]): Promise<readonly InsertOutcome[]>;
  /** Reads the commits of one tenant with `fromSeq` ≤ seq ≤ `toSeq`, in order. */
  loadCommits(tenantId: TenantId, fromSeq: number, toSeq: number): Promise<readonly SealedCommit[]>;
  /** Reads the same range without entries, which are most of what a commit weighs. */
  loadCommitHeaders(tenantId: TenantId, fromSeq: number, toSeq: number): Promise<readonly CommitHeader[]>;
  /** Answers which of the given seqs exist, in no order. */
  loadExistingSeqs(tenantId: TenantId, seqs: readonly number[]): Promise<readonly number[]>;
  /** Reads the time of one commit; undefined where it does not exist. */
  loadCreatedAt(tenantId: TenantId, seq: number): Promise<Instant | undefined>;
  /** Finds the entries that bear any of the keys, in one query. */
  loadEntriesByKeys(tenantId: TenantId, keys: readonly IdempotencyKey[]): Promise<readonly PlacedEntry[]>;
  /** Removes the personal text of one entry for good: the one change of a stored commit that is permitted. */
  removePersonalText(tenantId: TenantId, seq: number, index: number): Promise<void>;
  loadHeadHint(tenantId: TenantId): Promise<HeadHint | undefined>;
  /** Moves the hint forward, says where asked that the account is contended, and answers what it said before. */
  saveHeadHint(tenantId: TenantId, seq: number, contention?: Contention): Promise<HeadHint | undefined>;
  /** Moves the hints of many accounts forward; answers which of them were said to be contended at `since` or later. */
  saveHeadHints(hints: readonly HeadPlace[], since: Instant): Promise<readonly TenantId[]>;
  /** Notes due times; noting one twice does nothing. */
  saveDueNotes(notes: readonly DueNote[]): Promise<void>;
  /** Reads the earliest notes with `after` < `dueAt` ≤ `until`, at most `limit`. */
  loadDueNotes(after: Instant, until: Instant, limit: number): Promise<readonly DueNote[]>;
  removeDueNote(note: DueNote): Promise<void>;
}

/** Tells the time by the database's clock (docs/architecture.md, "Time"). */
export interface Clock {
  /** The time now. Throws DomainError CLOCK_UNCERTAIN where it is not known to within the bound for writes. */
  now(): Instant;
  /** The time as well as it is known; for reads, which change nothing. */
  estimate(): Instant;
  /** Measures the offset again, at once: for the moment when an account seems to lie in the future. */
  measure(): Promise<void>;
}

/** Makes ids and salts; the only source of randomness. */
export interface IdSource {
  commitId(): CommitId;
  grantId(): GrantId;
  /** 16 random bytes in base64url. */
  salt(): string;
}

/** Gives the rules that hold for a tenant: those of its product, with its own overrides. */
export interface RulebookSource {
  /** The newest rules known here; at most seconds old. */
  loadRulebook(productCode: ProductCode, tenantId: TenantId): Promise<Rulebook>;
  /** Reads the rules from the database now; for the proof before a refusal that rests on them. */
  refreshRulebook(productCode: ProductCode, tenantId: TenantId): Promise<Rulebook>;
}

/** Counts and reports what happens inside the ledger. */
export interface LedgerObserver {
  committed(entries: number, tenantId: TenantId, seq: number): void;
  raceLost(tenantId: TenantId): void;
  outcomeUnknown(tenantId: TenantId, error: Error): void;
  replayed(): void;
  /** An account's newest commit lies in the future: an operator must look. */
  headFromFuture(tenantId: TenantId, aheadMs: number): void;
  /** Stored commits contradict each other: an operator must look. */
  corrupt(tenantId: TenantId, error: Error): void;
  queued(commands: number): void;
  /** Background work failed; the next round tries again. */
  backgroundFailed(what: string, error: unknown): void;
}

/** The newest commit that is known of an account; 0 where none is. */
export interface AccountPlace {
  readonly tenantId: TenantId;
  readonly seq: number;
}

/** Hears of the commits that this kernel made. */
export interface OwnCommitListener {
  committed(tenantId: TenantId, seq: number, entryCount: number): void;
}

/** Hears of commits. */
export interface CommitListener {
  committed(tenantId: TenantId, seq: number): void;
  /** From now on every commit is told, by whichever kernel. `isContinued`: so are those since the feed was lost. */
  feedBegan(isContinued: boolean): void;
  /** Commits may go untold until the feed begins again, which it tries by itself. */
  feedLost(error: unknown): void;
  /** This database has no feed, or not for this user: it will not begin. */
  feedUnsupported(error: unknown): void;
}

/** Tells of commits as they are made. */
export interface CommitFeed {
  open(listener: CommitListener): OpenFeed;
  /** Finds the accounts that have a commit after the given one. Throws DomainError DATABASE_UNAVAILABLE. */
  findFollowed(places: readonly AccountPlace[]): Promise<readonly TenantId[]>;
}

/** A feed that is listened to. */
export interface OpenFeed {
  /** Tells nothing any more, and resolves when nothing of it is left. */
  close(): Promise<void>;
}

/** Counts and reports what happens to watches. */
export interface WatchObserver {
  /** How many watches there are. */
  watching(count: number): void;
  feedLost(error: unknown): void;
  feedUnsupported(error: unknown): void;
}

/** Waits and draws lots, so that a test can make both repeatable. */
export interface Pacing {
  /** Milliseconds of a clock that only moves forward. */
  monotonicMs(): number;
  delay(ms: number): Promise<void>;
  /** A number from 0 up to, not including, 1. */
  random(): number;
  /** Runs something soon, after the I/O that is ready now. */
  afterReadyIo(run: () => void): void;
}
