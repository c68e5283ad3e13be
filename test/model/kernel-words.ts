// Says in the model's words what the kernel says in its own: commands, entries, refusals, states. Only shapes are read here;
// nothing is computed with the kernel's code.

import type { AccountState } from '../../kernel/domain/account.ts';
import type { Command } from '../../kernel/domain/command.ts';
import type { Entry } from '../../kernel/domain/entry.ts';
import type { GrantDraw } from '../../kernel/domain/grant.ts';
import type { HoldEnd, HoldFigures } from '../../kernel/domain/hold.ts';
import type { Rulebook } from '../../kernel/domain/rulebook.ts';
import type { PendingPlan, Subscription, SubscriptionFacts } from '../../kernel/domain/subscription.ts';
import type { Trial } from '../../kernel/domain/trial.ts';
import {
  type Answer,
  type Ask,
  type Deed,
  type EndSight,
  type HoldSight,
  joinParts,
  type Part,
  type PriceLine,
  type Rules,
  type Sight,
  type TrialSight,
} from './account-model.ts';
import type { Standing, StripeSight } from './subscription-model.ts';

/** Reads the rules that a command carries. */
export function rulesOf(rulebook: Rulebook, tenant: string): Rules {
  const lines: PriceLine[] = [];
  const { defaults, plans, tenants } = rulebook.prices;
  for (const book of [defaults, ...plans.values(), ...tenants.values()]) {
    for (const rows of book.values()) {
      for (const row of rows) {
        const whose = row.rule === 'tenant' ? row.tenantId : row.planCode;
        const perUnit = row.endsOverride === true ? undefined : row.microcreditsPerUnit;
        lines.push({ action: row.action, level: row.rule, whose, from: row.effectiveAt, perUnit });
      }
    }
  }
  const limits = new Map<string, bigint>();
  const gates = new Map<string, readonly string[]>();
  for (const [plan, policy] of rulebook.policies) {
    limits.set(plan, policy.overdraftLimit);
    gates.set(plan, policy.creditGates);
  }
  return {
    tenant,
    overdraftOf: (plan) => limits.get(plan) ?? 0n,
    needsCredit: (plan, action) => needsCredit(gates.get(plan) ?? ['*'], action),
    pricesOf: (action) => lines.filter((line) => line.action === action),
  };
}

/** The last word about an action counts: that it is exempt, then its name, then that all are meant. */
function needsCredit(gates: readonly string[], action: string): boolean {
  for (const gate of gates) if (gate === `!${action}`) return false;
  for (const gate of gates) if (gate === action || gate === '*') return true;
  return false;
}

/** Reads a command. `tenant` is whose account it is for; `holdId` names the hold that a reservation would make. */
export function askOf(command: Command, tenant: string, holdId: string): Ask {
  const { key } = command;
  switch (command.type) {
    case 'expire':
      return { key, to: 'look' };
    case 'open_account':
      return { key, to: 'open', plan: command.planCode };
    case 'grant': {
      const { grantId: credit, bucket, amount, effectiveAt: from, expiresAt: until } = command;
      return { key, to: 'give', credit, bucket, amount, from, until };
    }
    case 'debit': {
      const { action, quantity, alreadyPerformed: mustPay, rulebook } = command;
      const rules = rulesOf(rulebook, command.tenantId);
      return { key, to: 'use', action, millionths: quantity.millionths, mustPay, rules };
    }
    case 'adjust':
      return { key, to: 'correct', credit: command.grantId, bucket: command.bucket, change: command.delta };
    case 'reserve': {
      const { action, quantity, expiresAt: until, rulebook } = command;
      const rules = rulesOf(rulebook, command.tenantId);
      return { key, to: 'hold', hold: holdId, action, millionths: quantity.millionths, until, rules };
    }
    case 'extend': {
      const { holdId: hold, quantity, expiresAt: until, rulebook } = command;
      return { key, to: 'extend', hold, millionths: quantity?.millionths, until, rules: rulesOf(rulebook, tenant) };
    }
    case 'settle':
      return { key, to: 'settle', hold: command.holdId, millionths: command.quantity.millionths, final: command.final };
    case 'release':
      return { key, to: 'release', hold: command.holdId };
    case 'reverse':
      return { key, to: 'undo', target: command.target.entry.key, credit: command.grantId };
    case 'redact':
      return { key, to: 'redact', target: command.entryId };
    case 'start_trial': {
      const { grantId: credit, planCode: plan, fallbackPlanCode: after, granted: amount, endsAt: until } = command;
      const { revokesUnused: lapses, onlyFromFallback: onlyFromAfter, claimedUntil } = command;
      const decidedBy = claimedUntil ?? Number.POSITIVE_INFINITY;
      return { key, to: 'try', credit, plan, after, amount, until, lapses, onlyFromAfter, decidedBy };
    }
    case 'cancel_trial':
      return { key, to: 'quit' };
    case 'apply_subscription': {
      const { grantId: credit, facts, revision: moves } = command;
      return { key, to: 'follow', credit, sees: stripeSightOf(facts), moves };
    }
    case 'settle_payback': {
      const { paidGrantId: own, grantId: credit, target, before, waivesDebt: waives } = command;
      return { key, to: 'pay-back', own, credit, target, total: before.total, waived: before.waivedTotal, waives };
    }
    case 'report_run':
    case 'consent_to_trial':
      throw new RangeError(`the model has no word for ${command.type}: it moves no credit`);
  }
}

