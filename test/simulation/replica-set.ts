// A replica set in memory, as far as the ledger relies on one: a primary with a log, a majority that follows it, failovers
// that take back what the majority does not have, unique indexes over what the primary has. It keeps the indexes, read
// concern and write concern that the kernel asks MongoDB for, so that a kernel that asks for less gets less.
// Invariants: what a majority has stays; a majority read shows nothing else; an insert with write concern majority is
// acknowledged only when a majority has it.

import type { Contention, DueNote, HeadHint, PreparedCommit, SealedCommit } from '../../kernel/app/ports.ts';
import { DomainError } from '../../kernel/domain/error.ts';
import { LEDGER_COLLECTION_OPTIONS } from '../../kernel/store/ledger/collection-option.ts';
import { type CommitDocument, fromDocumentCommit } from '../../kernel/store/ledger/commit-document.ts';
import { describeCompactKey } from '../../kernel/store/ledger/compact-key.ts';
import { COMMIT_INDEXES } from '../../kernel/store/ledger/ledger-index.ts';
import type { Random } from './random.ts';
import type { Trace } from './trace.ts';
import type { VirtualTime } from './virtual-time.ts';

/** A commit as the replica set has it. */
export interface StoredCommit {
  readonly commit: SealedCommit;
  /** The commit as it was inserted, with all its text. */
  readonly original: SealedCommit;
  readonly document: CommitDocument;
  /** Its place in the log. */
  readonly place: number;
  readonly insertedAtMs: number;
}

/** What the replica set tells of one insert: applied at a place of the log, or refused by a unique index. */
export type Applied = { readonly kind: 'applied'; readonly place: number } | { readonly kind: 'duplicate' };

/** Something that the log holds and that a failover may take back. */
interface LogEntry {
  readonly place: number;
  readonly undo: () => void;
}

interface Waiter {
  readonly place: number;
  readonly settle: (isKept: boolean) => void;
}

interface Version<T> {
  readonly place: number;
  readonly value: T | undefined;
}

const SEES_ALL = Number.POSITIVE_INFINITY;

/** The database of a run. */
export class ReplicaSet {
  readonly #time: VirtualTime;
  readonly #random: Random;
  readonly #trace: Trace;
  readonly #log: LogEntry[] = [];
  readonly #commits = new Map<string, StoredCommit[]>();
  readonly #unique = new Set<string>();
  readonly #hints = new Map<string, Version<HeadHint>[]>();
  readonly #notes = new Map<string, Version<DueNote>[]>();
  #waiters: Waiter[] = [];
  /** The place up to which a majority has the log. */
  #majority = 0;
  #term = 1;
  #isUp = true;
  /** How long the majority takes to follow the primary. */
  lagMs = 1;
  /** How many inserts failovers have taken back. */
  rolledBack = 0;

  constructor(time: VirtualTime, random: Random, trace: Trace) {
    this.#time = time;
    this.#random = random;
    this.#trace = trace;
  }

  /** Says whether there is a primary to talk to. */
  get isUp(): boolean {
    return this.#isUp;
  }

  /** Applies an insert at the primary. */
  insert(prepared: PreparedCommit): Applied {
    // Only the simulated store prepares commits here, with the kernel's own documents.
    const document = prepared.document as CommitDocument;
    const values = uniqueValuesOf(document);
    if (values.some((value) => this.#unique.has(value))) return { kind: 'duplicate' };
    const commits = this.#commitsOf(document.tenant_id);
    const insertedAtMs = this.#time.nowMs;
    const commit = fromDocumentCommit(document);
    const stored: StoredCommit = {
      commit,
      original: commit,
      document,
      place: this.#nextPlace(),
      insertedAtMs,
    };
    for (const value of values) this.#unique.add(value);
    commits.push(stored);
    commits.sort((a, b) => a.commit.seq - b.commit.seq);
    this.#append(stored.place, () => {
      commits.splice(commits.indexOf(stored), 1);
      for (const value of values) this.#unique.delete(value);
      this.rolledBack += 1;
    });
    return { kind: 'applied', place: stored.place };
  }

