// Owns the audit of ledgers as the outside calls it: verification of one, some or all accounts, exports of accounts and of
// heads. Does not own what must hold of an account (account-verification.ts) or how commits are read (ports.ts).
// Invariants: nothing is written; one damaged account never stops the others; callers that go away stop the work; a
// kernel that verifies goes on answering others.

import { DomainError, messageOf } from '../../domain/error.ts';
import type { TenantId } from '../../domain/id.ts';
import type { CommitHash, Pacing } from '../ports.ts';
import { tenantNotFound } from '../tenant/tenant-directory.ts';
import { scanAccount } from './account-scan.ts';
import type { ExportedHashes } from './account-verification.ts';
import { readPatiently } from './patience.ts';
import type { AccountRef, AuditStore, CommitLink } from './ports.ts';

/** How often progress is told at most, in milliseconds. */
const PROGRESS_INTERVAL_MS = 200;
/** How long to compute before others get a turn, in milliseconds. */
const SLICE_MS = 10;
const ACCOUNTS_PER_READ = 256;
const EXPORT_PAGE_COMMITS = 512;
/** How far behind a hint the newest commit is looked for before it is searched by halving. */
const LINKS_PER_READ = 64;
/** How many tenant ids that only commits bear are verified in one run. */
const STRAY_TENANTS_MAX = 1_000;
const NO_HASHES: ExportedHashes = new Map();

/** The newest commit of an account at some time, as an export has it. */
export interface ExportedHead {
  readonly tenantId: TenantId;
  readonly seq: number;
  /** In hexadecimal, lower case. */
  readonly hash: string;
}

/** The newest commit of an account. */
export interface AccountHeadLink {
  readonly tenantId: TenantId;
  readonly seq: number;
  /** Undefined where the newest commit has none. */
  readonly hash: CommitHash | undefined;
}

/** What to verify: one tenant, else the accounts of the exported heads, else all. */
export interface VerifyQuery {
  readonly tenantId?: TenantId;
  readonly against: readonly ExportedHead[];
}

/** How far a verification is. */
export interface VerifyProgress {
  readonly verifiedCommits: number;
  readonly totalCommits: number;
  readonly verifiedAccounts: number;
}

/** One thing that does not hold. */
export interface LedgerFinding {
  /** Empty where the finding is about all ledgers. */
  readonly tenantId: TenantId | '';
  readonly seq: number;
  readonly message: string;
}

/** Takes what a verification tells, as fast as the listener can. */
export type VerifyReport = (progress: VerifyProgress, finding?: LedgerFinding) => Promise<void>;

/** Finds the newest commit of an account by bounded reads. */
export interface NewestSeqFinder {
  /** Answers 0 where there is none; `knownSeq` exists. */
  findNewestSeq(tenantId: TenantId, knownSeq?: number): Promise<number>;
}

/** What the audit works with. */
export interface AuditTools {
  readonly store: AuditStore;
  readonly heads: NewestSeqFinder;
  readonly pacing: Pacing;
}

/** Verifies and exports ledgers. Every method throws DomainError DATABASE_UNAVAILABLE, and the reason of its signal. */
export class LedgerAudit {
  readonly #tools: AuditTools;

  constructor(tools: AuditTools) {
    this.#tools = tools;
  }

