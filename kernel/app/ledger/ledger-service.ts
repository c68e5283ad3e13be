// Owns the use cases of an account: it makes complete commands out of requests, hands them to the committer and shapes
// answers. Does not own rules (domain/) or how commits are written (committer.ts).

import { computeAvailable, computeNextDueAt, computeOverdraftRemaining } from '../../domain/account.ts';
import { actionNotFound, resolveActionPrice } from '../../domain/action-price.ts';
import { BUCKETS } from '../../domain/bucket.ts';
import type { Adjust, Debit, GiveGrant, OpenAccount } from '../../domain/command.ts';
import { DomainError } from '../../domain/error.ts';
import type { IdempotencyKey, Instant, TenantId } from '../../domain/id.ts';
import { present } from '../../domain/optional.ts';
import { computeCost, formatQuantity } from '../../domain/quantity.ts';
import { overdraftLimitOf, type Rulebook } from '../../domain/rulebook.ts';
import type { Clock, IdSource, LedgerObserver, LedgerStore, Pacing, RulebookSource } from '../ports.ts';
import { AccountReader } from './account-reader.ts';
import { Committer } from './committer.ts';
import { DueNoteBook } from './due-note-book.ts';
import { listEntries, postedEntryOf } from './entry-list.ts';
import type { Committed } from './lane.ts';
import { LaneRegistry } from './lane-registry.ts';
import type {
  AdjustInput,
  BalanceReading,
  DebitInput,
  EntryFilter,
  EntryPage,
  FundsQuery,
  FundsReading,
  GrantInput,
  Ledger,
  OpenAccountInput,
  Posting,
  TenantRef,
  WriteContext,
} from './ledger.ts';
import {
  computeFingerprint,
  openingKey,
  type PersonalInput,
  requestKey,
  sealPersonalText,
} from './request-identity.ts';
import { asDomainError } from './write-error.ts';

/** What the ledger works with. */
export interface LedgerTools {
  readonly store: LedgerStore;
  readonly clock: Clock;
  readonly ids: IdSource;
  readonly rulebooks: RulebookSource;
  readonly observer: LedgerObserver;
  readonly pacing: Pacing;
}

/** Builds the ledger of this kernel. */
export function createLedger(tools: LedgerTools): Ledger {
  return new LedgerService(tools);
}

/** The key of commands that only bring an account up to now; nothing is ever stored under it. */
const EXPIRE_KEY = 'expire' as IdempotencyKey;

class LedgerService implements Ledger {
  readonly #tools: LedgerTools;
  readonly #committer: Committer;
  readonly #reader: AccountReader;
  readonly #dueNotes: DueNoteBook;

  constructor(tools: LedgerTools) {
    const lanes = new LaneRegistry();
    this.#tools = tools;
    this.#committer = new Committer({ ...tools, lanes });
    this.#reader = new AccountReader(tools.store, lanes, tools.clock);
    this.#dueNotes = new DueNoteBook(tools.store);
  }

