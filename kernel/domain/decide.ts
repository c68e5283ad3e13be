// Owns the rules: what a command does to an account, or why it is refused. Pure: the same state, command and time give
// the same answer. Expects an account that was brought up to `now` (see advance.ts).

import {
  type AccountState,
  computeAvailable,
  computeOverdraftRemaining,
  countGrants,
  sumBuckets,
  ZERO_TOTALS,
} from './account.ts';
import { actionNotFound, resolveActionPrice } from './action-price.ts';
import { computeAddition } from './advance.ts';
import { ACTIVE_GRANTS_MAX, MICROCREDITS_MAX } from './bound.ts';
import { computeBurnDown } from './burn-down.ts';
import type { Adjust, Command, Debit, GiveGrant, OpenAccount } from './command.ts';
import type { Debited, Entry } from './entry.ts';
import { DomainError, invalidField } from './error.ts';
import { subtract } from './evolve.ts';
import type { Grant } from './grant.ts';
import type { Instant } from './id.ts';
import { present } from './optional.ts';
import { computeCost, formatQuantity } from './quantity.ts';
import { overdraftLimitOf } from './rulebook.ts';

/** What a command comes to: one entry, nothing to record, or a refusal that changes nothing. */
export type Decision =
  | { readonly kind: 'accepted'; readonly entry?: Entry }
  | { readonly kind: 'rejected'; readonly error: DomainError };

/** Decides one command over an account that was brought up to `now`. */
export function decide(state: AccountState, command: Command, now: Instant): Decision {
  switch (command.type) {
    case 'open_account':
      return decideOpenAccount(state, command);
    case 'expire':
      return { kind: 'accepted' };
    case 'grant':
      return state.status === 'open' ? decideGrant(state, command, now) : rejectUnopened();
    case 'debit':
      return state.status === 'open' ? decideDebit(state, command, now) : rejectUnopened();
    case 'adjust':
      return state.status === 'open' ? decideAdjust(state, command, now) : rejectUnopened();
  }
}

function decideOpenAccount(state: AccountState, command: OpenAccount): Decision {
  if (state.status === 'open') {
    return reject(new DomainError('IDEMPOTENCY_KEY_REUSED', 'the account of this tenant is open already'));
  }
  const { productCode, planCode, actor } = command;
  return accept({
    type: 'account_opened',
    ...identityOf(command),
    productCode,
    planCode,
    ...present({ actor }),
    after: ZERO_TOTALS,
  });
}

function decideGrant(state: AccountState, command: GiveGrant, now: Instant): Decision {
  const { grantId, bucket, amount, expiresAt, source, actor } = command;
  const effectiveAt = command.effectiveAt ?? now;
  if (amount < 1n)
    return reject(invalidField({ field: 'microcredits', description: `must be above zero, got ${amount}` }));
  if (expiresAt !== undefined && expiresAt <= Math.max(now, effectiveAt)) {
    return reject(
      invalidField({ field: 'expire_time', description: 'must lie in the future and after effective_time' }),
    );
  }
  const problem = findAdditionProblem(state, amount);
  if (problem !== undefined) return reject(problem);
  const whole: Grant = {
    grantId,
    bucket,
    granted: amount,
    remaining: amount,
    effectiveAt,
    source,
    ...present({ expiresAt }),
  };
  const scheduled = effectiveAt > now;
  const addition = scheduled
    ? { deficitPaid: 0n, remaining: amount, after: state.totals }
    : computeAddition(state.totals, whole);
  return accept({
    type: 'granted',
    ...identityOf(command),
    grant: { ...whole, remaining: addition.remaining },
    deficitPaid: addition.deficitPaid,
    scheduled,
    ...present({ actor }),
    after: addition.after,
  });
}

