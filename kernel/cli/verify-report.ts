// Owns how a verification looks: a bar that moves in a terminal or plain lines elsewhere, findings as a table or as JSON,
// and the last line. Does not own what is found.
// Invariant: findings go to standard output and progress to standard error, so that either can be kept by itself.

import type { Writable } from 'node:stream';
import { ProgressLine } from './progress-line.ts';
import { toPrintable } from './table.ts';

const TENANT_WIDTH = 40;
const COMMIT_WIDTH = 9;

/** How far a verification is. */
export interface ReportedProgress {
  readonly commits: bigint;
  readonly totalCommits: bigint;
  readonly accounts: bigint;
}

/** One thing that does not hold. */
export interface ReportedFinding {
  /** Empty where it is about all ledgers. */
  readonly tenantId: string;
  /** 0 where it is about no single commit. */
  readonly commitSeq: bigint;
  readonly message: string;
}

/** Where a report goes. */
export interface ReportTarget {
  readonly out: Writable;
  readonly error: Writable & { readonly isTTY?: boolean };
  /** Says that standard output gets lines of JSON. */
  readonly isJson: boolean;
}

/** Shows a verification. */
export class VerifyReport {
  readonly #target: ReportTarget;
  readonly #line: ProgressLine;
  #progress: ReportedProgress = { commits: 0n, totalCommits: 0n, accounts: 0n };
  #findings = 0;
  #hasHeader = false;

  constructor(target: ReportTarget) {
    this.#target = target;
    this.#line = new ProgressLine(target.error);
  }

  /** How many things were found. */
  get findings(): number {
    return this.#findings;
  }

  progress(progress: ReportedProgress): void {
    this.#progress = progress;
    this.#showProgress();
  }

  finding(finding: ReportedFinding): void {
    this.#findings += 1;
    const { out, isJson } = this.#target;
    this.#line.clear();
    if (isJson) {
      const { tenantId, commitSeq, message } = finding;
      const fields = { tenant_id: tenantId, commit_seq: String(commitSeq), message };
      out.write(`${JSON.stringify({ finding: fields })}\n`);
    } else {
      if (!this.#hasHeader) out.write(`${toRow('TENANT', 'COMMIT', 'FINDING')}\n`);
      this.#hasHeader = true;
      const seq = finding.commitSeq === 0n ? '-' : String(finding.commitSeq);
      out.write(`${toRow(toPrintable(finding.tenantId) || '(all)', seq, toPrintable(finding.message))}\n`);
    }
    if (this.#target.error.isTTY === true) this.#showProgress();
  }

  /** Says what it came to. */
  finish(): void {
    const { out, isJson } = this.#target;
    const { commits, accounts } = this.#progress;
    this.#line.clear();
    if (isJson) {
      const fields = {
        verified_commits: String(commits),
        verified_accounts: String(accounts),
        findings: this.#findings,
      };
      out.write(`${JSON.stringify({ summary: fields })}\n`);
      return;
    }
    const found = this.#findings === 0 ? 'nothing is wrong' : `${count(this.#findings, 'finding')}, see above`;
    out.write(`Verified ${count(commits, 'commit')} of ${count(accounts, 'account')}: ${found}.\n`);
  }

  /** Takes the bar away, for an error that follows. */
  abandon(): void {
    this.#line.clear();
  }

  #showProgress(): void {
    const { commits, totalCommits, accounts } = this.#progress;
    // An estimate can be too low, and an end that is not yet told must not look like one.
    const share = totalCommits === 0n ? 0 : Math.min(1, Number(commits) / Number(totalCommits));
    const figures = `${commits}/${totalCommits} commits, ${count(accounts, 'account')}, ${count(this.#findings, 'finding')}`;
    const plain = `Verified ${commits} of about ${totalCommits} commits, ${accounts} accounts to their end.`;
    this.#line.show(share, figures, plain);
  }
}

function toRow(tenant: string, commit: string, finding: string): string {
  return `${tenant.padEnd(TENANT_WIDTH)}  ${commit.padStart(COMMIT_WIDTH)}  ${finding}`;
}

function count(number: number | bigint, noun: string): string {
  return `${number} ${noun}${Number(number) === 1 ? '' : 's'}`;
}
