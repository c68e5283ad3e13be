// Owns reading one account from its first commit to its end for verification, while kernels go on writing to it.
// Invariants: every read is a bounded range; what is missing is looked for again before it is called missing, since a
// commit may land while a range is read; the end is where nothing further exists, and not where a range was empty.

import { parseEntryId } from '../../domain/entry-id.ts';
import type { Pacing, SealedCommit } from '../ports.ts';
import { AccountVerification, type ExportedHashes } from './account-verification.ts';
import type { AccountFinding } from './finding-list.ts';
import { readPatiently } from './patience.ts';
import { REDACTIONS_WAITING_MAX, type UnprovenRedaction } from './personal-text-check.ts';
import type { AccountRef, AuditStore, CommitPage, PlacedCommit } from './ports.ts';

/** How many commits one read asks for at most; it ends earlier where they are large. */
const PAGE_COMMITS = 512;
/** How often, and how long, to wait for a commit that is missing before a later one. */
const GAP_LOOKS_MAX = 5;
const GAP_DELAY_MS = 50;
/** How often, and how long, to wait for text that a redaction may be removing at this moment. */
const REDACTION_LOOKS_MAX = 10;
const REDACTION_DELAY_MS = 200;
/** How often to read on after the end was reached: an account that never rests must not hold up the others. */
const CHASES_MAX = 100;
const MISPLACED_TOLD_MAX = 10;
const SHARED_KEYS_TOLD_MAX = 10;

/** What a scan works with. */
export interface ScanTools {
  readonly store: AuditStore;
  readonly pacing: Pacing;
  /** Aborts the scan. */
  readonly signal: AbortSignal;
  /** Told after each commit, so that it can show progress and let others run. */
  readonly onCommit: () => Promise<void>;
  readonly onFinding: (finding: AccountFinding) => Promise<void>;
}

/** Says what to verify. */
export interface ScanTarget {
  readonly account: AccountRef;
  readonly exported: ExportedHashes;
  /** Says that the unique index of the keys is proven, so that no two commits can share one. */
  readonly hasKeyIndex: boolean;
}

/** Verifies one account; answers how many commits it has. Throws what the store and the callbacks throw. */
export async function scanAccount(tools: ScanTools, target: ScanTarget): Promise<number> {
  return await new AccountScan(tools, target).run();
}

class AccountScan {
  readonly #tools: ScanTools;
  readonly #target: ScanTarget;
  readonly #verification: AccountVerification;
  /** The seq that comes next. */
  #next = 1;
  #count = 0;
  /** Commits at no place that were told. */
  readonly #misplaced = new Set<string>();

  constructor(tools: ScanTools, target: ScanTarget) {
    this.#tools = tools;
    this.#target = target;
    this.#verification = new AccountVerification(target.exported, target.account.productCode);
  }

