// Owns the use cases of an account: it makes complete commands out of requests, hands them to the committer and shapes
// answers. Does not own rules (domain/) or how commits are written (committer.ts).

import { computeNextDueAt } from '../../domain/account.ts';
import { actionNotFound, resolveActionPrice } from '../../domain/action-price.ts';
import { BUCKETS } from '../../domain/bucket.ts';
import type { Adjust, Debit, GiveGrant, OpenAccount, ReportRun } from '../../domain/command.ts';
import { computeFundsGap, isGated, listFundsRemedies } from '../../domain/credit-gate.ts';
import type { IdempotencyKey, Instant, TenantId } from '../../domain/id.ts';
import { present } from '../../domain/optional.ts';
import { computeCost, formatQuantity } from '../../domain/quantity.ts';
import { overdraftLimitOf, type Rulebook } from '../../domain/rulebook.ts';
import { AccountDesk, type LedgerTools } from './account-desk.ts';
import { CorrectionDesk } from './correction-desk.ts';
import { EffectDesk } from './effect-desk.ts';
import { listEntries } from './entry-list.ts';
import { HoldDesk } from './hold-desk.ts';
import type {
  AccountReading,
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
  RunReportInput,
  TenantRef,
  WriteContext,
} from './ledger.ts';
import { identifyAdjustment, identifyGrant } from './operator-identity.ts';
import { computeFingerprint, openingKey, requestKey } from './request-identity.ts';
import { SubscriptionDesk } from './subscription-desk.ts';
import { TrialDesk } from './trial-desk.ts';

/** Builds the ledger of this kernel. */
export function createLedger(tools: LedgerTools): Ledger {
  return new LedgerService(new AccountDesk(tools));
}

/** The key of commands that only bring an account up to now; nothing is ever stored under it. */
const EXPIRE_KEY = 'expire' as IdempotencyKey;

class LedgerService implements Ledger {
  readonly #desk: AccountDesk;
  readonly #holds: HoldDesk;
  readonly #corrections: CorrectionDesk;
  readonly #trials: TrialDesk;
  readonly #subscriptions: SubscriptionDesk;
  readonly #effects: EffectDesk;

  constructor(desk: AccountDesk) {
    this.#desk = desk;
    this.#holds = new HoldDesk(desk);
    this.#corrections = new CorrectionDesk(desk);
    this.#trials = new TrialDesk(desk);
    this.#subscriptions = new SubscriptionDesk(desk);
    this.#effects = new EffectDesk(desk);
  }

  openAccount(tenant: TenantRef, input: OpenAccountInput): Promise<Posting> {
    const command: OpenAccount = {
      type: 'open_account',
      key: openingKey(tenant.tenantId),
      ...this.#desk.personalOf(present({ reason: input.reason })),
      productCode: tenant.productCode,
      planCode: input.planCode,
      ...present({ actor: input.actor }),
    };
    return this.#desk.submit(tenant, command, {});
  }

  debit(tenant: TenantRef, input: DebitInput, context: WriteContext): Promise<Posting> {
    return this.#desk.submitPriced(tenant, (rulebook) => this.#debitCommand(tenant, input, context, rulebook), context);
  }

  reportRun(tenant: TenantRef, input: RunReportInput, context: WriteContext): Promise<Posting> {
    const { projectId, workflowId, runId, runStatus } = input;
    const command: ReportRun = {
      type: 'report_run',
      key: requestKey(context.callerScope, 'report_run', context.requestId),
      fingerprint: computeFingerprint(['report_run', projectId, workflowId, runId, runStatus]),
      ...{ runId, runStatus },
      ...present({ projectId, workflowId }),
    };
    return this.#desk.submit(tenant, command, context);
  }

  reserve: Ledger['reserve'] = (tenant, input, context) => this.#holds.reserve(tenant, input, context);
  extend: Ledger['extend'] = (tenant, input, context) => this.#holds.extend(tenant, input, context);
  settle: Ledger['settle'] = (tenant, input, context) => this.#holds.settle(tenant, input, context);
  release: Ledger['release'] = (tenant, holdId, context) => this.#holds.release(tenant, holdId, context);
  listHolds: Ledger['listHolds'] = (tenant, size, token) => this.#holds.listHolds(tenant, size, token);
  reverse: Ledger['reverse'] = (tenant, input, context) => this.#corrections.reverse(tenant, input, context);
  redact: Ledger['redact'] = (tenant, input, context) => this.#corrections.redact(tenant, input, context);

  startTrial: Ledger['startTrial'] = (tenant, input, context) => this.#trials.startTrial(tenant, input, context);
  cancelTrial: Ledger['cancelTrial'] = (tenant, input, context) => this.#trials.cancelTrial(tenant, input, context);
  consentToTrial: Ledger['consentToTrial'] = (tenant, context) => this.#trials.consentToTrial(tenant, context);
  consentToTrialBySetup: Ledger['consentToTrialBySetup'] = (tenant, id) =>
    this.#trials.consentToTrialBySetup(tenant, id);

  applySubscription: Ledger['applySubscription'] = (tenant, facts, before) =>
    this.#subscriptions.apply(tenant, facts, before);

