// Owns the operators' command `verify`: all ledgers or one, by themselves or against files that were exported before. Does
// not own what is verified (the kernel) or how it looks (verify-report.ts).

import { LedgerAuditServiceService, type LedgerHead } from '../../gen/wheelhouse/ledger/v1/ledger_audit_service.ts';
import { compareAccount } from './account-comparison.ts';
import { type CommitLine, detectExportKind, readCommitLines, readHeadLines, toCommitLine } from './export-file.ts';
import { KernelCallError, KernelConnection } from './kernel-connection.ts';
import { loadKernelTarget } from './kernel-target.ts';
import { type ReportTarget, VerifyReport } from './verify-report.ts';

/** How many heads a kernel takes at once. */
const HEADS_PER_CALL = 1_000;

/** What the command was given. */
export interface VerifyOptions {
  readonly tenant?: string;
  readonly against?: string;
  readonly json?: boolean;
}

/**
 * Verifies; answers how many things were found.
 * Throws Error with a sentence for people where it could not be verified.
 */
export async function runVerify(options: VerifyOptions, target: Omit<ReportTarget, 'isJson'>): Promise<number> {
  const report = new VerifyReport({ ...target, isJson: options.json === true });
  // A wrong file is told before anybody is called.
  const kind = options.against === undefined ? undefined : await detectExportKind(options.against);
  const kernel = new KernelConnection(loadKernelTarget((line) => target.error.write(`${line}\n`)));
  const run = new VerifyRun(kernel, report);
  try {
    if (options.against === undefined) await run.verify(options.tenant ?? '', []);
    else if (kind === 'heads') await run.verifyAgainstHeads(options.against, options.tenant);
    else await run.verifyAgainstAccount(options.against, options.tenant);
    report.finish();
    return report.findings;
  } catch (error) {
    report.abandon();
    throw error;
  } finally {
    kernel.close();
  }
}

class VerifyRun {
  readonly #kernel: KernelConnection;
  readonly #report: VerifyReport;
  #commits = 0n;
  #accounts = 0n;
  #hasToldGeneral = false;

  constructor(kernel: KernelConnection, report: VerifyReport) {
    this.#kernel = kernel;
    this.#report = report;
  }

  /** Verifies one tenant, the accounts of the heads, or all. */
  async verify(tenantId: string, against: LedgerHead[]): Promise<void> {
    let isDone = false;
    const before = { commits: this.#commits, accounts: this.#accounts };
    for await (const message of this.#kernel.stream(LedgerAuditServiceService.verifyLedger, { tenantId, against })) {
      this.#commits = before.commits + message.verifiedCommits;
      this.#accounts = before.accounts + message.verifiedAccounts;
      const totalCommits = before.commits + message.totalCommits;
      this.#report.progress({ commits: this.#commits, accounts: this.#accounts, totalCommits });
      const { finding } = message;
      if (finding !== undefined && !(finding.tenantId === '' && this.#hasToldGeneral)) this.#report.finding(finding);
      // Told by every call, since it is about all ledgers.
      this.#hasToldGeneral ||= finding?.tenantId === '';
      isDone = message.done;
    }
    if (!isDone) throw new Error('The kernel ended the verification before it was done: verify again.');
  }

  async verifyAgainstHeads(path: string, tenant: string | undefined): Promise<void> {
    let group: LedgerHead[] = [];
    let isEmpty = true;
    for await (const head of readHeadLines(path)) {
      if (tenant !== undefined && head.tenantId !== tenant) continue;
      isEmpty = false;
      group.push(head);
      if (group.length < HEADS_PER_CALL) continue;
      await this.verify('', group);
      group = [];
    }
    if (isEmpty)
      throw new Error(`${path} has no head of ${tenant}: give the file of another day, or leave out --against.`);
    if (group.length > 0) await this.verify('', group);
  }

  async verifyAgainstAccount(path: string, tenant: string | undefined): Promise<void> {
    const exported = readCommitLines(path);
    const first = await exported.next();
    if (first.done === true) throw new Error(`${path} has no commits.`);
    const { tenantId } = first.value;
    if (tenant !== undefined && tenant !== tenantId) {
      throw new Error(
        `${path} is the export of ${tenantId}, not of ${tenant}: name that tenant, or leave out --tenant.`,
      );
    }
    for await (const finding of compareAccount(prepend(first.value, exported), this.#loadAccount(tenantId))) {
      this.#report.finding({ tenantId, commitSeq: BigInt(finding.seq), message: finding.message });
    }
    // Of an account that is gone every commit was told as missing, and there is nothing left to verify.
    await this.verify(tenantId, []).catch(ignoreNotFound);
  }

  /** Reads the account as it is now; one that is gone has no commits. */
  async *#loadAccount(tenantId: string): AsyncGenerator<CommitLine> {
    try {
      for await (const { line } of this.#kernel.stream(LedgerAuditServiceService.exportAccount, { tenantId })) {
        const read = toCommitLine(JSON.parse(line));
        if (read === undefined) throw new Error(`The kernel exported a line of ${tenantId} that is no commit.`);
        yield read;
      }
    } catch (error) {
      ignoreNotFound(error);
    }
  }
}

function ignoreNotFound(error: unknown): void {
  if (!(error instanceof KernelCallError && error.isNotFound)) throw error;
}

async function* prepend<T>(first: T, rest: AsyncIterable<T>): AsyncGenerator<T> {
  yield first;
  yield* rest;
}
