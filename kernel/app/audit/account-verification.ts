// Owns whether the stored commits of one account are what they claim to be: hash chain, places, times, form, replay,
// personal text. Does not own reading them (account-scan.ts).
// Invariants: it believes nothing that it has not computed; after a finding it goes on; what it holds is bounded.

import { DomainError } from '../../domain/error.ts';
import type { Instant } from '../../domain/id.ts';
import { GENESIS_HASH } from '../ledger/account-head.ts';
import type { CommitHash, SealedCommit } from '../ports.ts';
import { CommitReplay } from './commit-replay.ts';
import { findEntryProblems } from './entry-check.ts';
import { FindingList } from './finding-list.ts';
import { PersonalTextCheck } from './personal-text-check.ts';
import type { StoredCommit } from './ports.ts';

/** UUIDv7 as MongoDB keeps a commit id. */
const COMMIT_ID = /^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/;

/** Hashes in hexadecimal that were exported before, by seq. */
export type ExportedHashes = ReadonlyMap<number, ReadonlySet<string>>;

/** Verifies one account, commit by commit. */
export class AccountVerification {
  readonly findings = new FindingList();
  readonly personal = new PersonalTextCheck(this.findings);
  readonly #replay = new CommitReplay();
  readonly #exported: ExportedHashes;
  readonly #productCode: string | undefined;
  /** What the next commit can be sealed to: the stored hash, else the computed one. Empty after a gap. */
  #links: readonly CommitHash[] = [GENESIS_HASH];
  #createdAt: Instant | undefined;

  /** `productCode` is the one in `tenants`; undefined where that has no such account, or the row none yet. */
  constructor(exported: ExportedHashes, productCode?: string) {
    this.#exported = exported;
    this.#productCode = productCode;
  }

  /** Takes the next commit. */
  follow(stored: StoredCommit, seq: number): void {
    this.#checkHash(stored, seq);
    this.#checkExported(stored, seq);
    const commit = this.#decode(stored, seq);
    if (commit === undefined) {
      this.#replay.interrupt();
      return;
    }
    try {
      this.#checkContent(stored, commit);
    } catch (error) {
      this.#replay.interrupt();
      this.findings.add(seq, `it can't be checked, so somebody has changed its form: ${messageOf(error)}`);
    }
  }

  /** Notes that commits are missing: the next one has no predecessor to be held against. */
  skip(fromSeq: number, toSeq: number): void {
    this.findings.add(fromSeq, `${describeRange(fromSeq, toSeq)}: restore what was deleted from a backup`);
    this.#links = [];
    this.#replay.interrupt();
    for (const seq of this.#exported.keys()) {
      if (seq >= fromSeq && seq <= toSeq)
        this.findings.add(seq, 'the exported head names this commit, which is missing');
    }
  }

  /** Notes that the account ends, and what speaks of later commits. */
  finish(lastSeq: number, hintSeq: number): void {
    if (hintSeq > lastSeq) {
      const place = lastSeq === 0 ? 'the account has none' : `the account ends at commit ${lastSeq}`;
      const message = `${describeRange(lastSeq + 1, hintSeq)} at the end: ledger_heads knows of commit ${hintSeq}, but ${place}`;
      this.findings.add(lastSeq + 1, `${message}; restore what was deleted from a backup`);
    }
    for (const seq of this.#exported.keys()) {
      if (seq <= lastSeq) continue;
      const message = `${describeRange(lastSeq + 1, seq)} at the end: the exported head is commit ${seq}`;
      this.findings.add(lastSeq + 1, `${message}; restore what was deleted from a backup`);
    }
    this.personal.finish();
  }