  /** Resolves when a write counts as written by the kernel's write concern; rejects where a failover got in between. */
  async awaitWritten(place: number): Promise<void> {
    if (LEDGER_COLLECTION_OPTIONS.writeConcern.w !== 'majority' || place <= this.#majority) return;
    const isKept = await new Promise<boolean>((settle) => this.#waiters.push({ place, settle }));
    if (!isKept) throw unavailable('the primary stepped down');
  }

  /** The commits of a tenant that a read with the kernel's read concern shows now, by seq. */
  readCommits(tenantId: string): readonly StoredCommit[] {
    const visible = this.#visible();
    const commits = this.#commits.get(tenantId) ?? [];
    return commits.filter(({ place }) => place <= visible);
  }

  /** The commits of a tenant that a majority has, whatever the kernel reads. */
  majorityCommits(tenantId: string): readonly StoredCommit[] {
    return (this.#commits.get(tenantId) ?? []).filter(({ place }) => place <= this.#majority);
  }

  /** How many commits of a tenant a majority has. */
  countMajority(tenantId: string): number {
    let count = 0;
    for (const { place } of this.#commits.get(tenantId) ?? []) if (place <= this.#majority) count += 1;
    return count;
  }

  /** Replaces a stored document by one with less personal text. */
  replace(tenantId: string, seq: number, change: (document: CommitDocument) => CommitDocument): number | undefined {
    const commits = this.#commitsOf(tenantId);
    const index = commits.findIndex(({ commit }) => commit.seq === seq);
    const before = commits[index];
    if (before === undefined) return undefined;
    const document = change(before.document);
    const after: StoredCommit = { ...before, document, commit: fromDocumentCommit(document) };
    commits[index] = after;
    return this.#append(this.#nextPlace(), () => {
      const now = commits.indexOf(after);
      if (now !== -1) commits[now] = before;
    });
  }

  readHint(tenantId: string): HeadHint | undefined {
    return readVersion(this.#hints.get(tenantId), this.#visible());
  }

  /** Moves a hint forward and answers what it was, as the primary has it. */
  saveHint(tenantId: string, seq: number, contention: Contention | undefined): HeadHint | undefined {
    const versions = versionsOf(this.#hints, tenantId);
    const before = readVersion(versions, SEES_ALL);
    const told = contention ?? before?.contention;
    const value = { seq: Math.max(seq, before?.seq ?? 0), ...(told === undefined ? {} : { contention: told }) };
    this.#write(versions, value);
    return before;
  }

  /** Sets or removes a due note; answers its place in the log. */
  saveNote(note: DueNote, isThere: boolean): number {
    return this.#write(versionsOf(this.#notes, `${note.tenantId}/${note.dueAt}`), isThere ? note : undefined);
  }

  readNotes(): readonly DueNote[] {
    const visible = this.#visible();
    const notes = [...this.#notes.values()].flatMap((versions) => readVersion(versions, visible) ?? []);
    return notes.sort((a, b) => a.dueAt - b.dueAt);
  }

  /** The primary fails: what the majority lacks may be lost, and for a while nobody answers. */
  failOver(electionMs: number): void {
    const keptUpTo = this.#random.whole(this.#majority, this.#nextPlace() - 1);
    this.#term += 1;
    this.#isUp = false;
    const lost = this.#log.filter(({ place }) => place > keptUpTo);
    for (const { undo } of lost.reverse()) undo();
    this.#log.splice(this.#log.findLastIndex(({ place }) => place <= keptUpTo) + 1);
    this.#trace.step(`failover: ${lost.length} writes taken back, a new primary in ${electionMs.toFixed(0)} ms`);
    for (const { settle } of this.#waiters) settle(false);
    this.#waiters = [];
    this.#time.after(electionMs, () => {
      this.#isUp = true;
      this.#replicate(this.#nextPlace() - 1);
    });
  }

  #visible(): number {
    const { readConcern } = LEDGER_COLLECTION_OPTIONS;
    return readConcern.level === 'majority' ? this.#majority : SEES_ALL;
  }

  #nextPlace(): number {
    return (this.#log.at(-1)?.place ?? 0) + 1;
  }

  #append(place: number, undo: () => void): number {
    this.#log.push({ place, undo });
    this.#replicate(place);
    return place;
  }

  #write<T>(versions: Version<T>[], value: T | undefined): number {
    const version = { place: this.#nextPlace(), value };
    versions.push(version);
    return this.#append(version.place, () => versions.splice(versions.indexOf(version), 1));
  }

  #replicate(place: number): void {
    const term = this.#term;
    this.#time.after(this.#random.between(0.1, 1) * this.lagMs, () => {
      if (term !== this.#term || place <= this.#majority) return;
      this.#majority = place;
      const kept = this.#waiters.filter((waiter) => waiter.place <= place);
      this.#waiters = this.#waiters.filter((waiter) => waiter.place > place);
      for (const { settle } of kept) settle(true);
    });
  }

  #commitsOf(tenantId: string): StoredCommit[] {
    const known = this.#commits.get(tenantId) ?? [];
    this.#commits.set(tenantId, known);
    return known;
  }
}

/** What a caller is told who gets no answer from the database. */
export function unavailable(why: string): DomainError {
  return new DomainError('DATABASE_UNAVAILABLE', `injected: ${why}`);
}

function versionsOf<T>(all: Map<string, Version<T>[]>, key: string): Version<T>[] {
  const versions = all.get(key) ?? [];
  all.set(key, versions);
  return versions;
}

function readVersion<T>(versions: readonly Version<T>[] | undefined, visible: number): T | undefined {
  return versions?.findLast(({ place }) => place <= visible)?.value;
}

/** What no two documents may share, by the indexes that the kernel makes; `_id` is always unique. */
function uniqueValuesOf(document: CommitDocument): readonly string[] {
  const fields: Readonly<Record<string, unknown>> = { ...document };
  const values = [`_id ${document._id.toString('hex')}`];
  for (const { name, key } of COMMIT_INDEXES) {
    let combinations = [name];
    for (const field of Object.keys(key)) {
      const value = fields[field];
      const parts = Array.isArray(value) ? value : [value];
      combinations = combinations.flatMap((start) => parts.map((part) => `${start} ${describeCompactKey(part)}`));
    }
    values.push(...combinations);
  }
  return values;
}
