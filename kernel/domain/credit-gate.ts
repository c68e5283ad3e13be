// Owns which work may not start for want of credit, and how credit can be had then. Does not own who covers an amount
// (burn-down.ts), or how far overdraft goes (account.ts).

import { type AccountState, computeAvailable, computeOverdraftRemaining } from './account.ts';
import { DomainError } from './error.ts';
import { accountPolicyOf, overdraftLimitOf, type Rulebook } from './rulebook.ts';
import { isLive } from './subscription.ts';

/**
 * A way to more credit: the invoice that is open, pay-as-you-go credits, or a plan that includes more. Its name is part of the
 * contract.
 */
export type FundsRemedy = 'pay_invoice' | 'top_up' | 'upgrade';

const REMEDY_WORDS: Readonly<Record<FundsRemedy, string>> = {
  pay_invoice: 'pay the open invoice',
  top_up: 'top up',
  upgrade: 'choose a plan that includes more',
};

/** Says whether an action needs credit to start on the account's plan. */
export function isGated({ planCode }: Pick<AccountState, 'planCode'>, action: string, rulebook: Rulebook): boolean {
  const { creditGates } = accountPolicyOf(rulebook, planCode);
  if (creditGates.includes(`!${action}`)) return false;
  return creditGates.includes('*') || creditGates.includes(action);
}

/** Lists how the account can have more credit; nothing where only an operator can help. */
export function listFundsRemedies(
  { planCode, subscription }: Pick<AccountState, 'planCode' | 'subscription'>,
  rulebook: Rulebook,
): readonly FundsRemedy[] {
  const { paygAllowed, rank } = accountPolicyOf(rulebook, planCode);
  const owes = isLive(subscription) && subscription.status === 'past_due';
  // Whoever pays already goes up only; whoever does not may buy the plan that is tried, too.
  const isMore = (other: number): boolean => !isLive(subscription) || other > rank;
  const hasLarger = [...rulebook.policies.values()].some((plan) => plan.isOnSale && isMore(plan.rank));
  return [
    ...(owes ? (['pay_invoice'] as const) : []),
    ...(paygAllowed ? (['top_up'] as const) : []),
    // No plan changes before what is open is paid.
    ...(hasLarger && !owes ? (['upgrade'] as const) : []),
  ];
}

/** Says that funds and overdraft do not cover an amount, what is missing, and how it can be had. All in microcredits. */
export function insufficientCredits(state: AccountState, needed: bigint, rulebook: Rulebook): DomainError {
  const available = computeAvailable(state.totals);
  const overdraftRemaining = computeOverdraftRemaining(state, overdraftLimitOf(rulebook, state.planCode));
  const shortfall = needed - available - overdraftRemaining;
  const remedies = listFundsRemedies(state, rulebook);
  const overdraft = overdraftRemaining > 0n ? ` and ${overdraftRemaining} of overdraft` : '';
  const advice = [...remedies.map((remedy) => REMEDY_WORDS[remedy]), 'ask for less'].join(', or ');
  const message = `${needed} microcredits are needed, the account has ${available}${overdraft}, so ${shortfall} are missing: ${advice}`;
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
