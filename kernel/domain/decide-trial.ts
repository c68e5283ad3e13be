// Owns the rules of a workspace's trial as far as its account knows them: one for ever, the plan and the credits that it
// gives, and that it can be canceled while it runs. Does not own who may have one (app/trial), or its end (advance.ts).

import type { AccountState } from './account.ts';
import { computeAddition } from './addition.ts';
import type { CancelTrial, ConsentToTrial, StartTrial } from './command.ts';
import { accept, claimRanOut, type Decision, findAdditionProblem, identityOf, reject } from './decision.ts';
import type { TrialStarted } from './entry.ts';
import { DomainError, invalidField } from './error.ts';
import type { Grant } from './grant.ts';
import type { Instant } from './id.ts';
import { present } from './optional.ts';
import { isLive } from './subscription.ts';

export function decideStartTrial(state: AccountState, command: StartTrial, now: Instant): Decision {
  if (state.trial !== undefined) return reject(trialAlreadyUsed());
  const { planCode, fallbackPlanCode, endsAt, granted, onlyFromFallback, claimedUntil } = command;
  if (endsAt <= now) return reject(invalidField({ field: 'trial_days', description: 'must end in the future' }));
  if (isLive(state.subscription)) return reject(planInTheWay(state, command));
  if (onlyFromFallback && state.planCode !== fallbackPlanCode) return reject(planInTheWay(state, command));
  if (claimedUntil !== undefined && claimedUntil < now) return reject(claimRanOut('the start of the trial'));
  const problem = granted === 0n ? undefined : findAdditionProblem(state, granted);
  if (problem !== undefined) return reject(problem);
  const { revokesUnused, endBehaviour, personId, actor } = command;
  return accept({
    type: 'trial_started',
    ...identityOf(command),
    ...{ planCode, fallbackPlanCode, startedAt: now, endsAt, granted, revokesUnused, endBehaviour },
    ...creditsOf(state, command, now),
    ...present({ personId, actor }),
  });
}

/** The credits of a trial. They expire with it only where that was said; else they stay. */
function creditsOf(
  { totals }: AccountState,
  { grantId, granted, revokesUnused, endsAt }: StartTrial,
  now: Instant,
): Pick<TrialStarted, 'grant' | 'deficitPaid' | 'after'> {
  if (granted === 0n) return { deficitPaid: 0n, after: totals };
  const { deficitPaid, remaining, after } = computeAddition(totals, { bucket: 'trial', remaining: granted });
  const grant: Grant = {
    ...{ grantId, bucket: 'trial', granted, remaining, held: 0n, effectiveAt: now },
    ...(revokesUnused ? { expiresAt: endsAt } : {}),
    source: 'trial',
  };
  return { grant, deficitPaid, after };
}

export function decideCancelTrial(state: AccountState, command: CancelTrial): Decision {
  if (state.trial?.status !== 'active') return reject(trialNotActive('canceled'));
  const { actor } = command;
  return accept({ type: 'trial_canceled', ...identityOf(command), ...present({ actor }), after: state.totals });
}

/** Consent that was given before is given; nothing is recorded twice. */
export function decideConsentToTrial(state: AccountState, command: ConsentToTrial, now: Instant): Decision {
  if (state.trial?.status !== 'active') return reject(trialNotActive('paid for once it ends'));
  if (state.trial.consentedAt !== undefined) return { kind: 'accepted' };
  return accept({ type: 'trial_consented', ...identityOf(command), at: now, after: state.totals });
}

/** Says that there is no trial about which something could be done. */
export function trialNotActive(what: string): DomainError {
  return new DomainError('TRIAL_NOT_ACTIVE', `the workspace has no trial that could be ${what}: see GetTrial`);
}

/** Says that a workspace has had its trial. */
export function trialAlreadyUsed(): DomainError {
  return new DomainError('TRIAL_ALREADY_USED', 'the workspace has had its trial: a workspace has one, for ever');
}

function planInTheWay({ planCode }: AccountState, command: StartTrial): DomainError {
  const message =
    `the workspace has plan ${planCode}, and after a trial of ${command.planCode} it would have ` +
    `${command.fallbackPlanCode}: a trial can be started from ${command.fallbackPlanCode} alone`;
  return new DomainError('TRIAL_NOT_OFFERED', message, { metadata: { plan_code: planCode } });
}