  async openAccount(tenant: TenantRef, input: OpenAccountInput): Promise<Posting> {
    const command: OpenAccount = {
      type: 'open_account',
      key: openingKey(tenant.tenantId),
      ...this.#personalOf(present({ reason: input.reason })),
      productCode: tenant.productCode,
      planCode: input.planCode,
      ...present({ actor: input.actor }),
    };
    return this.#post(
      tenant.tenantId,
      await this.#committer.submit(tenant.tenantId, command, Number.POSITIVE_INFINITY),
    );
  }

  async debit(tenant: TenantRef, input: DebitInput, context: WriteContext): Promise<Posting> {
    const rulebook = await this.#loadRulebook(tenant);
    const command = this.#debitCommand(tenant, input, context, rulebook);
    try {
      return await this.#submit(tenant, command, context);
    } catch (error) {
      if (!(error instanceof DomainError) || error.reason !== 'ACTION_NOT_FOUND') throw error;
      // The refusal rests on prices that may be seconds old: they are read again before it is answered.
      const fresh = await this.#refreshRulebook(tenant);
      if (fresh === rulebook) throw error;
      return this.#submit(tenant, { ...command, rulebook: fresh }, context);
    }
  }

  async grant(tenant: TenantRef, input: GrantInput, context: WriteContext): Promise<Posting> {
    const { bucket, amount, effectiveAt, expiresAt, actor, reason } = input;
    await this.#noteDueTimes(tenant.tenantId, [effectiveAt, expiresAt]);
    const command: GiveGrant = {
      type: 'grant',
      key: requestKey(context.callerScope, 'grant', context.requestId),
      fingerprint: computeFingerprint(['grant', bucket, amount, effectiveAt, expiresAt, actor]),
      ...this.#personalOf({ reason }),
      grantId: this.#tools.ids.grantId(),
      bucket,
      amount,
      ...present({ effectiveAt, expiresAt }),
      source: 'operator',
      actor,
    };
    return this.#submit(tenant, command, context);
  }

  adjust(tenant: TenantRef, input: AdjustInput, context: WriteContext): Promise<Posting> {
    const { bucket, delta, actor, reason } = input;
    const command: Adjust = {
      type: 'adjust',
      key: requestKey(context.callerScope, 'adjust', context.requestId),
      fingerprint: computeFingerprint(['adjust', bucket, delta, actor]),
      ...this.#personalOf({ reason }),
      grantId: this.#tools.ids.grantId(),
      bucket,
      delta,
      actor,
    };
    return this.#submit(tenant, command, context);
  }

  async recordDue(tenantId: TenantId): Promise<Instant | undefined> {
    const nextDueAt = async (): Promise<Instant | undefined> =>
      computeNextDueAt((await this.#read(() => this.#reader.readHead(tenantId))).state);
    const due = await nextDueAt();
    if (due === undefined || due > this.#tools.clock.now()) return due;
    await this.#committer.submit(tenantId, { type: 'expire', key: EXPIRE_KEY }, Number.POSITIVE_INFINITY);
    return nextDueAt();
  }

  async readBalance(tenant: TenantRef, at?: Instant): Promise<BalanceReading> {
    const [reading, rulebook] = await Promise.all([
      this.#read(() => (at === undefined ? this.#readNow(tenant.tenantId) : this.#reader.readAt(tenant.tenantId, at))),
      this.#loadRulebook(tenant),
    ]);
    const { state, seq } = reading.head;
    return {
      totals: state.totals,
      planCode: state.planCode,
      overdraftLimit: overdraftLimitOf(rulebook, state.planCode),
      grants: [...BUCKETS.flatMap((bucket) => state.grants[bucket]), ...state.scheduled],
      seq,
      asOf: reading.at,
    };
  }

  async checkFunds(tenant: TenantRef, query: FundsQuery): Promise<FundsReading> {
    const { head, at } = await this.#read(() => this.#readNow(tenant.tenantId));
    const { totals, planCode } = head.state;
    const rulebook = await this.#loadRulebook(tenant);
    const needed = await this.#neededFor(tenant, query, { tenantId: tenant.tenantId, planCode, at }, rulebook);
    const available = computeAvailable(totals);
    const overdraftRemaining = computeOverdraftRemaining(totals, overdraftLimitOf(rulebook, planCode));
    const reach = available + overdraftRemaining;
    // Without an amount any credit at all will do, so one microcredit is what is missing.
    const threshold = query.kind === 'any' ? 1n : needed;
    const shortfall = threshold > reach ? threshold - reach : 0n;
    const allowed = shortfall === 0n;
    return {
      allowed,
      needed,
      available,
      overdraftRemaining,
      shortfall,
      ...(allowed ? {} : { reason: 'INSUFFICIENT_CREDITS' as const }),
    };
  }

  listEntries(tenant: TenantRef, filter: EntryFilter, pageSize: number, pageToken: string): Promise<EntryPage> {
    const tools = { store: this.#tools.store, reader: this.#reader };
    return this.#read(() => listEntries(tools, tenant.tenantId, filter, { size: pageSize, token: pageToken }));
  }

  drain(): Promise<void> {
    return this.#committer.drain();
  }

  async #readNow(tenantId: TenantId): ReturnType<AccountReader['readNow']> {
    const reading = await this.#reader.readNow(tenantId);
    const aheadMs = reading.head.createdAt - reading.at;
    if (aheadMs > 0) this.#tools.observer.headFromFuture(tenantId, aheadMs);
    return reading;
  }

  #debitCommand(tenant: TenantRef, input: DebitInput, context: WriteContext, rulebook: Rulebook): Debit {
    const { action, quantity, projectId, workflowId, runId, runStatus, alreadyPerformed, dimensions } = input;
    const meaning = [
      'debit',
      action,
      formatQuantity(quantity),
      projectId,
      workflowId,
      runId,
      runStatus,
      alreadyPerformed,
    ];
    return {
      type: 'debit',
      key: requestKey(context.callerScope, 'debit', context.requestId),
      fingerprint: computeFingerprint(meaning),
      ...this.#personalOf(present({ dimensions })),
      tenantId: tenant.tenantId,
      action,
      quantity,
      ...present({ projectId, workflowId, runId, runStatus }),
      alreadyPerformed,
      rulebook,
    };
  }

  async #neededFor(
    tenant: TenantRef,
    query: FundsQuery,
    at: Parameters<typeof resolveActionPrice>[2],
    rulebook: Rulebook,
  ): Promise<bigint> {
    if (query.kind === 'any') return 0n;
    if (query.kind === 'amount') return query.microcredits;
    const price =
      resolveActionPrice(rulebook.prices, query.action, at) ??
      resolveActionPrice((await this.#refreshRulebook(tenant)).prices, query.action, at);
    if (price === undefined) throw actionNotFound(query.action);
    return computeCost(query.quantity, price.microcreditsPerUnit);
  }

  async #submit(tenant: TenantRef, command: Debit | GiveGrant | Adjust, context: WriteContext): Promise<Posting> {
    const deadlineAtMs = context.deadlineAtMs ?? Number.POSITIVE_INFINITY;
    return this.#post(tenant.tenantId, await this.#committer.submit(tenant.tenantId, command, deadlineAtMs));
  }

  #post(tenantId: TenantId, committed: Committed): Posting {
    const { placed, replayed } = committed;
    if (placed === undefined) throw new DomainError('INTERNAL', 'a command that records an entry recorded none');
    return { posted: postedEntryOf(tenantId, placed), replayed };
  }

  #personalOf(input: PersonalInput): Pick<Debit, 'personal'> {
    return present({ personal: sealPersonalText(input, () => this.#tools.ids.salt()) });
  }

  /** Notes when an account will change by itself, before the commit that makes it so. */
  async #noteDueTimes(tenantId: TenantId, times: readonly (Instant | undefined)[]): Promise<void> {
    const now = this.#tools.clock.estimate();
    const ahead = times.flatMap((dueAt) => (dueAt !== undefined && dueAt > now ? [dueAt] : []));
    await this.#read(() => Promise.all(ahead.map((dueAt) => this.#dueNotes.note(tenantId, dueAt))));
  }

  #loadRulebook(tenant: TenantRef): Promise<Rulebook> {
    return this.#read(() => this.#tools.rulebooks.loadRulebook(tenant.productCode));
  }

  #refreshRulebook(tenant: TenantRef): Promise<Rulebook> {
    return this.#read(() => this.#tools.rulebooks.refreshRulebook(tenant.productCode));
  }

  /** Turns whatever is thrown into an error that callers know. */
  async #read<T>(read: () => Promise<T>): Promise<T> {
    try {
      return await read();
    } catch (error) {
      throw asDomainError(error);
    }
  }
}
