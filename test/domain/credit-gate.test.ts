// Which work may not begin without credit, and what whoever lacks it is told.

import { describe, expect, it } from 'vitest';
import { MICROCREDITS_MAX } from '../../kernel/domain/bound.ts';
import { isGated, listFundsRemedies } from '../../kernel/domain/credit-gate.ts';
import type { PlanCode } from '../../kernel/domain/id.ts';
import { type AccountPolicy, CLOSED_ACCOUNT_POLICY, type Rulebook } from '../../kernel/domain/rulebook.ts';
import type { Subscription } from '../../kernel/domain/subscription.ts';
import {
  ACTION,
  accountAfter,
  debit,
  entryOf,
  extend,
  giveGrant,
  hold,
  PLAN,
  play,
  priceOf,
  refusalOf,
  release,
  reserve,
  rulebookOf,
  START,
  settle,
} from './support/command.ts';

function rulesOf(
  policy: Partial<AccountPolicy>,
  others: Readonly<Record<string, Partial<AccountPolicy>>> = {},
): Rulebook {
  const all = Object.entries({ [PLAN]: policy, ...others });
  const policies = new Map(
    all.map(([code, own]) => [code as PlanCode, { ...CLOSED_ACCOUNT_POLICY, includedPerCycle: 6n, ...own }]),
  );
  return { ...rulebookOf(), policies };
}

const gatesOf = (creditGates: readonly string[]) => rulesOf({ creditGates });
const EXEMPT = gatesOf(['*', `!${ACTION}`]);

describe('the gates of a plan', () => {
  it.each<[gates: readonly string[], action: string, isGated: boolean]>([
    [['*'], 'step', true],
    [['*', '!step'], 'step', false],
    [['!step', '*'], 'step', false],
    [['*', '!step'], 'other', true],
    [['step'], 'step', true],
    [['step'], 'other', false],
    [['step', '!step'], 'step', false],
    [[], 'step', false],
    [['!step'], 'other', false],
  ])('%j: whether %s needs credit is %s', (gates, action, expected) => {
    expect(isGated({ planCode: PLAN }, action, gatesOf(gates))).toBe(expected);
  });

  it('are closed for a plan that says nothing', () => {
    expect(isGated({ planCode: 'unknown' as PlanCode }, ACTION, gatesOf([]))).toBe(true);
  });
});

describe('a hold of what needs no credit to begin', () => {
  it('holds what there is, and counts on overdraft beyond any limit for the rest', () => {
    const state = accountAfter(giveGrant('a', 3n));
    const { hold: open, state: after } = hold(state, START, reserve('10', { rulebook: EXEMPT }));
    expect(open.overdraft).toBe(7n);
    expect(after).toMatchObject({ overdraftHeld: 7n, totals: { payg: 3n, held: 3n, deficit: 0n } });
    // Others have no credit and no overdraft left for that.
    expect(refusalOf(after, START, reserve('1', { rulebook: gatesOf(['*']) })).reason).toBe('INSUFFICIENT_CREDITS');
  });

  it('can be extended in the same way, is charged as deficit, and leaves nothing behind when it is released', () => {
    const { state, holdId } = hold(accountAfter(), START, reserve('2', { rulebook: EXEMPT }));
    const longer = play(state, START, extend(holdId, { quantity: { millionths: 3_000_000n }, rulebook: EXEMPT })).state;
    expect(longer.overdraftHeld).toBe(5n);
    const settled = play(longer, START, settle(holdId, '5')).state;
    expect(settled).toMatchObject({ overdraftHeld: 0n, totals: { deficit: 5n } });
    expect(play(longer, START, release(holdId)).state).toMatchObject({ overdraftHeld: 0n, totals: { deficit: 0n } });
  });

  it('never counts on more than an account can owe', () => {
    const dear = {
      ...EXEMPT,
      prices: rulebookOf(0n, [priceOf({ action: ACTION, microcreditsPerUnit: MICROCREDITS_MAX })]).prices,
    };
    const { state } = hold(accountAfter(), START, reserve('1', { rulebook: dear }));
    expect(state.overdraftHeld).toBe(MICROCREDITS_MAX);
    expect(refusalOf(state, START, reserve('0.000001', { rulebook: dear })).reason).toBe('BALANCE_OUT_OF_RANGE');
  });

  it('is the only thing that is exempt: a debit is covered in full, or refused', () => {
    const state = accountAfter(giveGrant('a', 3n));
    expect(refusalOf(state, START, debit('4', { rulebook: EXEMPT })).reason).toBe('INSUFFICIENT_CREDITS');
    expect(entryOf(state, START, debit('3', { rulebook: EXEMPT }), 'debited').deficit).toBe(0n);
  });
});

