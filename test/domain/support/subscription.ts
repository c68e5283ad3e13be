// Owns short ways to say what Stripe shows of a subscription, and an account that follows it as a kernel does. Periods are of
// thirty days from START on, so that shares of them are easy to tell.

import { type AccountState, UNOPENED_ACCOUNT } from '../../../kernel/domain/account.ts';
import { computeAdvance } from '../../../kernel/domain/advance.ts';
import type { ApplySubscription, Command } from '../../../kernel/domain/command.ts';
import type { Entry, SubscriptionChange } from '../../../kernel/domain/entry.ts';
import type { IdempotencyKey, Instant, PlanCode } from '../../../kernel/domain/id.ts';
import type {
  CycleTerms,
  InvoiceFacts,
  InvoiceState,
  Subscription,
  SubscriptionFacts,
  SubscriptionRules,
} from '../../../kernel/domain/subscription.ts';
import { FALLBACK_PLAN, grantIdOf, openAccount, PLAN, play, START } from './command.ts';

export const DAY_MS = 86_400_000;
export const PERIOD_DAYS = 30;
const PERIOD_MS = PERIOD_DAYS * DAY_MS;

/** What a plan of a month costs and gives; its price is named after it. */
export function termsOf(planCode: string, includedPerCycle: bigint, fields: Partial<CycleTerms> = {}): CycleTerms {
  return {
    ...{ planCode: planCode as PlanCode, stripePriceId: `price_${planCode}`, minorUnits: 4_900n, currency: 'usd' },
    ...{ interval: 'month', intervalCount: 1, includedPerCycle },
    ...fields,
  };
}

export const PRO = termsOf(PLAN, 100n);
export const MAX = termsOf('max', 400n);

/** Nothing rolls over; three days of grace, then the fallback plan. */
export const RULES: SubscriptionRules = { rolloverLimit: 0n, graceMs: 3 * DAY_MS, pastDueEnd: 'fallback' };

/** A time so many days after START. */
export function day(days: number): Instant {
  return START + days * DAY_MS;
}

export function invoice(state: InvoiceState, stripeInvoiceId = 'in_1'): InvoiceFacts {
  return { state, stripeInvoiceId };
}

/** The n-th period, from 1 on, with an invoice of its own. */
export function period(
  n: number,
  state: InvoiceState = 'paid',
): Pick<SubscriptionFacts, 'periodStart' | 'periodEnd' | 'cycleInvoice'> {
  const periodStart = START + (n - 1) * PERIOD_MS;
  return { periodStart, periodEnd: periodStart + PERIOD_MS, cycleInvoice: invoice(state, `in_${n}`) };
}

/** The invoice of a change. */
export function changed(
  state: InvoiceState,
  days: number,
  stripeInvoiceId = 'in_change',
): SubscriptionFacts['changeInvoice'] {
  return { state, stripeInvoiceId, changedAt: day(days) };
}

/** A subscription to PRO in its first period, which is paid. */
export function factsOf(fields: Partial<SubscriptionFacts> = {}): SubscriptionFacts {
  return {
    ...{ stripeSubscriptionId: 'sub_1', phase: 'live', isUnpaid: false, terms: PRO, rules: RULES },
    ...{ fallbackPlanCode: FALLBACK_PLAN, startedAt: START, isContract: false },
    ...period(1),
    changeInvoice: { state: 'none', stripeInvoiceId: '', changedAt: START },
    ...fields,
  };
}

/** Says a command as the ledger's desk does. */
export function applySubscription(
  facts: SubscriptionFacts,
  revision: number,
  grant: string | number,
): ApplySubscription {
  const key = `subscription:${revision + 1}` as IdempotencyKey;
  return { type: 'apply_subscription', key, facts, revision, grantId: grantIdOf(`cycle-${grant}`) };
}

/** As many as a sync does. */
const ROUNDS_MAX = 12;

/** An account, and all that happened to it. */
export class FollowingAccount {
  state: AccountState;
  readonly entries: Entry[] = [];
  #commands = 0;

  constructor(...commands: readonly Command[]) {
    this.state = UNOPENED_ACCOUNT;
    this.do(START, openAccount({ planCode: FALLBACK_PLAN }), ...commands);
  }

  get subscription(): Subscription | undefined {
    return this.state.subscription;
  }

  /** Decides commands in one batch, which must be accepted; answers what they made happen. */
  do(now: Instant, ...commands: readonly Command[]): readonly Entry[] {
    const { state, entries } = play(this.state, now, ...commands);
    this.state = state;
    this.entries.push(...entries);
    return entries;
  }

  /** The account as it is at a time, whether or not somebody had that recorded. */
  at(now: Instant): AccountState {
    return computeAdvance(this.state, now).state;
  }

  /** Records one step towards facts that were read at a revision. */
  apply(now: Instant, facts: SubscriptionFacts, revision = this.at(now).subscriptionRevision): readonly Entry[] {
    this.#commands += 1;
    return this.do(now, applySubscription(facts, revision, this.#commands));
  }

  /** Follows facts until there is nothing left to do; answers what happened to the subscription, by time too. */
  sync(now: Instant, facts: SubscriptionFacts): readonly SubscriptionChange[] {
    const changes: SubscriptionChange[] = [];
    for (let round = 0; round < ROUNDS_MAX; round += 1) {
      const made = this.apply(now, facts);
      if (made.length === 0) return changes;
      changes.push(...made.flatMap((entry) => (entry.type === 'subscription_changed' ? [entry.change] : [])));
    }
    throw new Error(`after ${ROUNDS_MAX} steps there is always another one: ${changes.join(', ')}`);
  }
}
