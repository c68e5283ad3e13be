// Owns buying credits by the rules of workspaces: when their balance asks for it, one purchase at a time, and what follows its end.
// Does not own the rules (auto-top-up-service.ts), or how a purchase is carried out (top-up-runner.ts).
// Invariants: a purchase is noted in its rule before anything is asked, and its key is made of the workspace and the round; so it is
// one, however many kernels see the same balance, and wherever one of them dies. Nothing is begun that the rule does not want any more by
// then. What was declined is closed, and nothing more is bought until another card is there or the rule is set again.

import { computeAvailable } from '../../domain/account.ts';
import {
  type AutoTopUpStop,
  computeBuyTime,
  countPurchase,
  isMendedByCard,
  judgeFailure,
  judgeObstacle,
} from '../../domain/auto-top-up.ts';
import { DomainError } from '../../domain/error.ts';
import type { IdempotencyKey, TenantId } from '../../domain/id.ts';
import { present } from '../../domain/optional.ts';
import { isTopUpEnded } from '../../domain/top-up.ts';
import type { TenantRef } from '../ledger/ledger.ts';
import type { Clock } from '../ports.ts';
import { WorkPool } from '../work-pool.ts';
import type { AutoTopUpNotice } from './auto-top-up-notice.ts';
import type { AutoTopUp, AutoTopUpStore, TopUp, TopUpIdSource, TopUpObserver, TopUpStore } from './ports.ts';
import type { TopUpRunner } from './top-up-runner.ts';
import { assertSold, draftTopUp, requireDefaultCard, type SaleParts } from './top-up-sale.ts';

/** How long nobody else takes a rule that a kernel has taken, in milliseconds. */
const CLAIM_MS = 60_000;
/** How soon a purchase that is under way is looked at again, in milliseconds. */
const LOOK_MS = 5_000;
/** How soon a rule that its card ended is looked at again, should nothing tell of another card, in milliseconds. */
const CARD_LOOK_MS = 3_600_000;
const DUE_RUNNING_MAX = 4;

/** What the desk works with. */
export interface AutoTopUpDeskParts extends SaleParts {
  readonly rules: AutoTopUpStore;
  readonly store: Pick<TopUpStore, 'findByKey' | 'insertTopUp' | 'loadTopUp'>;
  readonly runner: Pick<TopUpRunner, 'run'>;
  readonly notice: Pick<AutoTopUpNotice, 'noteStopped' | 'noteFailed'>;
  readonly isBarred: (tenantId: TenantId) => Promise<boolean>;
  readonly ids: TopUpIdSource;
  readonly clock: Pick<Clock, 'now'>;
  readonly observer: Pick<TopUpObserver, 'backgroundFailed'>;
}

/** Buys credits by rules. */
export class AutoTopUpDesk {
  readonly #parts: AutoTopUpDeskParts;
  readonly #pool = new WorkPool({ dueMax: DUE_RUNNING_MAX, totalMax: DUE_RUNNING_MAX });

  constructor(parts: AutoTopUpDeskParts) {
    this.#parts = parts;
  }

  /**
   * Compares a workspace's balance with its rule, and notes a purchase where it asks for one; answers undefined where the workspace
   * has no rule that buys. Throws what reading the account throws, DomainError OUTCOME_UNKNOWN, DATABASE_UNAVAILABLE: do it again.
   */
  async catchUp(tenantId: TenantId): Promise<AutoTopUp | undefined> {
    const rule = await this.#parts.rules.loadRule(tenantId);
    if (rule === undefined || !isActive(rule)) return undefined;
    if (!rule.isBuying) await this.#compare(rule);
    return rule;
  }

