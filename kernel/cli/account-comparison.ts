// Owns holding an account against an export of it that was kept elsewhere, commit by commit. Does not own whether removed
// personal text was removed rightly: the verification of the account, which follows, asks for the redaction.
// Invariant: both sides are read in step, so that neither is ever in memory as a whole.

import { type AccountFinding, FindingList } from '../app/audit/finding-list.ts';
import { describeDifference, findDifference } from '../domain/difference.ts';
import type { CommitLine } from './export-file.ts';

/** Compares; yields what differs. `stored` is the account as it is now, and is not read behind the end of `exported`. */
export async function* compareAccount(
  exported: AsyncIterable<CommitLine>,
  stored: AsyncGenerator<CommitLine>,
): AsyncGenerator<AccountFinding> {
  const comparison = new Comparison();
  try {
    let next = await stored.next();
    for await (const line of exported) {
      while (next.done !== true && next.value.seq < line.seq) next = await stored.next();
      comparison.take(line, next.done !== true && next.value.seq === line.seq ? next.value : undefined);
      yield* comparison.findings.take();
    }
    comparison.finish();
    yield* comparison.findings.take();
    const omitted = comparison.findings.summarise();
    if (omitted !== undefined) yield omitted;
  } finally {
    await stored.return(undefined);
  }
}

class Comparison {
  readonly findings = new FindingList();
  #missing: { readonly fromSeq: number; readonly toSeq: number } | undefined;
  /** From the first change on, every hash differs, whoever made them anew. */
  #isChanged = false;

  take(exported: CommitLine, stored: CommitLine | undefined): void {
    if (stored === undefined) {
      this.#missing = { fromSeq: this.#missing?.fromSeq ?? exported.seq, toSeq: exported.seq };
      return;
    }
    this.finish();
    const change = findDifference(stored.commit, exported.commit);
    if (change !== undefined) {
      this.findings.add(exported.seq, `it was changed since it was exported: ${describeDifference(change)}`);
    } else if (stored.hash !== exported.hash && !this.#isChanged) {
      this.findings.add(exported.seq, `its hash is ${stored.hash} and was ${exported.hash} when it was exported`);
    }
    this.#isChanged ||= change !== undefined || stored.hash !== exported.hash;
    this.#comparePersonal(exported, stored);
  }

  /** Tells commits that are missing, once it is known how many. */
  finish(): void {
    if (this.#missing === undefined) return;
    const { fromSeq, toSeq } = this.#missing;
    const which = fromSeq === toSeq ? `commit ${fromSeq} is missing` : `commits ${fromSeq} to ${toSeq} are missing`;
    this.findings.add(fromSeq, `${which}, which the export has: restore what was deleted from a backup`);
    this.#missing = undefined;
  }

  #comparePersonal(exported: CommitLine, stored: CommitLine): void {
    for (const index of new Set([...exported.personal.keys(), ...stored.personal.keys()])) {
      const [now, then] = [stored.personal.get(index), exported.personal.get(index)];
      if (now === undefined) continue;
      const change = findDifference(now, then);
      if (then === undefined) {
        this.findings.add(exported.seq, `entry ${index} has personal text again that was gone when it was exported`);
      } else if (change !== undefined) {
        const what = `the personal text of entry ${index} was changed since it was exported (${change.path})`;
        this.findings.add(exported.seq, what);
      }
    }
  }
}
