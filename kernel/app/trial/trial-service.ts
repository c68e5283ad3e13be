// Owns the use cases of trials: starting, reading and canceling the one trial of a workspace. Does not own its rules
// (domain/decide-trial.ts), its terms (trial-terms.ts) or the limit per person (trial-limit.ts).
// Invariants: an earlier request with the same id is answered whatever has changed since; a person's place is claimed before
// the trial starts, and is kept for it or given back after; what a person did is in the log of the workspace before the answer, and
// a retry of the request puts it there where a crash came between.

import { DomainError } from '../../domain/error.ts';
import type { Instant, PlanCode, TenantId } from '../../domain/id.ts';
import { present } from '../../domain/optional.ts';
import type { Trial } from '../../domain/trial.ts';
import type { PersonAsker } from '../access/ports.ts';
import type { CatalogStore } from '../catalog/ports.ts';
import { loadProductPlans } from '../catalog/product-plans.ts';
import type {
  BalanceReading,
  CancelTrialInput,
  Ledger,
  Posting,
  StartTrialInput,
  TenantRef,
  TrialQuestion,
  WriteContext,
} from '../ledger/ledger.ts';
import { requestKey } from '../ledger/request-identity.ts';
import type { KillSwitchBoard } from '../operator/kill-switch-board.ts';
import type { Clock } from '../ports.ts';
import type { TrialAct, TrialJournal, TrialSlotHolder } from './ports.ts';
import type { TrialLimit } from './trial-limit.ts';
import { computeTrialOffer } from './trial-terms.ts';

type TrialWrites = Pick<Ledger, 'startTrial' | 'cancelTrial'>;

/** What the use cases of trials work with. */
export interface TrialServiceParts {
  readonly ledger: TrialWrites & Pick<Ledger, 'readBalance' | 'consentToTrial'>;
  /** Writes what operators ask for, and notes it in the audit log before. */
  readonly operatorLedger: TrialWrites;
  readonly catalog: Pick<CatalogStore, 'loadProduct' | 'loadPlans'>;
  readonly switches: Pick<KillSwitchBoard, 'assertOn'>;
  readonly limit: TrialLimit;
  readonly journal: TrialJournal;
  readonly clock: Pick<Clock, 'now'>;
  /** Says whether a workspace has a card that can be charged. */
  readonly hasCard: (tenantId: TenantId) => Promise<boolean>;
}

/** A trial as it is now. */
export interface TrialReading {
  readonly trial: Trial;
  /** What of its credits is left, held ones included, in microcredits. */
  readonly remaining: bigint;
}

/** What is known of the trial of a workspace. */
export interface TrialState {
  /** Absent where there never was one. */
  readonly reading?: TrialReading;
  /** The plan that the workspace has now. */
  readonly planCode: PlanCode;
  readonly asOf: Instant;
}

/** A trial after a write. */
export interface WrittenTrial {
  readonly reading: TrialReading;
  readonly replayed: boolean;
}

/** Starts, reads and cancels trials. */
export class TrialService {
  readonly #parts: TrialServiceParts;

  constructor(parts: TrialServiceParts) {
    this.#parts = parts;
  }