function decideDebit(state: AccountState, command: Debit, now: Instant): Decision {
  const { tenantId, action, quantity, alreadyPerformed, rulebook } = command;
  const price = resolveActionPrice(rulebook.prices, action, { tenantId, planCode: state.planCode, at: now });
  if (price === undefined) return reject(actionNotFound(action));
  if (quantity.millionths < 1n) return reject(invalidField({ field: 'quantity', description: 'must be above zero' }));
  const cost = computeCost(quantity, price.microcreditsPerUnit);
  if (cost > MICROCREDITS_MAX) return reject(outOfRange(`a cost of ${cost} microcredits`));
  const { draws, uncovered } = computeBurnDown(state.grants, cost);
  const overdraftRemaining = computeOverdraftRemaining(state.totals, overdraftLimitOf(rulebook, state.planCode));
  if (uncovered > overdraftRemaining && !alreadyPerformed) {
    return reject(insufficientCredits(cost, computeAvailable(state.totals), overdraftRemaining));
  }
  if (state.totals.deficit + uncovered > MICROCREDITS_MAX) return reject(outOfRange('the deficit after this debit'));
  const drawn = subtract(state.totals, draws);
  const { microcreditsPerUnit, unit, rule, effectiveAt } = price;
  const { projectId, workflowId, runId, runStatus } = command;
  return accept({
    type: 'debited',
    ...identityOf(command),
    action,
    quantity: formatQuantity(quantity),
    price: { microcreditsPerUnit, unit, rule, effectiveAt },
    cost,
    draws,
    deficit: uncovered,
    ...present({ projectId, workflowId, runId, runStatus }),
    alreadyPerformed,
    after: uncovered === 0n ? drawn : { ...drawn, deficit: drawn.deficit + uncovered },
  });
}

function decideAdjust(state: AccountState, command: Adjust, now: Instant): Decision {
  const { grantId, bucket, delta, actor } = command;
  const identity = identityOf(command);
  if (delta === 0n) return reject(invalidField({ field: 'delta_microcredits', description: 'must not be zero' }));
  if (delta > 0n) {
    const problem = findAdditionProblem(state, delta);
    if (problem !== undefined) return reject(problem);
    const { deficitPaid, remaining, after } = computeAddition(state.totals, { bucket, remaining: delta });
    const grant: Grant = { grantId, bucket, granted: delta, remaining, effectiveAt: now, source: 'adjustment' };
    return accept({ type: 'adjusted', ...identity, bucket, delta, draws: [], grant, deficitPaid, actor, after });
  }
  const { draws, uncovered } = computeBurnDown(state.grants, -delta, [bucket]);
  if (uncovered > 0n) return reject(insufficientCredits(-delta, -delta - uncovered, 0n, bucket));
  const after = subtract(state.totals, draws);
  return accept({ type: 'adjusted', ...identity, bucket, delta, draws, deficitPaid: 0n, actor, after });
}

/** Finds why an account can't take one more grant of this amount. */
function findAdditionProblem(state: AccountState, amount: bigint): DomainError | undefined {
  if (countGrants(state) >= ACTIVE_GRANTS_MAX) {
    const message = `the account has ${ACTIVE_GRANTS_MAX} active grants, the most it may have: merge or use up some first`;
    return new DomainError('GRANT_LIMIT_REACHED', message, { metadata: { limit: String(ACTIVE_GRANTS_MAX) } });
  }
  const scheduled = state.scheduled.reduce((sum, grant) => sum + grant.remaining, 0n);
  if (sumBuckets(state.totals) + scheduled + amount > MICROCREDITS_MAX)
    return outOfRange('the balance after this grant');
  return undefined;
}

function outOfRange(what: string): DomainError {
  const message = `${what} would be more than 2^53 - 1 microcredits, the largest amount an account can hold or owe`;
  return new DomainError('BALANCE_OUT_OF_RANGE', message, {
    metadata: { limit_microcredits: String(MICROCREDITS_MAX) },
  });
}

function insufficientCredits(
  needed: bigint,
  available: bigint,
  overdraftRemaining: bigint,
  bucket?: string,
): DomainError {
  const place = bucket === undefined ? 'the account' : `bucket ${bucket}`;
  const overdraft = overdraftRemaining > 0n ? ` and ${overdraftRemaining} of overdraft` : '';
  const message = `${needed} microcredits are needed, ${place} has ${available}${overdraft}: top up, or ask for less`;
  return new DomainError('INSUFFICIENT_CREDITS', message, {
    metadata: {
      needed_microcredits: String(needed),
      available_microcredits: String(available),
      overdraft_remaining_microcredits: String(overdraftRemaining),
      ...present({ bucket }),
    },
  });
}

/** Copies what makes a command this one request into the entry that records it. */
function identityOf(command: Command): Pick<Debited, 'key' | 'fingerprint' | 'personal'> {
  const { key, fingerprint, personal } = command;
  return { key, ...present({ fingerprint, personal }) };
}

function accept(entry: Entry): Decision {
  return { kind: 'accepted', entry };
}

function reject(error: DomainError): Decision {
  return { kind: 'rejected', error };
}

function rejectUnopened(): Decision {
  const message = 'the ledger account of this tenant was never opened: repeat CreateTenant with its request id';
  return reject(new DomainError('ACCOUNT_NOT_OPEN', message));
}
