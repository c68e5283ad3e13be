// Owns what happens to an account by time alone: grants expire and begin, holds end, in the order of their due times. Every
// command first brings the account up to now, so nothing depends on when a timer runs (docs/architecture.md, "Time").

import { type AccountState, computeNextDueAt, subtractDraws, type Totals } from './account.ts';
import { BUCKETS } from './bucket.ts';
import type { Entry, GrantExpired, GrantStarted, HoldExpired } from './entry.ts';
import { computeTotalsAfter, evolve } from './evolve.ts';
import type { Grant } from './grant.ts';
import type { Hold } from './hold.ts';
import { computeHoldEnd, endedFigures } from './hold-end.ts';
import type { IdempotencyKey, Instant } from './id.ts';
import { present } from './optional.ts';

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

/** At one due time grants expire in bucket order, then holds, then grants begin, so that the order is the same everywhere. */
function computeDueEntry(state: AccountState, due: Instant): Entry {
  for (const bucket of BUCKETS) {
    const grant = state.grants[bucket][0];
    if (grant?.expiresAt === due) return computeExpiry(state.totals, grant, due);
  }
  const [hold] = state.holds;
  if (hold?.expiresAt === due) return computeHoldExpiry(state, hold);
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

function computeStart(totals: Totals, grant: Grant, dueAt: Instant): GrantStarted {
  const { deficitPaid, after } = computeAddition(totals, grant);
  const key = `start:${grant.grantId}` as IdempotencyKey;
  return { type: 'grant_started', key, grantId: grant.grantId, deficitPaid, dueAt, after };
}

/** What an added grant does to the totals: an earlier deficit is paid first, the rest joins its bucket. */
export interface Addition {
  /** Microcredits that paid the deficit. */
  readonly deficitPaid: bigint;
  /** Microcredits that are left in the grant. */
  readonly remaining: bigint;
  readonly after: Totals;
}

/** Computes what a grant that begins to count does to the totals of an account. */
export function computeAddition(totals: Totals, grant: Pick<Grant, 'bucket' | 'remaining'>): Addition {
  const deficitPaid = totals.deficit < grant.remaining ? totals.deficit : grant.remaining;
  const remaining = grant.remaining - deficitPaid;
  const after = {
    ...totals,
    [grant.bucket]: totals[grant.bucket] + remaining,
    deficit: totals.deficit - deficitPaid,
  };
  return { deficitPaid, remaining, after };
}
