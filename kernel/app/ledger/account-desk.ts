// Owns what the use cases of an account share: handing commands to the committer, noting due times before, sealing personal
// text, and the rules that a command is decided by. Does not own any use case.

import type { Command, Debit, Reserve } from '../../domain/command.ts';
import type { PersonalText } from '../../domain/entry.ts';
import { DomainError } from '../../domain/error.ts';
import type { Instant, TenantId } from '../../domain/id.ts';
import { present } from '../../domain/optional.ts';
import type { Rulebook } from '../../domain/rulebook.ts';
import type { Clock, IdSource, LedgerObserver, LedgerStore, Pacing, RulebookSource } from '../ports.ts';
import { AccountReader } from './account-reader.ts';
import { Committer } from './committer.ts';
import { DueNoteBook } from './due-note-book.ts';
import { NO_WORK_FINDER, postedEntryOf, type WorkFinder } from './entry-list.ts';
import { HeadLoader } from './head-loader.ts';
import type { Committed } from './lane.ts';
import { LaneRegistry } from './lane-registry.ts';
import type { Posting, TenantRef, WriteContext } from './ledger.ts';
import { type PersonalInput, sealPersonalText } from './request-identity.ts';
import { asDomainError } from './write-error.ts';

/** What the ledger works with. */
export interface LedgerTools {
  readonly store: LedgerStore;
  readonly clock: Clock;
  readonly ids: IdSource;
  readonly rulebooks: RulebookSource;
  readonly observer: LedgerObserver;
  readonly pacing: Pacing;
  /** What is known of accounts, where others read them too; default: the ledger's own. */
  readonly lanes?: LaneRegistry;
  /** Finds where entries about some work can be; default: nobody knows, and lists read every commit. */
  readonly work?: WorkFinder;
}

/** What every use case of an account works with. */
export class AccountDesk {
  readonly tools: LedgerTools;
  readonly committer: Committer;
  readonly reader: AccountReader;
  readonly loader: HeadLoader;
  readonly work: WorkFinder;
  readonly #dueNotes: DueNoteBook;

  constructor(tools: LedgerTools) {
    const lanes = tools.lanes ?? new LaneRegistry();
    this.tools = tools;
    this.committer = new Committer({ ...tools, lanes });
    this.reader = new AccountReader(tools.store, lanes, tools.clock, tools.pacing);
    this.loader = new HeadLoader(tools.store);
    this.work = tools.work ?? NO_WORK_FINDER;
    this.#dueNotes = new DueNoteBook(tools.store);
  }

  /** Commits a command of a caller. Throws what {@link Committer.submit} throws. */
  async submit(tenant: TenantRef, command: Command, context: Pick<WriteContext, 'deadlineAtMs'>): Promise<Posting> {
    const deadlineAtMs = context.deadlineAtMs ?? Number.POSITIVE_INFINITY;
    return postingOf(tenant.tenantId, await this.committer.submit(tenant.tenantId, command, deadlineAtMs));
  }

  /**
   * Commits a command that is decided by prices. Where it is refused for want of a price, which may be seconds old, the
   * rules are read again before that is answered.
   */
  async submitPriced(
    tenant: TenantRef,
    makeCommand: (rulebook: Rulebook) => Debit | Reserve,
    context: Pick<WriteContext, 'deadlineAtMs'>,
  ): Promise<Posting> {
    const rulebook = await this.loadRulebook(tenant);
    const command = makeCommand(rulebook);
    try {
      return await this.submit(tenant, command, context);
    } catch (error) {
      if (!(error instanceof DomainError) || error.reason !== 'ACTION_NOT_FOUND') throw error;
      const fresh = await this.refreshRulebook(tenant);
      if (fresh === rulebook) throw error;
      return this.submit(tenant, { ...command, rulebook: fresh }, context);
    }
  }

  personalOf(input: PersonalInput): { readonly personal?: PersonalText } {
    return present({ personal: sealPersonalText(input, () => this.tools.ids.salt()) });
  }

  /** Notes when an account will change by itself, before the commit that makes it so. */
  async noteDueTimes(tenantId: TenantId, times: readonly (Instant | undefined)[]): Promise<void> {
    const now = this.tools.clock.estimate();
    const ahead = times.flatMap((dueAt) => (dueAt !== undefined && dueAt > now ? [dueAt] : []));
    await this.read(() => Promise.all(ahead.map((dueAt) => this.#dueNotes.note(tenantId, dueAt))));
  }

  loadRulebook(tenant: TenantRef): Promise<Rulebook> {
    return this.read(() => this.tools.rulebooks.loadRulebook(tenant.productCode, tenant.tenantId));
  }

  refreshRulebook(tenant: TenantRef): Promise<Rulebook> {
    return this.read(() => this.tools.rulebooks.refreshRulebook(tenant.productCode, tenant.tenantId));
  }

  /** Reads the account as it is now, and reports a newest commit that lies in the future. */
  async readNow(tenantId: TenantId): ReturnType<AccountReader['readNow']> {
    const reading = await this.reader.readNow(tenantId);
    const aheadMs = reading.head.createdAt - reading.at;
    if (aheadMs > 0) this.tools.observer.headFromFuture(tenantId, aheadMs);
    return reading;
  }

  /** Turns whatever is thrown into an error that callers know. */
  async read<T>(read: () => Promise<T>): Promise<T> {
    try {
      return await read();
    } catch (error) {
      throw asDomainError(error);
    }
  }
}

function postingOf(tenantId: TenantId, committed: Committed): Posting {
  const { placed, replayed } = committed;
  if (placed === undefined) throw new DomainError('INTERNAL', 'a command that records an entry recorded none');
  return { posted: postedEntryOf(tenantId, placed), replayed };
}
