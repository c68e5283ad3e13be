// Owns the use cases of automatic top-ups: reading and setting the rule of a workspace. Does not own buying by it
// (auto-top-up-desk.ts).
// Invariants: a rule is on only where somebody agreed to be charged, to a price that the plan has then; a purchase that is under way
// goes on, and counts; a retry takes back nothing that was set since.

import { type AutoTopUpStop, type AutoTopUpTerms, computeSpent } from '../../domain/auto-top-up.ts';
import { DomainError } from '../../domain/error.ts';
import type { IdempotencyKey, Instant } from '../../domain/id.ts';
import { present } from '../../domain/optional.ts';
import type { PersonAsker } from '../access/ports.ts';
import { isApplied, withApplied } from '../applied-request.ts';
import type { TenantRef, WriteContext } from '../ledger/ledger.ts';
import { computeFingerprint, requestKey } from '../ledger/request-identity.ts';
import type { Clock } from '../ports.ts';
import type { ChangeJournal } from '../subscription/change-journal.ts';
import { stripeOff } from '../subscription/without-stripe.ts';
import type { AutoTopUp, AutoTopUpConsent, AutoTopUpStore } from './ports.ts';
import { assertPriced, type OfferParts } from './top-up-sale.ts';

/** How often a rule is set while purchases or commits move it. */
const ATTEMPTS_MAX = 30;

/** The rule of a workspace as it is told. */
export interface AutoTopUpView extends AutoTopUpTerms {
  readonly isEnabled: boolean;
  readonly consent?: AutoTopUpConsent;
  readonly stop?: AutoTopUpStop;
  readonly failureCode?: string;
  /** What was spent by it in this month, in minor units. */
  readonly spent: bigint;
  /** Until when it buys nothing after the last purchase; absent once that is over. */
  readonly restsUntil?: Instant;
}

/** A request to set a rule. */
interface Setting {
  readonly terms: AutoTopUpTerms;
  readonly isEnabled: boolean;
  readonly key: IdempotencyKey;
  readonly userId: string;
  readonly at: Instant;
}

/** What the use cases of automatic top-ups work with. */
export interface AutoTopUpServiceParts extends OfferParts {
  readonly rules: Pick<AutoTopUpStore, 'loadRule' | 'insertRule' | 'replaceRule'>;
  /** Is told that a workspace may have a rule now. */
  readonly alert: { forget(tenantId: TenantRef['tenantId']): void };
  /** Absent where this kernel runs without Stripe: then rules can be read. */
  readonly journal: Pick<ChangeJournal, 'noteChange'> | undefined;
  readonly clock: Pick<Clock, 'now' | 'estimate'>;
}

/** Keeps the rules by which workspaces buy credits. */
export class AutoTopUpService {
  readonly #parts: AutoTopUpServiceParts;

  constructor(parts: AutoTopUpServiceParts) {
    this.#parts = parts;
  }

  /** Reads the rule of a workspace; undefined where none was ever set. Throws DomainError DATABASE_UNAVAILABLE. */
  async read({ tenantId }: TenantRef): Promise<AutoTopUpView | undefined> {
    const rule = await this.#parts.rules.loadRule(tenantId);
    return rule && viewOf(rule, this.#parts.clock.estimate());
  }

  /**
   * Sets the rule of a workspace, and lets one that had stopped buy again; a retry changes nothing, and answers the rule as it is then.
   * Throws DomainError STRIPE_OFF, IDEMPOTENCY_KEY_REUSED, ACCOUNT_NOT_OPEN, TOPUP_NOT_OFFERED, TOPUP_AMOUNT_MISMATCH, TOPUP_AMOUNT_OUT_OF_RANGE where it is to be on; QUEUE_FULL where too
   * many change it at once, OUTCOME_UNKNOWN, DATABASE_UNAVAILABLE, CLOCK_UNCERTAIN.
   */
  async set(
    tenant: TenantRef,
    terms: AutoTopUpTerms,
    isEnabled: boolean,
    asker: PersonAsker,
    context: WriteContext,
  ): Promise<AutoTopUpView> {
    const { rules, journal, clock } = this.#parts;
    if (journal === undefined) throw stripeOff();
    const operation = 'set_auto_top_up';
    const key = requestKey(context.callerScope, operation, context.requestId);
    const isRetry = isApplied((await rules.loadRule(tenant.tenantId))?.applied, key);
    if (isEnabled && !isRetry) await assertPriced(this.#parts, tenant, terms);
    const figures = figuresOf(terms, isEnabled);
    const fingerprint = computeFingerprint([operation, ...Object.values(figures)]);
    await journal.noteChange({ tenant, operation, asker, context, key, fingerprint, figures });
    const setting = { terms, isEnabled, key, userId: asker.userId, at: clock.now() };
    for (let attempt = 0; attempt < ATTEMPTS_MAX; attempt += 1) {
      const rule = await this.#place(tenant, setting);
      if (rule === undefined) continue;
      this.#parts.alert.forget(tenant.tenantId);
      return viewOf(rule, clock.estimate());
    }
    const message = 'too much changes the rule of this workspace at once: retry shortly, with the same request_id';
    throw new DomainError('QUEUE_FULL', message, { metadata: { limit: String(ATTEMPTS_MAX) } });
  }

  /** Answers undefined where another write came first. */
  async #place(
    { tenantId, productCode }: TenantRef,
    { terms, isEnabled, key, userId, at }: Setting,
  ): Promise<AutoTopUp | undefined> {
    const { rules } = this.#parts;
    const before = await rules.loadRule(tenantId);
    if (before !== undefined && isApplied(before.applied, key)) return before;
    // It is compared at once. Who switches it off agrees to nothing.
    const consent = isEnabled ? { userId, at } : undefined;
    const fields = {
      ...{ ...terms, isEnabled, dueAt: at, applied: withApplied(before?.applied, key) },
      ...present({ consent }),
    };
    if (before === undefined) {
      const kept = { round: 0, isBuying: false, spent: 0n, seq: 0, revision: 1 };
      const rule = { tenantId, productCode, ...fields, ...kept };
      return (await rules.insertRule(rule)) ? rule : undefined;
    }
    const { stop: _stop, failureCode: _code, ...rest } = before;
    // A purchase that is under way keeps its time.
    const dueAt = before.isBuying ? (before.dueAt ?? at) : at;
    return rules.replaceRule(before, { ...rest, ...fields, dueAt });
  }
}

function figuresOf(terms: AutoTopUpTerms, isEnabled: boolean): Readonly<Record<string, string>> {
  const { threshold, minorUnits, currency, microcredits, minorUnitsPerMonth, cooldownMs } = terms;
  return {
    ...{ enabled: `${isEnabled}`, threshold: `${threshold}`, price: `${minorUnits} ${currency}` },
    ...{ microcredits: `${microcredits}`, per_month: `${minorUnitsPerMonth}`, cooldown_ms: `${cooldownMs}` },
  };
}

function viewOf(rule: AutoTopUp, now: Instant): AutoTopUpView {
  const { restsUntil, ...rest } = rule;
  const isResting = restsUntil !== undefined && restsUntil > now;
  return { ...rest, spent: computeSpent(rule, now), ...present({ restsUntil: isResting ? restsUntil : undefined }) };
}