  giveCredit: Ledger['giveCredit'] = (tenant, input) => this.#effects.giveCredit(tenant, input);
  findByKeys: Ledger['findByKeys'] = (tenant, keys) => this.#effects.findByKeys(tenant, keys);
  readPayback: Ledger['readPayback'] = (tenant, topUpId) => this.#effects.readPayback(tenant, topUpId);
  settlePayback: Ledger['settlePayback'] = (tenant, reading, target, waivesDebt) =>
    this.#effects.settlePayback(tenant, reading, target, waivesDebt);

  async readAccount({ tenantId }: TenantRef): Promise<AccountReading> {
    const { head, at } = await this.#desk.read(() => this.#desk.readNow(tenantId));
    return { state: head.state, seq: head.seq, asOf: at };
  }

  async grant(tenant: TenantRef, input: GrantInput, context: WriteContext): Promise<Posting> {
    const { bucket, amount, effectiveAt, expiresAt, actor, reason } = input;
    await this.#desk.noteDueTimes(tenant.tenantId, [effectiveAt, expiresAt]);
    const command: GiveGrant = {
      type: 'grant',
      ...identifyGrant(input, context),
      ...this.#desk.personalOf({ reason }),
      grantId: this.#desk.tools.ids.grantId(),
      bucket,
      amount,
      ...present({ effectiveAt, expiresAt }),
      source: 'operator',
      actor,
    };
    return this.#desk.submit(tenant, command, context);
  }

  adjust(tenant: TenantRef, input: AdjustInput, context: WriteContext): Promise<Posting> {
    const { bucket, delta, actor, reason } = input;
    const command: Adjust = {
      type: 'adjust',
      ...identifyAdjustment(input, context),
      ...this.#desk.personalOf({ reason }),
      grantId: this.#desk.tools.ids.grantId(),
      bucket,
      delta,
      actor,
    };
    return this.#desk.submit(tenant, command, context);
  }

  async recordDue(tenantId: TenantId): Promise<Instant | undefined> {
    const nextDueAt = async (): Promise<Instant | undefined> =>
      computeNextDueAt((await this.#desk.read(() => this.#desk.reader.readHead(tenantId))).state);
    const due = await nextDueAt();
    if (due === undefined || due > this.#desk.tools.clock.now()) return due;
    await this.#desk.committer.submit(tenantId, { type: 'expire', key: EXPIRE_KEY }, Number.POSITIVE_INFINITY);
    return nextDueAt();
  }

  async readBalance(tenant: TenantRef, at?: Instant): Promise<BalanceReading> {
    const [reading, rulebook] = await Promise.all([
      this.#desk.read(() =>
        at === undefined ? this.#desk.readNow(tenant.tenantId) : this.#desk.reader.readAt(tenant.tenantId, at),
      ),
      this.#desk.loadRulebook(tenant),
    ]);
    const { state, seq } = reading.head;
    return {
      totals: state.totals,
      planCode: state.planCode,
      ...present({ trial: state.trial }),
      overdraftLimit: overdraftLimitOf(rulebook, state.planCode),
      grants: [...BUCKETS.flatMap((bucket) => state.grants[bucket]), ...state.pinned, ...state.scheduled],
      seq,
      asOf: reading.at,
      ...present({ nextDueAt: computeNextDueAt(state) }),
    };
  }

  async checkFunds(tenant: TenantRef, query: FundsQuery): Promise<FundsReading> {
    const { head, at } = await this.#desk.read(() => this.#desk.readNow(tenant.tenantId));
    const { planCode } = head.state;
    const rulebook = await this.#desk.loadRulebook(tenant);
    const needed = await this.#neededFor(tenant, query, { tenantId: tenant.tenantId, planCode, at }, rulebook);
    // Without an amount any credit at all will do, so one microcredit is what is missing.
    const threshold = query.kind === 'any' ? 1n : needed;
    const { available, overdraftRemaining, shortfall } = computeFundsGap(head.state, threshold, rulebook);
    const isFree = query.kind === 'usage' && !isGated(head.state, query.action, rulebook);
    const figures = { needed, available, overdraftRemaining };
    if (isFree || shortfall === 0n) return { allowed: true, ...figures, shortfall: 0n, remedies: [] };
    const remedies = listFundsRemedies(head.state, rulebook);
    const reason = 'INSUFFICIENT_CREDITS' as const;
    return { allowed: false, ...figures, shortfall, reason, remedies };
  }

  listEntries(tenant: TenantRef, filter: EntryFilter, pageSize: number, pageToken: string): Promise<EntryPage> {
    const { reader, work } = this.#desk;
    const tools = { store: this.#desk.tools.store, reader, work };
    return this.#desk.read(() => listEntries(tools, tenant.tenantId, filter, { size: pageSize, token: pageToken }));
  }

  drain(): Promise<void> {
    return this.#desk.committer.drain();
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
      ...this.#desk.personalOf(present({ dimensions })),
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
      resolveActionPrice((await this.#desk.refreshRulebook(tenant)).prices, query.action, at);
    if (price === undefined) throw actionNotFound(query.action);
    return computeCost(query.quantity, price.microcreditsPerUnit);
  }
}
