// Owns the rules: what a command does to an account, or why it is refused. Pure: the same state, command and time give
// the same answer. Expects an account that was brought up to `now` (see advance.ts).

import { type AccountState, computeOverdraftRemaining, subtractDraws, ZERO_TOTALS } from './account.ts';
import { actionNotFound, applyPrice, resolveActionPrice } from './action-price.ts';
import { computeAddition } from './addition.ts';
import { MICROCREDITS_MAX } from './bound.ts';
import type { Bucket } from './bucket.ts';
import { computeBurnDown } from './burn-down.ts';
import type { Adjust, Command, Debit, GiveGrant, OpenAccount, OpenAccountCommand, ReportRun } from './command.ts';
import { insufficientCredits } from './credit-gate.ts';
import { decideExtend, decideRelease, decideReserve, decideSettle } from './decide-hold.ts';
import { decideRedact, decideReverse } from './decide-reversal.ts';
import { decideApplySubscription } from './decide-subscription.ts';
import { decideCancelTrial, decideConsentToTrial, decideStartTrial } from './decide-trial.ts';
import {
  accept,
  claimRanOut,
  type Decision,
  findAdditionProblem,
  identityOf,
  outOfRange,
  reject,
  rejectUnopened,
} from './decision.ts';
import type { EntryPlace } from './entry-id.ts';
import { DomainError, invalidField } from './error.ts';
import type { Grant } from './grant.ts';
import type { Instant } from './id.ts';
import { present } from './optional.ts';
import { decideSettlePayback } from './payback.ts';
import { computeCost, formatQuantity } from './quantity.ts';
import { overdraftLimitOf } from './rulebook.ts';

/** When a command is decided, and where the entry that records it will stand. */
export interface DecisionPlace extends EntryPlace {
  readonly now: Instant;
}

/** Decides one command over an account that was brought up to `now`. */
export function decide(state: AccountState, command: Command, place: DecisionPlace): Decision {
  if (command.type === 'open_account') return decideOpenAccount(state, command);
  if (command.type === 'expire') return { kind: 'accepted' };
  return state.status === 'open' ? decideOpen(state, command, place) : rejectUnopened();
}

function decideOpen(state: AccountState, command: OpenAccountCommand, place: DecisionPlace): Decision {
  const { now } = place;
  switch (command.type) {
    case 'grant':
      return decideGrant(state, command, now);
    case 'debit':
      return decideDebit(state, command, now);
    case 'adjust':
      return decideAdjust(state, command, now);
    case 'reserve':
      return decideReserve(state, command, place);
    case 'extend':
      return decideExtend(state, command, now);
    case 'settle':
      return decideSettle(state, command, now);
    case 'release':
      return decideRelease(state, command, now);
    case 'reverse':
      return decideReverse(state, command, now);
    case 'redact':
      return decideRedact(state, command);
    case 'start_trial':
      return decideStartTrial(state, command, now);
    case 'cancel_trial':
      return decideCancelTrial(state, command);
    case 'consent_to_trial':
      return decideConsentToTrial(state, command, now);
    case 'apply_subscription':
      return decideApplySubscription(state, command, now);
    case 'settle_payback':
      return decideSettlePayback(state, command, now);
    case 'report_run':
      return decideReportRun(state, command);
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
  const { grantId, bucket, amount, expiresAt, claimedUntil, source, actor } = command;
  const effectiveAt = command.effectiveAt ?? now;
  if (amount < 1n)
    return reject(invalidField({ field: 'microcredits', description: `must be above zero, got ${amount}` }));
  if (expiresAt !== undefined && expiresAt <= Math.max(now, effectiveAt)) {
    return reject(
      invalidField({ field: 'expire_time', description: 'must lie in the future and after effective_time' }),
    );
  }
  if (claimedUntil !== undefined && claimedUntil < now) return reject(claimRanOut('the gift'));
  const problem = findAdditionProblem(state, amount);
  if (problem !== undefined) return reject(problem);
  const whole: Grant = {
    grantId,
    bucket,
    granted: amount,
    remaining: amount,
    held: 0n,
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
  const overdraftRemaining = computeOverdraftRemaining(state, overdraftLimitOf(rulebook, state.planCode));
  if (uncovered > overdraftRemaining && !alreadyPerformed) {
    return reject(insufficientCredits(state, cost, rulebook));
  }
  if (state.totals.deficit + uncovered > MICROCREDITS_MAX) return reject(outOfRange('the deficit after this debit'));
  const drawn = subtractDraws(state.totals, draws);
  const { projectId, workflowId, runId, runStatus } = command;
  return accept({
    type: 'debited',
    ...identityOf(command),
    action,
    quantity: formatQuantity(quantity),
    price: applyPrice(price),
    cost,
    draws,
    deficit: uncovered,
    ...present({ projectId, workflowId, runId, runStatus }),
    alreadyPerformed,
    after: uncovered === 0n ? drawn : { ...drawn, deficit: drawn.deficit + uncovered },
  });
}

/** What ran is a fact, whatever the account holds. */
function decideReportRun(state: AccountState, command: ReportRun): Decision {
  const { projectId, workflowId, runId, runStatus } = command;
  const about = { runId, runStatus, ...present({ projectId, workflowId }) };
  return accept({ type: 'run_reported', ...identityOf(command), ...about, after: state.totals });
}

function decideAdjust(state: AccountState, command: Adjust, now: Instant): Decision {
  const { grantId, bucket, delta, actor } = command;
  const identity = identityOf(command);
  if (delta === 0n) return reject(invalidField({ field: 'delta_microcredits', description: 'must not be zero' }));
  if (delta > 0n) {
    const problem = findAdditionProblem(state, delta);
    if (problem !== undefined) return reject(problem);
    const { deficitPaid, remaining, after } = computeAddition(state.totals, { bucket, remaining: delta });
    const whole = { grantId, bucket, granted: delta, held: 0n, effectiveAt: now, source: 'adjustment' };
    const grant: Grant = { ...whole, remaining };
    return accept({ type: 'adjusted', ...identity, bucket, delta, draws: [], grant, deficitPaid, actor, after });
  }
  const { draws, uncovered } = computeBurnDown(state.grants, -delta, [bucket]);
  if (uncovered > 0n) return reject(insufficientBucket(bucket, -delta, uncovered));
  const after = subtractDraws(state.totals, draws);
  return accept({ type: 'adjusted', ...identity, bucket, delta, draws, deficitPaid: 0n, actor, after });
}

/** Says that one bucket has too little for a correction; overdraft is for usage alone. */
function insufficientBucket(bucket: Bucket, needed: bigint, shortfall: bigint): DomainError {
  const available = needed - shortfall;
  const message = `${needed} microcredits are needed, bucket ${bucket} has ${available}: ask for less`;
  return new DomainError('INSUFFICIENT_CREDITS', message, {
    metadata: {
      needed_microcredits: String(needed),
      available_microcredits: String(available),
      overdraft_remaining_microcredits: '0',
      shortfall_microcredits: String(shortfall),
      bucket,
    },
  });
}