  /**
   * Starts the trial of a workspace. `asker` is who asks, and whose limit it counts to; an operator's counts to nobody's.
   * Throws DomainError ACCOUNT_NOT_OPEN, KILL_SWITCH_OFF, PLAN_NOT_FOUND, TRIAL_NOT_OFFERED, TRIAL_CARD_REQUIRED,
   * TRIAL_LIMIT_REACHED, TRIAL_ALREADY_USED, IDEMPOTENCY_KEY_REUSED, INVALID_FIELD `trial_days`, and what
   * {@link Ledger.startTrial} throws.
   */
  async startTrial(
    tenant: TenantRef,
    question: TrialQuestion,
    asker: PersonAsker | undefined,
    context: WriteContext,
  ): Promise<WrittenTrial> {
    const { trial, planCode } = await this.#parts.ledger.readBalance(tenant);
    const holder = asker === undefined ? undefined : { ...tenant, personId: asker.userId };
    // Where the workspace has had its trial, only the ledger can tell a retry of the start from another request.
    const input =
      trial === undefined
        ? await this.#prepare(tenant, question, holder, planCode)
        : { question, terms: trial, onlyFromFallback: false };
    const posting = await this.#post(tenant, input, holder, context);
    if (question.consents === true) await this.#parts.ledger.consentToTrial(tenant, context);
    await this.#note('start', tenant, asker, context);
    return { reading: await this.#requireReading(tenant), replayed: posting.replayed };
  }

  /** Reads the trial of a workspace. Throws DomainError ACCOUNT_NOT_OPEN, DATABASE_UNAVAILABLE. */
  async getTrial(tenant: TenantRef): Promise<TrialState> {
    const balance = await this.#parts.ledger.readBalance(tenant);
    return { ...present({ reading: trialReadingOf(balance) }), planCode: balance.planCode, asOf: balance.asOf };
  }

  /**
   * Cancels the running trial; one that is canceled already is answered as it is. `asker` is absent for an operator.
   * Throws DomainError TRIAL_NOT_ACTIVE, ACCOUNT_NOT_OPEN, IDEMPOTENCY_KEY_REUSED, and what writes to the ledger throw.
   */
  async cancelTrial(
    tenant: TenantRef,
    input: CancelTrialInput,
    asker: PersonAsker | undefined,
    context: WriteContext,
  ): Promise<WrittenTrial> {
    const { ledger, operatorLedger } = this.#parts;
    const writes = input.actor === undefined ? ledger : operatorLedger;
    try {
      const { replayed } = await writes.cancelTrial(tenant, input, context);
      await this.#note('cancel', tenant, asker, context);
      return { reading: await this.#requireReading(tenant), replayed };
    } catch (error) {
      if (!isReason(error, 'TRIAL_NOT_ACTIVE')) throw error;
      const { reading } = await this.getTrial(tenant);
      if (reading?.trial.status !== 'canceled') throw error;
      return { reading, replayed: false };
    }
  }

  async #prepare(
    tenant: TenantRef,
    question: TrialQuestion,
    holder: TrialSlotHolder | undefined,
    planCode: PlanCode,
  ): Promise<StartTrialInput> {
    const { catalog, clock, limit, switches, hasCard } = this.#parts;
    await switches.assertOn('TRIALS_ENABLED');
    const { productCode } = tenant;
    const { product, plans } = await loadProductPlans(catalog, productCode);
    const mayNeedCard = plans.some(({ policy: { trialRequiresCard } }) => trialRequiresCard);
    const circumstances = { now: clock.now(), hasCard: mayNeedCard && (await hasCard(tenant.tenantId)) };
    const { terms, policy } = computeTrialOffer({ product, plans }, question, circumstances);
    // An operator knows which plan a trial replaces; others would lose without a word what somebody else gave them.
    const onlyFromFallback = question.actor === undefined;
    // No place is claimed for what the account will refuse.
    if (holder === undefined || (onlyFromFallback && planCode !== product.fallbackPlanCode)) {
      return { question, terms, onlyFromFallback };
    }
    const claimedUntil = await limit.claim(holder, policy.trialLimitPerPerson);
    return { question, terms: { ...terms, personId: holder.personId }, onlyFromFallback, claimedUntil };
  }

  async #post(
    tenant: TenantRef,
    input: StartTrialInput,
    holder: TrialSlotHolder | undefined,
    context: WriteContext,
  ): Promise<Posting> {
    const { ledger, operatorLedger } = this.#parts;
    const writes = input.question.actor === undefined ? ledger : operatorLedger;
    try {
      const posting = await writes.startTrial(tenant, input, context);
      await this.#settle(tenant, holder);
      return posting;
    } catch (error) {
      if (isReason(error, 'TRIAL_ALREADY_USED')) await this.#settle(tenant, holder);
      throw error;
    }
  }

  async #settle(tenant: TenantRef, holder: TrialSlotHolder | undefined): Promise<void> {
    if (holder === undefined) return;
    const { trial } = await this.#parts.ledger.readBalance(tenant);
    if (trial !== undefined) await this.#parts.limit.settle(holder, trial);
  }

  /** What an operator does is in the operators' log. */
  async #note(
    what: 'start' | 'cancel',
    { tenantId }: TenantRef,
    asker: PersonAsker | undefined,
    { callerScope, requestId }: WriteContext,
  ): Promise<void> {
    if (asker === undefined) return;
    const { userId: actor, ...rest } = asker;
    const key = requestKey(callerScope, `${what}_trial`, requestId);
    const method: TrialAct['method'] = what === 'start' ? 'TrialService/StartTrial' : 'TrialService/CancelTrial';
    await this.#parts.journal.noteTrial({ tenantId, method, actor, key, ...rest });
  }

  async #requireReading(tenant: TenantRef): Promise<TrialReading> {
    const reading = trialReadingOf(await this.#parts.ledger.readBalance(tenant));
    if (reading === undefined) throw new DomainError('INTERNAL', 'a trial was started and can not be found');
    return reading;
  }
}

/** Finds the trial of an account, and what of its credits is left; undefined where there never was one. */
export function trialReadingOf({ trial, grants }: Pick<BalanceReading, 'trial' | 'grants'>): TrialReading | undefined {
  if (trial === undefined) return undefined;
  const grant = grants.find(({ grantId }) => grantId === trial.grantId);
  return { trial, remaining: grant === undefined ? 0n : grant.remaining + grant.held };
}

function isReason(error: unknown, reason: DomainError['reason']): boolean {
  return error instanceof DomainError && error.reason === reason;
}
