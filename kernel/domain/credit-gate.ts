// Owns which work may not start for want of credit, and how credit can be had then. Does not own who covers an amount
// (burn-down.ts), or how far overdraft goes (account.ts).

import { type AccountState, computeAvailable, computeOverdraftRemaining, computeOverdrawn } from './account.ts';
import { DomainError } from './error.ts';
import { isUpgrade } from './plan-change.ts';
import { type AccountPolicy, accountPolicyOf, overdraftLimitOf, type Rulebook } from './rulebook.ts';
import { isLive, type Subscription } from './subscription.ts';

/**
 * A way to more credit: the invoice that is open, the renewal that is on its way, the trial that was not used, pay-as-you-go credits, a
 * plan that includes more, or those who sell what nobody can buy alone. Its name is part of the contract.
 */
export type FundsRemedy = 'pay_invoice' | 'await_renewal' | 'start_trial' | 'top_up' | 'upgrade' | 'contact_sales';

type AccountPart = Pick<AccountState, 'planCode' | 'subscription' | 'trial'>;

const REMEDY_WORDS: Readonly<Record<FundsRemedy, string>> = {
  pay_invoice: 'pay the open invoice',
  await_renewal: 'try again once the renewal is paid, which is on its way',
  start_trial: 'start the trial',
  top_up: 'top up',
  upgrade: 'choose a plan that includes more',
  contact_sales: 'contact sales',
};

/** Says whether an action needs credit to start on the account's plan. */
export function isGated({ planCode }: Pick<AccountState, 'planCode'>, action: string, rulebook: Rulebook): boolean {
  const { creditGates } = accountPolicyOf(rulebook, planCode);
  if (creditGates.includes(`!${action}`)) return false;
  return creditGates.includes('*') || creditGates.includes(action);
}

/** Lists how the account can have more credit; nothing where only an operator can help. */
export function listFundsRemedies(account: AccountPart, rulebook: Rulebook): readonly FundsRemedy[] {
  const { planCode, subscription } = account;
  const { paygAllowed, rank, isSoldBySales } = accountPolicyOf(rulebook, planCode);
  const running = isLive(subscription) ? subscription : undefined;
  const plans = [...rulebook.policies.values()];
  const hasLarger = plans.some((plan) => plan.isOnSale && isMore(plan, running, rank));
  // No plan goes up before what is open is paid, and a contract whose invoices are sent by operators alone.
  const isPaid = running === undefined || running.status === 'active';
  const canGoUp = isPaid && running?.isContract !== true;
  const isSold = running !== undefined && (running.isContract === true || isSoldBySales);
  // Those who can go up alone need nobody for it.
  const isAtSales = isPaid && !hasLarger && plans.some((plan) => isToSell(plan) && plan.rank > rank);
  const remedies: readonly (readonly [FundsRemedy, boolean])[] = [
    ['pay_invoice', running?.status === 'past_due'],
    ['await_renewal', running?.status === 'renewal_pending'],
    ['start_trial', canTry(account, rulebook)],
    ['top_up', paygAllowed && rulebook.switchedOff?.has('TOPUPS_ENABLED') !== true],
    ['upgrade', hasLarger && canGoUp],
    ['contact_sales', isSold || isAtSales],
  ];
  return remedies.filter(([, isOpen]) => isOpen).map(([remedy]) => remedy);
}

/** A person can have had too many trials elsewhere, and a plan can want a card: whoever starts one is told. */
function canTry({ planCode, subscription, trial }: AccountPart, rulebook: Rulebook): boolean {
  const { fallbackPlanCode, switchedOff, policies } = rulebook;
  if (trial !== undefined || isLive(subscription) || planCode !== fallbackPlanCode) return false;
  return switchedOff?.has('TRIALS_ENABLED') !== true && [...policies.values()].some((plan) => plan.trialGranted > 0n);
}

function isToSell({ isSoldBySales, isArchived }: AccountPolicy): boolean {
  return isSoldBySales && !isArchived;
}

/**
 * Whoever pays already goes up at once only, no plan that would wait helps; whoever does not may buy the plan that is tried, too. A plan
 * gives more where its cycle gives anything, and inside of a cycle that goes on, where that is more than was paid for.
 */
function isMore(
  { rank: to, cycle, includedPerCycle }: AccountPolicy,
  running: Subscription | undefined,
  rank: number,
): boolean {
  if (running === undefined) return includedPerCycle > 0n;
  const { interval, intervalCount, paidAllowance } = running;
  if (cycle === undefined || !isUpgrade({ interval, intervalCount, rank }, { ...cycle, rank: to })) return false;
  const goesOn = cycle.interval === interval && cycle.intervalCount === intervalCount;
  return includedPerCycle > (goesOn ? paidAllowance : 0n);
}

/** What an amount lacks, and what there is, all in microcredits. */
export interface FundsGap {
  readonly available: bigint;
  readonly overdraftRemaining: bigint;
  /** What is owed beyond overdraft: it is paid before anything is covered. */
  readonly overdrawn: bigint;
  /** How much credit has to come before the amount is covered; 0 where it is. */
  readonly shortfall: bigint;
}

/** Computes what an amount lacks. */
export function computeFundsGap(state: AccountState, needed: bigint, rulebook: Rulebook): FundsGap {
  const overdraftLimit = overdraftLimitOf(rulebook, state.planCode);
  const available = computeAvailable(state.totals);
  const overdraftRemaining = computeOverdraftRemaining(state, overdraftLimit);
  const overdrawn = computeOverdrawn(state, overdraftLimit);
  const missing = needed - available - overdraftRemaining;
  return { available, overdraftRemaining, overdrawn, shortfall: missing > 0n ? missing + overdrawn : 0n };
}

/** Says that funds and overdraft do not cover an amount, what is missing, and how it can be had. All in microcredits. */
export function insufficientCredits(state: AccountState, needed: bigint, rulebook: Rulebook): DomainError {
  const { available, overdraftRemaining, overdrawn, shortfall } = computeFundsGap(state, needed, rulebook);
  const remedies = listFundsRemedies(state, rulebook);
  const overdraft = overdraftRemaining > 0n ? ` and ${overdraftRemaining} of overdraft` : '';
  const debt = overdrawn > 0n ? ` and owes ${overdrawn}, which the next credit pays first` : '';
  const advice = [...remedies.map((remedy) => REMEDY_WORDS[remedy]), 'ask for less'].join(', or ');
  const message = `${needed} microcredits are needed, the account has ${available}${overdraft}${debt}, so ${shortfall} are missing: ${advice}`;
  return new DomainError('INSUFFICIENT_CREDITS', message, {
    metadata: {
      needed_microcredits: String(needed),
      available_microcredits: String(available),
      overdraft_remaining_microcredits: String(overdraftRemaining),
      shortfall_microcredits: String(shortfall),
      ...(remedies.length === 0 ? {} : { remedies: remedies.join(',') }),
    },
  });
}