  /**
   * Verifies; the last call of `report` has the final figures.
   * Throws DomainError TENANT_NOT_FOUND where nothing in the database speaks of the one tenant.
   */
  async verify(query: VerifyQuery, report: VerifyReport, signal: AbortSignal): Promise<VerifyProgress> {
    return await new Verification(this.#tools, report, signal).run(query);
  }

  /**
   * Hands over the lines of an account's history, up to its newest commit at the moment of the call.
   * Throws DomainError TENANT_NOT_FOUND where nothing in the database speaks of the tenant, LEDGER_CORRUPT where a commit
   * can't be written down.
   */
  async exportAccount(tenantId: TenantId, take: (line: string) => Promise<void>, signal: AbortSignal): Promise<void> {
    const { store, pacing } = this.#tools;
    const newest = await readPatiently(pacing, signal, () => this.#findEnd(tenantId));
    if (newest === 0 && (await store.loadAccount(tenantId)) === undefined) throw tenantNotFound(tenantId);
    for (let next = 1; next <= newest; ) {
      const toSeq = Math.min(newest, next + EXPORT_PAGE_COMMITS - 1);
      const fromSeq = next;
      const { commits, isWhole } = await readPatiently(pacing, signal, () => store.loadPage(tenantId, fromSeq, toSeq));
      for (const commit of commits) await take(lineOf(tenantId, commit));
      const last = commits.at(-1)?.seq;
      next = isWhole || last === undefined ? toSeq + 1 : last + 1;
    }
  }

  /** Hands over the newest commit of every account that has one. */
  async exportHeads(take: (head: AccountHeadLink) => Promise<void>, signal: AbortSignal): Promise<void> {
    for await (const account of listAccounts(this.#tools, signal)) {
      const link = await readPatiently(this.#tools.pacing, signal, () => this.#findNewest(account));
      if (link !== undefined) await take({ tenantId: account.tenantId, ...link });
    }
  }

  /** Finds the newest commit, also where commits before it are missing. */
  async #findEnd(tenantId: TenantId): Promise<number> {
    const { store, heads } = this.#tools;
    for (let end = await heads.findNewestSeq(tenantId); ; ) {
      const next = (await store.findNext(tenantId, end + 1))?.seq;
      // One right behind has landed meanwhile, and is not part of what was asked for.
      if (next === undefined || next === end + 1) return end;
      end = await heads.findNewestSeq(tenantId, next);
    }
  }

  async #findNewest({ tenantId, hintSeq }: AccountRef): Promise<CommitLink | undefined> {
    const { store, heads } = this.#tools;
    const near = await store.loadLinks(tenantId, Math.max(1, hintSeq), Math.max(1, hintSeq) + LINKS_PER_READ - 1);
    if (near.length > 0 && near.length < LINKS_PER_READ) return near.at(-1);
    const seq = await heads.findNewestSeq(tenantId);
    return seq === 0 ? undefined : (await store.loadLinks(tenantId, seq, seq))[0];
  }
}

/** One run over one, some or all accounts. */
class Verification {
  readonly #tools: AuditTools;
  readonly #report: VerifyReport;
  readonly #signal: AbortSignal;
  #verifiedCommits = 0;
  #totalCommits = 0;
  #verifiedAccounts = 0;
  #toldAtMs: number;
  #sliceAtMs: number;

  constructor(tools: AuditTools, report: VerifyReport, signal: AbortSignal) {
    this.#tools = tools;
    this.#report = report;
    this.#signal = signal;
    this.#toldAtMs = tools.pacing.monotonicMs();
    this.#sliceAtMs = this.#toldAtMs;
  }

  get #progress(): VerifyProgress {
    return {
      verifiedCommits: this.#verifiedCommits,
      totalCommits: Math.max(this.#totalCommits, this.#verifiedCommits),
      verifiedAccounts: this.#verifiedAccounts,
    };
  }

  async run({ tenantId, against }: VerifyQuery): Promise<VerifyProgress> {
    const exported = groupHeads(against);
    const problem = await this.#read(() => this.#tools.store.findIndexProblem());
    if (problem !== undefined) await this.#tell({ tenantId: '', seq: 0, message: problem });
    for await (const account of this.#listTargets(tenantId, exported)) {
      await this.#verifyAccount(account, exported.get(account.tenantId) ?? NO_HASHES, problem === undefined);
    }
    return this.#progress;
  }

  async *#listTargets(
    tenantId: TenantId | undefined,
    exported: ReadonlyMap<TenantId, ExportedHashes>,
  ): AsyncGenerator<AccountRef> {
    if (tenantId === undefined && exported.size === 0) {
      this.#totalCommits = await this.#read(() => this.#tools.store.estimateCommits());
      yield* listAccounts(this.#tools, this.#signal);
      yield* this.#listStrays();
      return;
    }
    const wanted = tenantId === undefined ? [...exported.keys()] : [tenantId];
    for (const [index, one] of wanted.entries()) {
      const known = await this.#read(() => this.#tools.store.loadAccount(one));
      const newest = await this.#read(() => this.#tools.heads.findNewestSeq(one));
      if (known === undefined && newest === 0 && tenantId !== undefined) throw tenantNotFound(one);
      // Accounts are looked up one by one, so what the rest will come to is guessed from those before.
      this.#totalCommits = Math.round(((this.#verifiedCommits + newest) * wanted.length) / (index + 1));
      yield known ?? { tenantId: one, hintSeq: 0 };
    }
  }

  /** Tells of the tenant ids that stand in commits alone, and lists them. */
  async *#listStrays(): AsyncGenerator<AccountRef> {
    const { store } = this.#tools;
    const { tenantIds, others, isWhole } = await this.#read(() =>
      store.findStrayTenants(STRAY_TENANTS_MAX, this.#signal),
    );
    for (const stored of others) {
      const message = `commits have a tenant_id that is no tenant id, ${stored}: find out who wrote them, and remove them`;
      await this.#tell({ tenantId: '', seq: 0, message });
    }
    for (const tenantId of tenantIds) {
      const message =
        'it has commits, but neither tenants nor ledger_heads knows of it: somebody has added the commits, or deleted the rows';
      await this.#tell({ tenantId, seq: 0, message: `${message}; compare with a backup` });
      yield { tenantId, hintSeq: 0 };
    }
    if (isWhole) return;
    const message = `more than ${STRAY_TENANTS_MAX} tenant ids stand in commits alone: mend these first and verify again`;
    await this.#tell({ tenantId: '', seq: 0, message });
  }

  async #verifyAccount(account: AccountRef, exported: ExportedHashes, hasKeyIndex: boolean): Promise<void> {
    const { tenantId } = account;
    const { store, pacing } = this.#tools;
    try {
      await scanAccount(
        {
          store,
          pacing,
          signal: this.#signal,
          onCommit: () => this.#countCommit(),
          onFinding: ({ seq, message }) => this.#tell({ tenantId, seq, message }),
        },
        { account, exported, hasKeyIndex },
      );
    } catch (error) {
      if (this.#signal.aborted || isOutage(error)) throw error;
      const detail = messageOf(error);
      const message = `this account can't be verified to its end: ${detail}; look at the documents themselves`;
      await this.#tell({ tenantId, seq: 0, message });
    }
    this.#verifiedAccounts += 1;
    await this.#pause();
  }

  async #countCommit(): Promise<void> {
    this.#verifiedCommits += 1;
    await this.#pause();
  }