/** Reads what an entry says that happened. */
export function deedOf(entry: Entry): Deed {
  switch (entry.type) {
    case 'account_opened':
      return { did: 'opened' };
    case 'granted':
      return { did: 'gave', left: entry.grant.remaining, paid: entry.deficitPaid, later: entry.scheduled };
    case 'grant_started':
      return { did: 'began', credit: entry.grantId, paid: entry.deficitPaid, at: entry.dueAt };
    case 'grant_expired':
      return { did: 'lapsed', part: partOf(entry.expired), at: entry.dueAt };
    case 'debited':
      return { did: 'used', cost: entry.cost, parts: entry.draws.map(partOf), owed: entry.deficit };
    case 'adjusted': {
      const left = entry.grant?.remaining ?? 0n;
      return { did: 'corrected', parts: entry.draws.map(partOf), left, paid: entry.deficitPaid };
    }
    case 'reversed':
      return {
        did: 'undid',
        back: joinParts(entry.returned.map(({ grantId, remaining }): Part => [grantId, remaining])),
        lapsed: joinParts(entry.expired.map(partOf)),
        taken: entry.taken.map(partOf),
        dropped: entry.unscheduled,
        cancelled: entry.deficitCancelled,
        paid: entry.deficitPaid,
      };
    case 'redacted':
      return { did: 'redacted' };
    case 'trial_started':
      return { did: 'tried', left: entry.grant?.remaining ?? 0n, paid: entry.deficitPaid };
    case 'trial_canceled':
      return { did: 'quit' };
    case 'trial_consented':
      throw new RangeError(`the model has no word for ${entry.type}: consent moves no credit`);
    case 'subscription_changed': {
      const { change, subscription, planCode: plan, at, endsTrial, grant, rolledOver: kept, deficitPaid: paid } = entry;
      // A grant of which everything is held lapses too, with nothing of it free.
      const lapsed = entry.lapsed.map(partOf).filter(([, amount]) => amount > 0n);
      const credits = { lapsed, kept, left: grant?.remaining ?? 0n, paid };
      return { did: 'followed', change, standing: standingOf(subscription), plan, at, endsTrial, ...credits };
    }
    case 'run_reported':
      throw new RangeError('the model has no word for a run: it moves no credit');
    case 'payback_settled': {
      const { taken, deficit: owed, waivedTotal: waived, grant, deficitPaid: paid } = entry;
      return { did: 'paid-back', taken: taken.map(partOf), owed, waived, left: grant?.remaining ?? 0n, paid };
    }
    case 'trial_ended':
      return { did: 'tried-out', plan: entry.planCode, at: entry.dueAt };
    default:
      return deedOfHoldEntry(entry);
  }
}

type HoldEntry = Extract<Entry, { readonly hold: HoldFigures }>;

function deedOfHoldEntry(entry: HoldEntry): Deed {
  const hold = holdSightOf(entry.hold);
  switch (entry.type) {
    case 'reserved':
      return { did: 'held', hold };
    case 'hold_extended':
      return { did: 'extended', more: entry.draws.map(partOf), overdraft: entry.overdraft, hold };
    case 'settled': {
      const { cost, drawsFromHold, deficit: owed, late, end } = entry;
      const parts = entry.draws.map(partOf);
      const [fromHold, others] = [parts.slice(0, drawsFromHold), parts.slice(drawsFromHold)];
      const sight = late ? { ...hold, until: undefined } : hold;
      const charge = { did: 'settled', cost, fromHold, others, owed, late, hold: sight } as const;
      return end === undefined ? charge : { ...charge, end: endSightOf(end) };
    }
    case 'hold_released':
      return { did: 'released', hold, end: endSightOf(entry.end) };
    default:
      return { did: 'ran-out', id: entry.holdId, at: entry.dueAt, hold, end: endSightOf(entry.end) };
  }
}

function holdSightOf({ draws, overdraft, settled, expiresAt }: HoldFigures): HoldSight {
  return { held: draws.map(partOf), overdraft, charged: settled, until: expiresAt };
}