  /** Begins what is due, as much as there is room for; answers how many. Throws DomainError OUTCOME_UNKNOWN, CLOCK_UNCERTAIN. */
  takeDue(): Promise<number> {
    const { rules, clock, observer } = this.#parts;
    return this.#pool.runDue(
      () => {
        const now = clock.now();
        return rules.claimRule(now, now + CLAIM_MS);
      },
      // What fails is done again when the claim runs out.
      (rule) =>
        this.#carryOut(rule).catch((error: unknown) => observer.backgroundFailed('buying credits by a rule', error)),
    );
  }

  /** Lets a rule that its card ended buy again, where the default payment method is another one. Throws what reading it throws. */
  async restart({ tenantId }: Pick<TenantRef, 'tenantId'>): Promise<void> {
    const rule = await this.#parts.rules.loadRule(tenantId);
    if (rule !== undefined && waitsForCard(rule)) await this.#lookAtCard(rule);
  }

  /** As {@link restart}, for who has something else to do: what fails is reported, and done later. */
  async tryRestart(tenant: Pick<TenantRef, 'tenantId'>): Promise<void> {
    try {
      await this.restart(tenant);
    } catch (error) {
      this.#parts.observer.backgroundFailed('looking for another card of a rule', error);
    }
  }

  /** Begins nothing more, and resolves when what was begun has ended. */
  stop(): Promise<void> {
    return this.#pool.stop();
  }

  async #carryOut(rule: AutoTopUp): Promise<void> {
    if (rule.isBuying) await this.#buy(rule);
    else if (isActive(rule)) await this.#compare(rule);
    else if (waitsForCard(rule)) await this.#lookAtCard(rule);
    else await this.#save(rule, withoutDue(rule));
  }

  /** Where another write comes first, the rule was set again, or another kernel has done this. */
  async #lookAtCard(rule: AutoTopUp): Promise<void> {
    const card = await this.#findCard(rule);
    const now = this.#parts.clock.now();
    const isOther = rule.stop === 'payment_method_missing' || card !== rule.stripePaymentMethodId;
    if (card === undefined || !isOther) {
      await this.#save(rule, { ...rule, dueAt: now + CARD_LOOK_MS });
      return;
    }
    const { stop: _stop, failureCode: _code, restsUntil: _rest, ...rest } = rule;
    await this.#save(rule, { ...rest, dueAt: now });
  }

  async #compare(rule: AutoTopUp): Promise<void> {
    const { ledger, clock } = this.#parts;
    const { state, seq } = await ledger.readAccount(rule);
    const seen = { ...withoutDue(rule), seq: Math.max(seq, rule.seq) };
    const now = clock.now();
    if (computeAvailable(state.totals) >= rule.threshold) return this.#saveSeen(rule, seen);
    const dueAt = computeBuyTime(rule, rule, now);
    if (dueAt > now) return this.#saveSeen(rule, { ...seen, dueAt });
    await this.#save(rule, { ...seen, round: rule.round + 1, isBuying: true, dueAt: now });
  }

  /** A commit that changes nothing for a rule costs no more than noting up to where it was compared. */
  async #saveSeen(rule: AutoTopUp, seen: AutoTopUp): Promise<void> {
    if (seen.seq !== rule.seq || seen.dueAt !== rule.dueAt) await this.#save(rule, seen);
  }

  async #buy(rule: AutoTopUp): Promise<void> {
    const { store, runner, clock } = this.#parts;
    const found = await store.findByKey(rule.tenantId, keyOf(rule));
    const begun = found === undefined ? await this.#begin(rule) : { topUp: found, current: rule };
    if (begun === undefined) return;
    const { topUp, current } = begun;
    if (!isTopUpEnded(topUp.status)) await runner.run(topUp.topUpId);
    const after = (await store.loadTopUp(topUp.topUpId)) ?? topUp;
    if (after.status === 'succeeded') await this.#save(current, afterPurchase(current, after, clock.now()));
    else if (after.status === 'canceled') await this.#end(current, judgeFailure(after.failureCode), after);
    else await this.#save(current, { ...current, dueAt: clock.now() + LOOK_MS });
  }

  /** Begins the purchase; undefined where there is none, or somebody else has taken the rule. */
  async #begin(rule: AutoTopUp): Promise<{ readonly topUp: TopUp; readonly current: AutoTopUp } | undefined> {
    const { store, clock } = this.#parts;
    const obstacle = await this.#findObstacle(rule);
    if (obstacle === 'later') {
      const later = clock.now() + rule.cooldownMs;
      await this.#save(rule, { ...rule, isBuying: false, restsUntil: later, dueAt: later });
      return undefined;
    }
    if (typeof obstacle === 'string') {
      await this.#end(rule, obstacle);
      return undefined;
    }
    if (!(await this.#isWanted(rule))) {
      // It is compared as any other then.
      await this.#save(rule, { ...rule, isBuying: false, dueAt: clock.now() });
      return undefined;
    }
    // The rule is read once more by that: it was not set, stopped or taken since.
    const current = await this.#save(rule, { ...rule, stripePaymentMethodId: obstacle.card });
    if (current === undefined) return undefined;
    const input = { ...orderOf(rule), usesStoredCard: true };
    const topUp = await store.insertTopUp(draftTopUp(this.#parts, rule, { key: keyOf(rule), cause: 'auto', input }));
    return { topUp, current };
  }

  /** What was noted may be long ago: since then the rule may have been set, and credits have come. */
  async #isWanted(rule: AutoTopUp): Promise<boolean> {
    const { ledger, clock } = this.#parts;
    const { state } = await ledger.readAccount(rule);
    const now = clock.now();
    return computeAvailable(state.totals) < rule.threshold && computeBuyTime(rule, rule, now) <= now;
  }

  /** Finds why nothing is bought; the card where something is. */
  async #findObstacle(rule: AutoTopUp): Promise<AutoTopUpStop | 'later' | { readonly card: string }> {
    if (!isActive(rule) || (await this.#parts.isBarred(rule.tenantId))) return 'later';
    try {
      await assertSold(this.#parts, rule, orderOf(rule));
      return { card: await requireDefaultCard(this.#parts, rule) };
    } catch (error) {
      const obstacle = error instanceof DomainError ? judgeObstacle(error.reason) : undefined;
      if (obstacle === undefined) throw error;
      return obstacle;
    }
  }

  /** It is told before it is kept, so that a crash in between tells of it again, under the same id. */
  async #end(rule: AutoTopUp, because: AutoTopUpStop, topUp?: TopUp): Promise<void> {
    const { notice } = this.#parts;
    // What stopped it while it bought stays, and was told then.
    if (rule.stop === undefined) await notice.noteStopped(rule, because, topUp);
    else if (topUp !== undefined) await notice.noteFailed(topUp);
    const stop = rule.stop ?? because;
    const { failureCode: _code, ...rest } = withoutDue(rule);
    await this.#save(rule, { ...rest, isBuying: false, stop, ...present({ failureCode: topUp?.failureCode }) });
    // The card may have changed while the last one was asked.
    await this.restart(rule);
  }

  async #findCard(tenant: Pick<TenantRef, 'tenantId'>): Promise<string | undefined> {
    try {
      return await requireDefaultCard(this.#parts, tenant);
    } catch (error) {
      if (error instanceof DomainError && error.reason === 'PAYMENT_METHOD_REQUIRED') return undefined;
      throw error;
    }
  }

  /** Where another write came first, it is gone on from what there is, by who made it. */
  #save(before: AutoTopUp, after: AutoTopUp): Promise<AutoTopUp | undefined> {
    return this.#parts.rules.replaceRule(before, after);
  }
}

function isActive({ isEnabled, stop }: AutoTopUp): boolean {
  return isEnabled && stop === undefined;
}

function waitsForCard({ isEnabled, stop }: AutoTopUp): boolean {
  return isEnabled && stop !== undefined && isMendedByCard(stop);
}

function keyOf({ tenantId, round }: AutoTopUp): IdempotencyKey {
  // No request of a caller has such a key.
  return `auto:${tenantId}:${round}` as IdempotencyKey;
}

function orderOf({ minorUnits, currency, microcredits }: AutoTopUp) {
  return { minorUnits, currency, microcredits };
}

function withoutDue({ dueAt: _dueAt, ...rest }: AutoTopUp): AutoTopUp {
  return rest;
}

/** The balance is compared again after the rest, which begins with the end of the purchase: it may not have been enough. */
function afterPurchase(rule: AutoTopUp, { minorUnits, createdAt, endedAt }: TopUp, now: number): AutoTopUp {
  const restsUntil = (endedAt ?? now) + rule.cooldownMs;
  return { ...rule, isBuying: false, ...countPurchase(rule, minorUnits, createdAt), restsUntil, dueAt: restsUntil };
}
