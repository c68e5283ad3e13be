// Owns what a trial of a workspace is: which plan it gives, from when to when, what of its credits stays. Does not own how it
// starts and ends (decide-trial.ts, advance.ts), or who may have one (app/trial).
// Invariants: a workspace has one trial, for ever; while it runs the account has its plan, and after it the fallback plan.

import type { GrantId, Instant, PlanCode, UserId } from './id.ts';
import type { TrialEndBehaviour } from './plan-policy.ts';
import type { Subscription } from './subscription.ts';

const DAY_MS = 86_400_000;

/** Where a trial stands. A canceled one runs to its end as well, and nothing follows it. */
export type TrialStatus = 'active' | 'canceled' | 'ended';

/** What a trial gives, and what comes after it. */
export interface TrialTerms {
  readonly planCode: PlanCode;
  /** The plan that the account has once the trial has ended. */
  readonly fallbackPlanCode: PlanCode;
  readonly endsAt: Instant;
  /** What it gives, in microcredits; not below zero. */
  readonly granted: bigint;
  /** Says that what is left lapses at its end; else it stays, without expiry. */
  readonly revokesUnused: boolean;
  readonly endBehaviour: TrialEndBehaviour;
  /** Whose trial it counts as, where it counts to somebody's limit. */
  readonly personId?: UserId;
}

/** The one trial of an account. */
export interface Trial extends TrialTerms {
  readonly status: TrialStatus;
  readonly startedAt: Instant;
  /** When somebody agreed to be charged for its plan once it ends; absent where nobody did. */
  readonly consentedAt?: Instant;
  /** The grant of its credits; absent where it gave none. */
  readonly grantId?: GrantId;
}

/** How long before its end a trial is told of, in milliseconds: so long, or half of one that is shorter than twice that. */
const TRIAL_ENDING_NOTICE_MS = 3 * DAY_MS;

/**
 * Computes when people are told that a trial ends. Trials are whole days long: what lies between the times at which a start is
 * prepared and stored counts for nothing, so both find the same time.
 */
export function computeTrialNoticeAt({ startedAt, endsAt }: Pick<Trial, 'startedAt' | 'endsAt'>): Instant {
  const lengthMs = Math.round((endsAt - startedAt) / DAY_MS) * DAY_MS;
  return endsAt - Math.min(TRIAL_ENDING_NOTICE_MS, lengthMs / 2);
}

/**
 * Says whether the paid plan follows a trial: somebody agreed to it, its terms let it, and no subscription has run since it started:
 * who bought one has chosen for themselves. One that had ended before then is over.
 */
export function isToBePaid(
  { consentedAt, endBehaviour, startedAt }: Trial,
  subscription: Pick<Subscription, 'endedAt'> | undefined,
): boolean {
  const isOver = subscription?.endedAt !== undefined && subscription.endedAt <= startedAt;
  return consentedAt !== undefined && endBehaviour === 'convert_or_fallback' && (subscription === undefined || isOver);
}

/** Says whether a trial has not ended. */
export function isRunning(trial: Trial | undefined): trial is Trial {
  return trial !== undefined && trial.status !== 'ended';
}