function endSightOf({ freed, expired, deficitPaid }: HoldEnd): EndSight {
  return { freed: freed.map(partOf), lapsed: expired.map(partOf), paid: deficitPaid };
}

function partOf({ grantId, microcredits }: GrantDraw): Part {
  return [grantId, microcredits];
}

/** Reads a refusal, with the figures that it gives. */
export function refusalOf(reason: string, metadata: Readonly<Record<string, string>>): Answer {
  const {
    needed_microcredits: needed,
    available_microcredits: available,
    overdraft_remaining_microcredits: overdraft,
  } = metadata;
  if (needed === undefined || available === undefined || overdraft === undefined) return { kind: 'refused', reason };
  return {
    kind: 'refused',
    reason,
    needed: BigInt(needed),
    available: BigInt(available),
    overdraft: BigInt(overdraft),
  };
}

/** Reads an account that was brought up to the time in question. */
export function sightOf(
  state: Pick<
    AccountState,
    'planCode' | 'trial' | 'subscription' | 'totals' | 'grants' | 'pinned' | 'scheduled' | 'holds'
  >,
): Sight {
  const free: Record<string, bigint> = {};
  const pinned: Record<string, bigint> = {};
  const { trial, included, payg } = state.grants;
  for (const { grantId, remaining, held } of [...trial, ...included, ...payg, ...state.pinned, ...state.scheduled]) {
    if (remaining > 0n) free[grantId] = remaining;
    if (held > 0n) pinned[grantId] = held;
  }
  const holds = Object.fromEntries(state.holds.map((hold) => [hold.holdId, holdSightOf(hold)]));
  const own = state.trial === undefined ? undefined : trialSightOf(state.trial);
  const standing = state.subscription === undefined ? undefined : standingOf(state.subscription);
  return { sums: state.totals, plan: state.planCode, trial: own, standing, free, pinned, holds };
}

function standingOf(subscription: Subscription): Standing {
  const { stripeSubscriptionId: id, status: stands, planCode: plan, stripePriceId: price } = subscription;
  const {
    includedPerCycle: allowance,
    rolloverLimit: keeps,
    graceMs,
    pastDueEnd,
    fallbackPlanCode: after,
  } = subscription;
  const { periodStart: from, periodEnd: until, paidAllowance: paidFor, graceEndsAt: graceUntil } = subscription;
  const { cancelAt: endsAt, pending, failureCode: trouble, endedAt, endedBy, leftOver } = subscription;
  return {
    ...{ id, stands, plan, price, span: spanOf(subscription) },
    ...{ allowance, keeps, graceMs, falls: pastDueEnd === 'fallback', after, from, until },
    ...{ paidFor, graceUntil, endsAt, next: nextOf(pending), trouble, endedAt, endedBy },
    ...{ spared: leftOver?.microcredits, owed: leftOver?.wasPastDue, owedUntil: leftOver?.graceEndsAt },
  };
}

function stripeSightOf(facts: SubscriptionFacts): StripeSight {
  const { stripeSubscriptionId: id, phase, isUnpaid: unpaid, isContract: contract, terms, rules } = facts;
  const { periodStart: from, periodEnd: until, cycleInvoice, changeInvoice, fallbackPlanCode: after } = facts;
  const { cancelAt: endsAt, pending, failureCode: trouble, endedAt, earlierChanges = [] } = facts;
  const { includedPerCycle = terms.includedPerCycle, state, paidAt } = cycleInvoice;
  return {
    ...{
      id,
      phase,
      unpaid,
      contract,
      plan: terms.planCode,
      price: terms.stripePriceId,
      span: spanOf(terms),
      allowance: terms.includedPerCycle,
    },
    ...{
      keeps: rules.rolloverLimit,
      graceMs: rules.graceMs,
      falls: rules.pastDueEnd === 'fallback',
      after,
      from,
      until,
    },
    cycle: { state, allowance: includedPerCycle, paidAt },
    change: { state: changeInvoice.state },
    changes: [...earlierChanges, { ...changeInvoice, includedPerCycle: terms.includedPerCycle }]
      .map(({ state: is, changedAt: since, includedPerCycle: allowance }) => ({ state: is, since, allowance }))
      .sort((a, b) => a.since - b.since),
    ...{ endsAt, next: nextOf(pending), trouble, endedAt },
  };
}

function spanOf({ intervalCount, interval }: Pick<Subscription, 'interval' | 'intervalCount'>): string {
  return `${intervalCount} ${interval}`;
}

function nextOf(pending: PendingPlan | undefined): string | undefined {
  return pending && `${pending.terms.stripePriceId} at ${pending.effectiveAt}`;
}

function trialSightOf({ planCode: plan, fallbackPlanCode, endsAt, status }: Trial): TrialSight {
  return { plan, after: fallbackPlanCode, until: endsAt, stands: status };
}
