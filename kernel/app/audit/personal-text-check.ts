// Owns whether personal text is what its digest says, and whether what is gone was removed by a redaction and nothing else.
// Invariants: what it remembers is bounded; text that a redaction is removing at this moment is no finding.

import type { Entry } from '../../domain/entry.ts';
import { formatEntryId, parseEntryId } from '../../domain/entry-id.ts';
import type { EntryId } from '../../domain/id.ts';
import { isPersonalTextGenuine } from '../ledger/request-identity.ts';
import type { SealedCommit } from '../ports.ts';
import type { FindingList } from './finding-list.ts';

/** How many removed texts may wait for their redaction at once. */
const REMOVED_MAX = 100_000;
/** How many redactions may wait until their entries are looked at again. */
export const REDACTIONS_WAITING_MAX = 1_000;

/** A redaction of an entry whose text was still there when the entry was read, or which never had any. */
export interface UnprovenRedaction {
  readonly entryId: EntryId;
  /** The commit of the redaction. */
  readonly seq: number;
}

/** Checks the personal text of one account, commit by commit. */
export class PersonalTextCheck {
  readonly #findings: FindingList;
  /** Entries whose text is gone, with their commit, until a later redaction says so. */
  readonly #removed = new Map<EntryId, number>();
  #unproven: UnprovenRedaction[] = [];
  #isOverflown = false;

  constructor(findings: FindingList) {
    this.#findings = findings;
  }

  /** How many redactions wait for {@link takeUnproven}. */
  get unprovenCount(): number {
    return this.#unproven.length;
  }

  follow(commit: SealedCommit): void {
    for (const [index, entry] of commit.entries.entries()) {
      if (entry.personal !== undefined) this.#checkText(commit, entry, index);
      // What was read before is gone for good; where the text was there, somebody may be removing it now: looked at later.
      if (entry.type === 'redacted' && !this.#removed.delete(entry.entryId)) {
        this.#unproven.push({ entryId: entry.entryId, seq: commit.seq });
      }
    }
  }

  /** Answers the redactions whose entries must be looked at again. */
  takeUnproven(): readonly UnprovenRedaction[] {
    const taken = this.#unproven;
    this.#unproven = [];
    return taken;
  }

  /** Looks at the entry of a redaction once more; answers what is wrong with it, which may right itself for a moment. */
  findRedactionProblem({ entryId }: UnprovenRedaction, commit: SealedCommit | undefined): string | undefined {
    const place = parseEntryId(entryId);
    const entry = place === undefined ? undefined : commit?.entries[place.index];
    if (place === undefined || commit === undefined || entry === undefined) {
      return `it redacts ${entryId}, but there is no such entry`;
    }
    if (formatEntryId(place, commit.createdAt) !== entryId)
      return `it redacts ${entryId}, but the entry there is another`;
    if (!hasText(entry)) return undefined;
    return `it redacts ${entryId}, but the personal text is still there: send RedactEntry again with its request id`;
  }

  /** Tells what stayed open when the account was read to its end. */
  finish(): void {
    for (const [entryId, seq] of this.#removed) {
      this.#findings.add(
        seq,
        `the personal text of ${entryId} is gone, but no redaction says so: restore it from a backup`,
      );
    }
  }

  #checkText(commit: SealedCommit, entry: Entry, index: number): void {
    const { personal } = entry;
    if (personal === undefined) return;
    if (hasText(entry)) {
      if (isPersonalTextGenuine(personal)) return;
      const problem = `entry ${index} (${entry.type}) has personal text that does not match its digest: the text was changed`;
      this.#findings.add(commit.seq, `${problem}; compare it with a backup or an export`);
    } else if (this.#removed.size < REMOVED_MAX) {
      this.#removed.set(formatEntryId({ seq: commit.seq, index }, commit.createdAt), commit.seq);
    } else if (!this.#isOverflown) {
      this.#isOverflown = true;
      const problem = `more than ${REMOVED_MAX} personal texts are gone before a redaction names them`;
      this.#findings.add(commit.seq, `${problem}: those from here on can't be told from texts that somebody deleted`);
    }
  }
}

function hasText({ personal }: Entry): boolean {
  if (personal === undefined) return false;
  return personal.salt !== undefined || personal.reason !== undefined || personal.dimensions !== undefined;
}