  /** Lets others run, and tells progress, each when it is time. */
  async #pause(): Promise<void> {
    const { pacing } = this.#tools;
    const nowMs = pacing.monotonicMs();
    if (nowMs - this.#sliceAtMs >= SLICE_MS) {
      await new Promise<void>((resolve) => pacing.afterReadyIo(resolve));
      this.#signal.throwIfAborted();
      this.#sliceAtMs = pacing.monotonicMs();
    }
    if (nowMs - this.#toldAtMs < PROGRESS_INTERVAL_MS) return;
    this.#toldAtMs = nowMs;
    await this.#report(this.#progress);
  }

  #tell(finding: LedgerFinding): Promise<void> {
    return this.#report(this.#progress, finding);
  }

  #read<T>(read: () => Promise<T>): Promise<T> {
    return readPatiently(this.#tools.pacing, this.#signal, read);
  }
}

async function* listAccounts({ store, pacing }: AuditTools, signal: AbortSignal): AsyncGenerator<AccountRef> {
  for (let after = ''; ; ) {
    const from = after;
    const accounts = await readPatiently(pacing, signal, () => store.loadAccounts(from, ACCOUNTS_PER_READ));
    yield* accounts;
    const last = accounts.at(-1);
    if (last === undefined || accounts.length < ACCOUNTS_PER_READ) return;
    after = last.tenantId;
  }
}

function groupHeads(heads: readonly ExportedHead[]): ReadonlyMap<TenantId, ExportedHashes> {
  const grouped = new Map<TenantId, Map<number, Set<string>>>();
  for (const { tenantId, seq, hash } of heads) {
    const bySeq = grouped.get(tenantId) ?? new Map<number, Set<string>>();
    const hashes = bySeq.get(seq) ?? new Set<string>();
    grouped.set(tenantId, bySeq.set(seq, hashes.add(hash)));
  }
  return grouped;
}

function lineOf(tenantId: TenantId, commit: { readonly seqText: string; toLine(): string }): string {
  try {
    return commit.toLine();
  } catch (cause) {
    const message = `commit ${commit.seqText} of ${tenantId} can't be written down, so it is none of ours: verify the account`;
    throw new DomainError('LEDGER_CORRUPT', message, { cause, metadata: { commit_seq: commit.seqText } });
  }
}

function isOutage(error: unknown): boolean {
  return error instanceof DomainError && error.reason === 'DATABASE_UNAVAILABLE';
}