  #checkContent(stored: StoredCommit, commit: SealedCommit): void {
    const problems = [
      stored.findFormProblem(commit),
      this.#findTimeProblem(commit),
      ...findEntryProblems(commit),
      this.#findProductProblem(commit),
      ...this.#replay.follow(commit),
    ];
    for (const problem of problems) if (problem !== undefined) this.findings.add(commit.seq, problem);
    this.personal.follow(commit);
  }

  #checkHash(stored: StoredCommit, seq: number): void {
    const { hash } = stored;
    if (hash === undefined) this.findings.add(seq, 'it has no hash of 32 bytes: the hash was changed or removed');
    const computed: CommitHash[] = [];
    try {
      for (const link of this.#links) {
        const expected = stored.computeHash(link);
        computed.push(expected);
        if (hash !== undefined && isSameHash(hash, expected)) {
          this.#links = [hash];
          return;
        }
      }
    } catch (error) {
      this.findings.add(seq, `it can't be hashed, so it is none of ours: ${messageOf(error)}`);
      this.#links = hash === undefined ? [] : [hash];
      return;
    }
    if (hash !== undefined && this.#links.length > 0) {
      const before = seq === 1 ? '' : `, or commit ${seq - 1} was replaced`;
      const problem = `its content does not give its stored hash: the commit was changed after it was written${before}`;
      this.findings.add(seq, `${problem}; compare it with a backup or an account export`);
    }
    this.#links = [hash, computed[0]].filter((link) => link !== undefined);
  }

  #checkExported({ hash }: StoredCommit, seq: number): void {
    const exported = this.#exported.get(seq);
    if (exported === undefined) return;
    const found = hash === undefined ? 'absent' : toHex(hash);
    for (const wanted of exported) {
      if (wanted === found) continue;
      const problem = `its hash is ${found}, the exported head says ${wanted}: this commit or an earlier one was changed since`;
      this.findings.add(seq, `${problem}, and the hashes made anew; compare with an account export to find out which`);
    }
  }

  #decode(stored: StoredCommit, seq: number): SealedCommit | undefined {
    try {
      return stored.decode();
    } catch (error) {
      const isNewer = error instanceof DomainError && error.reason === 'STATE_VERSION_UNSUPPORTED';
      const problem = isNewer
        ? `it has state version ${error.metadata['state_version']}, which this release does not know: verify with a newer release`
        : `it can't be read, so somebody has changed its form: ${messageOf(error)}`;
      this.findings.add(seq, `${problem}; from here to the next stored state nothing can be replayed`);
      return undefined;
    }
  }

  #findProductProblem({ entries }: SealedCommit): string | undefined {
    const opened = entries.find((entry) => entry.type === 'account_opened');
    const product = this.#productCode;
    if (opened === undefined || product === undefined || opened.productCode === product) return undefined;
    const problem = `it opens the account for the product ${JSON.stringify(opened.productCode)}, but tenants has it under`;
    return `${problem} ${JSON.stringify(product)}: a tenant's product never changes; restore the row from a backup`;
  }

  #findTimeProblem({ commitId, createdAt, seq }: SealedCommit): string | undefined {
    const before = this.#createdAt;
    this.#createdAt = createdAt;
    if (!Number.isFinite(createdAt)) return 'its created_at is no time';
    if (!COMMIT_ID.test(commitId)) return `its commit id ${commitId} is no UUIDv7`;
    if (before === undefined || !(createdAt < before)) return undefined;
    return `it is dated ${toTime(createdAt)}, before commit ${seq - 1} (${toTime(before)})`;
  }
}

function describeRange(fromSeq: number, toSeq: number): string {
  return fromSeq === toSeq ? `commit ${fromSeq} is missing` : `commits ${fromSeq} to ${toSeq} are missing`;
}

function isSameHash(a: CommitHash, b: CommitHash): boolean {
  return Buffer.compare(a, b) === 0;
}

function toHex(hash: CommitHash): string {
  return Buffer.from(hash).toString('hex');
}

function toTime(at: Instant): string {
  return new Date(at).toISOString();
}

function messageOf(error: unknown): string {
  const cause = error instanceof Error && error.cause instanceof Error ? ` (${error.cause.message})` : '';
  return error instanceof Error ? `${error.message}${cause}` : String(error);
}