const SUBSCRIPTION: Subscription = {
  ...{ planCode: PLAN, stripePriceId: 'price_1', minorUnits: 4_900n, currency: 'usd' },
  ...{ interval: 'month', intervalCount: 1, includedPerCycle: 5n, paidAllowance: 5n },
  ...{ rolloverLimit: 0n, graceMs: 7, pastDueEnd: 'fallback', fallbackPlanCode: 'free' as PlanCode },
  ...{ stripeSubscriptionId: 'sub_1', status: 'active', startedAt: START, periodStart: START, periodEnd: START + 31 },
};

const OFF = new Set(['TOPUPS_ENABLED', 'TRIALS_ENABLED'] as const);
const TRIABLE: Rulebook = { ...rulesOf({}, { tried: { trialGranted: 5n } }), fallbackPlanCode: PLAN };

describe('whoever lacks credit is told', () => {
  const month = { interval: 'month', intervalCount: 1 } as const;
  const year = { interval: 'year', intervalCount: 1 } as const;
  const plans = {
    larger: { rank: 20, isOnSale: true, cycle: month },
    sales: { rank: 90 },
    smaller: { rank: 1, isOnSale: true, cycle: month },
  };
  const largest = { smaller: plans.smaller, sales: plans.sales };
  const yearly = { smaller: { ...plans.smaller, rank: 10, cycle: year } };
  const atSales = { ...largest, sales: { rank: 90, isSoldBySales: true } };
  const own = { rank: 10, isOnSale: true };

  it.each<
    [what: string, rulebook: Rulebook, subscription: Partial<Subscription> | undefined, remedies: readonly string[]]
  >([
    ['nothing, where only an operator helps', rulesOf({}), undefined, []],
    ['to top up, where the plan allows it', rulesOf({ paygAllowed: true }), undefined, ['top_up']],
    [
      'nothing of top-ups that are switched off',
      { ...rulesOf({ paygAllowed: true }), switchedOff: OFF },
      undefined,
      [],
    ],
    ['to start the trial, where it had none', TRIABLE, undefined, ['start_trial']],
    ['to start it after a plan ended, too', TRIABLE, { status: 'ended' }, ['start_trial']],
    ['nothing of a trial beside a plan', TRIABLE, {}, []],
    ['nothing of a trial that is switched off', { ...TRIABLE, switchedOff: OFF }, undefined, []],
    ['nothing of a trial from another plan', { ...TRIABLE, fallbackPlanCode: 'free' as PlanCode }, undefined, []],
    ['nothing of a trial that gives no credits', { ...rulesOf({}), fallbackPlanCode: PLAN }, undefined, []],
    ['to buy a plan, where none is paid for: the one that is tried will do', rulesOf(own), undefined, ['upgrade']],
    ['to buy a larger plan', rulesOf(own, plans), {}, ['upgrade']],
    ['nothing of plans, where none is larger that can be bought', rulesOf(own, largest), {}, []],
    ['to buy its plan by the year', rulesOf(own, yearly), {}, ['upgrade']],
    ['nothing of its plan by the year, where it has that', rulesOf(own, yearly), year, []],
    ['nothing of a larger plan that would wait for the end of its year', rulesOf(own, plans), year, []],
    ['to buy a larger plan by the year', rulesOf(own, { larger: { ...plans.larger, cycle: year } }), year, ['upgrade']],
    ['nothing of a larger plan without a price', rulesOf(own, { larger: { rank: 20, isOnSale: true } }), {}, []],
    ['to contact sales about a larger plan, where none can be bought', rulesOf(own, atSales), {}, ['contact_sales']],
    ['nothing of sales, where a larger one can be bought', rulesOf(own, { ...plans, ...atSales }), {}, ['upgrade']],
    ['nothing of sales before it has paid', rulesOf(own, atSales), { status: 'past_due' }, ['pay_invoice']],
    [
      'to contact sales, where no plan can be bought at all',
      rulesOf({}, { sales: atSales.sales }),
      undefined,
      ['contact_sales'],
    ],
    [
      'nothing of a larger plan that gives nothing more',
      rulesOf(own, { larger: { ...plans.larger, includedPerCycle: 5n } }),
      {},
      [],
    ],
    [
      'to buy a larger plan whose year gives anything at once',
      rulesOf(own, { larger: { ...plans.larger, cycle: year, includedPerCycle: 1n } }),
      {},
      ['upgrade'],
    ],
    ['nothing of plans whose cycles give nothing', rulesOf({ ...own, includedPerCycle: 0n }), undefined, []],
    [
      'nothing of sales, whose larger plan is archived',
      rulesOf(own, { sales: { ...atSales.sales, isArchived: true } }),
      {},
      [],
    ],
    ['nothing of sales, who sell nothing larger', rulesOf({ ...own, rank: 90 }, atSales), {}, []],
    ['to buy a plan again after the last one ended', rulesOf(own, largest), { status: 'ended' }, ['upgrade']],
    [
      'to pay what is open first',
      rulesOf({ ...own, paygAllowed: true }, plans),
      { status: 'past_due' },
      ['pay_invoice', 'top_up'],
    ],
    ['to wait while a renewal comes', rulesOf(own, plans), { status: 'renewal_pending' }, ['await_renewal']],
    [
      'to wait while a renewal comes, or to top up',
      rulesOf({ ...own, paygAllowed: true }, plans),
      { status: 'renewal_pending' },
      ['await_renewal', 'top_up'],
    ],
    ['to contact sales by contract', rulesOf(own, plans), { isContract: true }, ['contact_sales']],
    [
      'to top up by contract, too, where the plan allows it',
      rulesOf({ ...own, paygAllowed: true }, plans),
      { isContract: true },
      ['top_up', 'contact_sales'],
    ],
    [
      'to pay what is open of a contract',
      rulesOf({}, plans),
      { isContract: true, status: 'past_due' },
      ['pay_invoice', 'contact_sales'],
    ],
    [
      'to contact sales about a plan that they sell, or to buy a larger one, where its card is charged',
      rulesOf({ rank: 10, isSoldBySales: true }, plans),
      {},
      ['upgrade', 'contact_sales'],
    ],
    ['nothing of sales after the contract ended', rulesOf({ isSoldBySales: true }), { status: 'ended' }, []],
    ['nothing of sales on such a plan without a contract', rulesOf({ isSoldBySales: true }), undefined, []],
  ])('%s', (_, rulebook, change, remedies) => {
    const subscription = change === undefined ? {} : { subscription: { ...SUBSCRIPTION, ...change } };
    expect(listFundsRemedies({ planCode: PLAN, ...subscription }, rulebook)).toEqual(remedies);
  });

  it('nothing of a trial that it had', () => {
    const trial = {
      ...{ planCode: 'tried' as PlanCode, fallbackPlanCode: PLAN, endsAt: START, granted: 5n, revokesUnused: true },
      ...{ endBehaviour: 'fallback' as const, status: 'ended' as const, startedAt: START },
    };
    expect(listFundsRemedies({ planCode: PLAN, trial }, TRIABLE)).toEqual([]);
  });

  it('what is missing, in words and in figures', () => {
    const rulebook = rulesOf({ overdraftLimit: 2n, paygAllowed: true }, { larger: plans.larger });
    const state = accountAfter(giveGrant('a', 3n));
    for (const command of [debit('9', { rulebook }), reserve('9', { rulebook })]) {
      const { message, metadata } = refusalOf(state, START, command);
      expect(message).toBe(
        '9 microcredits are needed, the account has 3 and 2 of overdraft, so 4 are missing: ' +
          'top up, or choose a plan that includes more, or ask for less',
      );
      expect(metadata).toEqual({
        needed_microcredits: '9',
        available_microcredits: '3',
        overdraft_remaining_microcredits: '2',
        shortfall_microcredits: '4',
        remedies: 'top_up,upgrade',
      });
    }
  });

  it.each<[owed: string, limit: bigint, overdraftLeft: bigint, missing: bigint, debt: string]>([
    ['5', 0n, 0n, 14n, ' and owes 5, which the next credit pays first'],
    ['5', 2n, 0n, 12n, ' and owes 3, which the next credit pays first'],
    ['5', 7n, 2n, 7n, ' and 2 of overdraft'],
  ])('what covers an amount where %s is owed and %s of overdraft allowed', (owed, limit, left, missing, debt) => {
    const rulebook = rulesOf({ overdraftLimit: limit });
    const state = accountAfter(debit(owed, { rulebook, alreadyPerformed: true }));
    for (const command of [debit('9', { rulebook }), reserve('9', { rulebook })]) {
      const { message, metadata } = refusalOf(state, START, command);
      expect(message).toBe(
        `9 microcredits are needed, the account has 0${debt}, so ${missing} are missing: ask for less`,
      );
      expect(metadata).toMatchObject({
        overdraft_remaining_microcredits: String(left),
        shortfall_microcredits: String(missing),
      });
      const nearly = accountAfter(debit(owed, { rulebook, alreadyPerformed: true }), giveGrant('a', missing - 1n));
      expect(refusalOf(nearly, START, command).metadata).toMatchObject({ shortfall_microcredits: '1' });
    }
    const covered = accountAfter(debit(owed, { rulebook, alreadyPerformed: true }), giveGrant('a', missing));
    expect(entryOf(covered, START, debit('9', { rulebook }), 'debited').after.payg).toBeLessThanOrEqual(missing);
  });
});