  async run(): Promise<number> {
    for (let chases = 0; ; ) {
      const fromSeq = this.#next;
      const page = await this.#read(() => this.#loadPage(fromSeq));
      await this.#takePage(page);
      if (!page.isWhole || this.#next >= fromSeq + PAGE_COMMITS) continue;
      const isKnownEnd = this.#next > this.#target.account.hintSeq && chases >= CHASES_MAX;
      if (isKnownEnd || !(await this.#findsMore())) break;
      chases += 1;
    }
    await this.#checkMisplaced();
    await this.#checkRedactions();
    this.#verification.finish(this.#next - 1, this.#target.account.hintSeq);
    if (!this.#target.hasKeyIndex) await this.#checkSharedKeys();
    await this.#tell();
    const omitted = this.#verification.findings.summarise();
    if (omitted !== undefined) await this.#tools.onFinding(omitted);
    return this.#count;
  }

  /** Takes the commits of a page up to a gap that may only seem to be one. */
  async #takePage({ commits }: CommitPage): Promise<void> {
    for (const stored of commits) {
      const { seq } = stored;
      if (seq === undefined || seq < this.#next) {
        this.#addMisplaced({ seqText: stored.seqText, place: this.#next });
        continue;
      }
      if (seq > this.#next && !(await this.#isMissing(seq))) return;
      this.#verification.follow(stored, seq);
      this.#next = seq + 1;
      this.#count += 1;
      if (this.#verification.personal.unprovenCount >= REDACTIONS_WAITING_MAX) await this.#checkRedactions();
      await this.#tell();
      await this.#tools.onCommit();
    }
  }

  /** Says whether the commits before `seq` are really missing, and then goes on behind them. */
  async #isMissing(seq: number): Promise<boolean> {
    const { store, pacing } = this.#tools;
    const { tenantId } = this.#target.account;
    for (let look = 0; look < GAP_LOOKS_MAX; look += 1) {
      const found = await this.#read(() => store.loadLinks(tenantId, this.#next, this.#next));
      if (found.length > 0) return false;
      await pacing.delay(GAP_DELAY_MS);
    }
    this.#verification.skip(this.#next, seq - 1);
    this.#next = seq;
    return true;
  }

  /** Looks behind the end; says whether there is more to read. */
  async #findsMore(): Promise<boolean> {
    const { store } = this.#tools;
    const { tenantId } = this.#target.account;
    for (let from = this.#next; ; ) {
      const start = from;
      const found = await this.#read(() => store.findNext(tenantId, start));
      if (found === undefined) return false;
      if (found.seq !== undefined) {
        if (found.seq > this.#next) await this.#isMissing(found.seq);
        return true;
      }
      this.#addMisplaced(found);
      if (!Number.isSafeInteger(found.place)) return false;
      from = found.place + 1;
    }
  }

  /** Finds commits that no range shows. */
  async #checkMisplaced(): Promise<void> {
    const { store } = this.#tools;
    const { tenantId } = this.#target.account;
    const found = await this.#read(() => store.loadMisplaced(tenantId, MISPLACED_TOLD_MAX));
    for (const misplaced of found) this.#addMisplaced(misplaced);
  }

  #addMisplaced({ seqText, place }: Pick<PlacedCommit, 'seqText' | 'place'>): void {
    if (this.#misplaced.has(seqText) || this.#misplaced.size >= MISPLACED_TOLD_MAX) return;
    this.#misplaced.add(seqText);
    const message = `a commit has the seq ${seqText}, which is no place in an account: find out who wrote it, and remove it`;
    this.#verification.findings.add(place > 0 ? place : 0, message);
  }

  /** Looks again at entries whose text should be gone; one that is being redacted right now gets some time. */
  async #checkRedactions(): Promise<void> {
    const { personal, findings } = this.#verification;
    for (const redaction of personal.takeUnproven()) {
      let problem: string | undefined;
      for (let look = 0; look < REDACTION_LOOKS_MAX; look += 1) {
        if (look > 0) await this.#tools.pacing.delay(REDACTION_DELAY_MS);
        problem = personal.findRedactionProblem(redaction, await this.#loadRedacted(redaction));
        if (problem === undefined) break;
      }
      if (problem !== undefined) findings.add(redaction.seq, problem);
    }
  }

  async #loadRedacted({ entryId }: UnprovenRedaction): Promise<SealedCommit | undefined> {
    const seq = parseEntryId(entryId)?.seq;
    if (seq === undefined) return undefined;
    const { tenantId } = this.#target.account;
    const { commits } = await this.#read(() => this.#tools.store.loadPage(tenantId, seq, seq));
    try {
      return commits[0]?.decode();
    } catch {
      // That it can't be read was told when it was its turn.
      return undefined;
    }
  }

  async #checkSharedKeys(): Promise<void> {
    const { store } = this.#tools;
    const { tenantId } = this.#target.account;
    for (const { key, seqs } of await this.#read(() => store.loadSharedKeys(tenantId, SHARED_KEYS_TOLD_MAX))) {
      const last = Math.max(...seqs);
      const message = `the commits ${seqs.join(', ')} share the key ${JSON.stringify(key)}: the same request was done twice`;
      this.#verification.findings.add(last, message);
    }
  }

  async #tell(): Promise<void> {
    for (const finding of this.#verification.findings.take()) await this.#tools.onFinding(finding);
  }

  #loadPage(fromSeq: number): Promise<CommitPage> {
    return this.#tools.store.loadPage(this.#target.account.tenantId, fromSeq, fromSeq + PAGE_COMMITS - 1);
  }

  #read<T>(read: () => Promise<T>): Promise<T> {
    return readPatiently(this.#tools.pacing, this.#tools.signal, read);
  }
}
