// Owns what happens to an account by time alone: grants expire and begin, holds, trials and periods end, in the order of their due times. Every
// command first brings the account up to now, so nothing depends on when a timer runs (docs/architecture.md, "Time").

import { type AccountState, computeNextDueAt, subtractDraws, type Totals } from './account.ts';
import { computeAddition } from './addition.ts';
import { BUCKETS } from './bucket.ts';
import { computeSubscriptionDueEntry } from './decide-subscription.ts';
import type { Entry, GrantExpired, GrantStarted, HoldExpired, TrialEnded } from './entry.ts';
import { computeTotalsAfter, evolve } from './evolve.ts';
import type { Grant } from './grant.ts';
import type { Hold } from './hold.ts';
import { computeHoldEnd, endedFigures } from './hold-end.ts';
import type { IdempotencyKey, Instant } from './id.ts';
import { present } from './optional.ts';
import { computeSubscriptionDueAt } from './subscription.ts';
import { isRunning, type Trial } from './trial.ts';

/** An account brought up to a time, and the entries that did it. */
export interface Advance {
  readonly state: AccountState;
  readonly entries: readonly Entry[];
  /** Says that more is due than `entriesMax` allowed: advance again after these entries are committed. */
  readonly incomplete: boolean;
}

/** Computes what fell due up to and including `now`, oldest first, at most `entriesMax` entries of it. */
export function computeAdvance(state: AccountState, now: Instant, entriesMax = Number.POSITIVE_INFINITY): Advance {
  const entries: Entry[] = [];
  let current = state;
  for (let due = computeNextDueAt(current); due !== undefined && due <= now; due = computeNextDueAt(current)) {
    if (entries.length >= entriesMax) return { state: current, entries, incomplete: true };
    const entry = computeDueEntry(current, due);
    current = evolve(current, entry);
    entries.push(entry);
  }
  return { state: current, entries, incomplete: false };
}

/**
 * At one due time grants expire in bucket order, then holds, then a trial ends, then a subscription moves on, then grants begin,
 * so that the order is the same everywhere.
 */
function computeDueEntry(state: AccountState, due: Instant): Entry {
  for (const bucket of BUCKETS) {
    const grant = state.grants[bucket][0];
    if (grant?.expiresAt === due) return computeExpiry(state.totals, grant, due);
  }
  const [hold] = state.holds;
  if (hold?.expiresAt === due) return computeHoldExpiry(state, hold);
  const { trial } = state;
  if (isRunning(trial) && trial.endsAt === due) return computeTrialEnd(state.totals, trial);
  if (computeSubscriptionDueAt(state.subscription) === due) return computeSubscriptionDueEntry(state, due);
  const [next] = state.scheduled;
  if (next === undefined) throw new RangeError(`nothing is due at ${due}`);
  return computeStart(state.totals, next, due);
}

function computeExpiry(totals: Totals, grant: Grant, dueAt: Instant): GrantExpired {
  const expired = { grantId: grant.grantId, bucket: grant.bucket, microcredits: grant.remaining };
  const key = `expire:${grant.grantId}` as IdempotencyKey;
  return { type: 'grant_expired', key, expired, dueAt, after: subtractDraws(totals, [expired]) };
}

function computeHoldExpiry(state: AccountState, hold: Hold): HoldExpired {
  const { holdId, action, projectId, workflowId, runId, expiresAt } = hold;
  const entry: HoldExpired = {
    type: 'hold_expired',
    key: `hold-expired:${holdId}` as IdempotencyKey,
    holdId,
    action,
    ...present({ projectId, workflowId, runId }),
    hold: endedFigures(hold),
    end: computeHoldEnd(state, hold.draws, expiresAt),
    dueAt: expiresAt,
    after: state.totals,
  };
  return { ...entry, after: computeTotalsAfter(state, entry) };
}

/** Whatever it is to become, a trial ends on the fallback plan: nothing that is paid for follows it yet. */
function computeTrialEnd(totals: Totals, { fallbackPlanCode, endsAt }: Trial): TrialEnded {
  const key = 'trial-ended' as IdempotencyKey;
  return { type: 'trial_ended', key, planCode: fallbackPlanCode, dueAt: endsAt, after: totals };
}

function computeStart(totals: Totals, grant: Grant, dueAt: Instant): GrantStarted {
  const { deficitPaid, after } = computeAddition(totals, grant);
  const key = `start:${grant.grantId}` as IdempotencyKey;
  return { type: 'grant_started', key, grantId: grant.grantId, deficitPaid, dueAt, after };
}
