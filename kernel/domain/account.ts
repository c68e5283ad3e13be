// Owns the shape of an account: one tenant's plan, trial, subscription, grants and totals (docs/architecture.md). Does not own how it changes: see
// decide.ts and evolve.ts.
// Invariants: grants of a bucket stand in burn order and each has something left; a bucket's total is the sum of what its
// grants have left or held; what grants have held is what open holds draw on; a deficit and credit that is not held never
// stand side by side.

import { BUCKETS, type Bucket } from './bucket.ts';
import { type Grant, type GrantDraw, sumDraws } from './grant.ts';
import type { Hold } from './hold.ts';
import type { Instant, PlanCode, ProductCode } from './id.ts';
import { computeSubscriptionDueAt, isLive, listSubscriptionTimes, type Subscription } from './subscription.ts';
import { isRunning, type Trial } from './trial.ts';

/** The sums of an account, in microcredits. None is ever negative. */
export interface Totals {
  readonly trial: bigint;
  readonly included: bigint;
  readonly payg: bigint;
  /** What open holds keep back; part of the three buckets. */
  readonly held: bigint;
  /** What was used beyond all credits. */
  readonly deficit: bigint;
}

/** Everything about one account that decides what may happen next. */
export interface AccountState {
  readonly status: 'unopened' | 'open';
  readonly productCode: ProductCode;
  /** The plan that holds now: that of the trial while one runs. */
  readonly planCode: PlanCode;
  /** Absent for an account that never had one. */
  readonly trial?: Trial;
  /** The one that runs, or the last one; absent for an account that never had one. */
  readonly subscription?: Subscription;
  /** Counts what happened to subscriptions of the account, so that a fact that was read before some of it is told. */
  readonly subscriptionRevision: number;
  /** The active grants of each bucket with free credit, in burn order. */
  readonly grants: Readonly<Record<Bucket, readonly Grant[]>>;
  /** Grants of which nothing is left but what open holds keep back. */
  readonly pinned: readonly Grant[];
  /** Grants that have not begun, soonest first. */
  readonly scheduled: readonly Grant[];
  /** The open holds, soonest expiry first. */
  readonly holds: readonly Hold[];
  /** What open holds count on beyond all credits, in microcredits: the sum of their overdraft. */
  readonly overdraftHeld: bigint;
  /** An upper bound of what the open holds take in a stored state, in bytes. */
  readonly holdBytes: number;
  readonly totals: Totals;
}

/** The sums of an account that holds nothing. */
export const ZERO_TOTALS: Totals = { trial: 0n, included: 0n, payg: 0n, held: 0n, deficit: 0n };

/** The account of a tenant for which nothing was committed yet. */
export const UNOPENED_ACCOUNT: AccountState = {
  status: 'unopened',
  // Codes of an account that is not open are never read: every command but opening refuses it first.
  productCode: '' as ProductCode,
  planCode: '' as PlanCode,
  subscriptionRevision: 0,
  grants: { trial: [], included: [], payg: [] },
  pinned: [],
  scheduled: [],
  holds: [],
  overdraftHeld: 0n,
  holdBytes: 0,
  totals: ZERO_TOTALS,
};

/** Computes what the three buckets hold together, held credits included, in microcredits. */
export function sumBuckets(totals: Totals): bigint {
  return totals.trial + totals.included + totals.payg;
}

/** Computes totals after draws were taken out of their buckets. */
export function subtractDraws(totals: Totals, draws: readonly GrantDraw[]): Totals {
  if (draws.length === 0) return totals;
  const after = { ...totals };
  for (const draw of draws) after[draw.bucket] -= draw.microcredits;
  return after;
}

/** Computes what a debit can draw without overdraft, in microcredits. */
export function computeAvailable(totals: Totals): bigint {
  return sumBuckets(totals) - totals.held;
}

/** Says whether two accounts have the same sums. */
export function sameTotals(a: Totals, b: Totals): boolean {
  return (
    a.trial === b.trial &&
    a.included === b.included &&
    a.payg === b.payg &&
    a.held === b.held &&
    a.deficit === b.deficit
  );
}

/** Computes how much further below zero usage may go, in microcredits; what open holds count on is not free any more. */
export function computeOverdraftRemaining(
  { totals, overdraftHeld }: Pick<AccountState, 'totals' | 'overdraftHeld'>,
  overdraftLimit: bigint,
): bigint {
  const used = totals.deficit + overdraftHeld;
  return overdraftLimit > used ? overdraftLimit - used : 0n;
}

/** Computes how far a deficit goes below what overdraft allows, in microcredits: the next credit pays that first, and covers nothing. */
export function computeOverdrawn(
  { totals, overdraftHeld }: Pick<AccountState, 'totals' | 'overdraftHeld'>,
  overdraftLimit: bigint,
): bigint {
  const allowed = overdraftLimit > overdraftHeld ? overdraftLimit - overdraftHeld : 0n;
  return totals.deficit > allowed ? totals.deficit - allowed : 0n;
}

/** Counts the grants that the bound on grants counts: active ones, pinned ones and those still to begin. */
export function countGrants(state: AccountState): number {
  const { trial, included, payg } = state.grants;
  return trial.length + included.length + payg.length + state.pinned.length + state.scheduled.length;
}

/** Finds when the account next changes by itself; undefined where it never does. */
export function computeNextDueAt(state: AccountState): Instant | undefined {
  const { trial, included, payg } = state.grants;
  const due = Math.min(
    trial[0]?.expiresAt ?? Number.POSITIVE_INFINITY,
    included[0]?.expiresAt ?? Number.POSITIVE_INFINITY,
    payg[0]?.expiresAt ?? Number.POSITIVE_INFINITY,
    state.scheduled[0]?.effectiveAt ?? Number.POSITIVE_INFINITY,
    state.holds[0]?.expiresAt ?? Number.POSITIVE_INFINITY,
    isRunning(state.trial) ? state.trial.endsAt : Number.POSITIVE_INFINITY,
    computeSubscriptionDueAt(state.subscription) ?? Number.POSITIVE_INFINITY,
  );
  return Number.isFinite(due) ? due : undefined;
}

/**
 * Lists every time at which the account changes by itself as far as is known now, each once, soonest first. For
 * holds `noteTimeOf` says which time stands for their expiry.
 */
export function listDueTimes(
  state: AccountState,
  noteTimeOf: (expiresAt: Instant) => Instant = (expiresAt) => expiresAt,
): readonly Instant[] {
  const { grants, pinned, scheduled, holds, trial, subscription } = state;
  const times = [
    ...[...grants.trial, ...grants.included, ...grants.payg, ...pinned, ...scheduled].map((grant) => grant.expiresAt),
    ...scheduled.map((grant) => grant.effectiveAt),
    ...holds.map((hold) => noteTimeOf(hold.expiresAt)),
    isRunning(trial) ? trial.endsAt : undefined,
    ...listSubscriptionTimes(subscription),
  ];
  return [...new Set(times.filter((time) => time !== undefined))].toSorted((a, b) => a - b);
}

/**
 * Finds what is wrong with a state that was read back: amounts below zero, buckets that are not the sum of their grants,
 * holds that draw on credit which is not there, or a running trial or subscription of another plan.
 */
export function findInconsistency(state: AccountState): string | undefined {
  const { totals } = state;
  const figures = [totals.trial, totals.included, totals.payg, totals.held, totals.deficit];
  if (figures.some((figure) => !isAmount(figure))) return 'a total is no amount';
  for (const bucket of BUCKETS) {
    const grants = [...state.grants[bucket], ...state.pinned.filter((grant) => grant.bucket === bucket)];
    const broken = grants.find((grant) => !isAmount(grant.remaining) || !isAmount(grant.held));
    if (broken !== undefined) return `grant ${broken.grantId} has no amount`;
    const sum = grants.reduce((total, grant) => total + grant.remaining + grant.held, 0n);
    if (totals[bucket] !== sum) return `bucket ${bucket} is not the sum of its grants`;
  }
  const late = state.scheduled.find((grant) => !isAmount(grant.remaining) || grant.held !== 0n);
  if (late !== undefined) return `grant ${late.grantId}, which has not begun, has no amount`;
  if (isRunning(state.trial) && state.trial.planCode !== state.planCode) return 'its plan is not that of its trial';
  if (isLive(state.subscription) && state.subscription.planCode !== state.planCode) {
    return 'its plan is not that of its subscription';
  }
  const problem = findHoldInconsistency(state);
  if (problem !== undefined) return problem;
  return computeAvailable(totals) > 0n && totals.deficit > 0n ? 'it has free credits and a deficit' : undefined;
}

function findHoldInconsistency({ holds, grants, pinned, totals }: AccountState): string | undefined {
  const heldByGrant = new Map<string, bigint>();
  for (const { holdId, draws, overdraft, settled } of holds) {
    if (![overdraft, settled, ...draws.map((draw) => draw.microcredits)].every(isAmount)) {
      return `hold ${holdId} has no amount`;
    }
    for (const draw of draws) {
      const key = keyOf(draw);
      heldByGrant.set(key, (heldByGrant.get(key) ?? 0n) + draw.microcredits);
    }
  }
  const all = [...grants.trial, ...grants.included, ...grants.payg, ...pinned];
  const wrong = all.find((grant) => (heldByGrant.get(keyOf(grant)) ?? 0n) !== grant.held);
  if (wrong !== undefined) return `grant ${wrong.grantId} does not have held what the open holds draw on`;
  // Each of the two sums is needed: one misses a draw on a grant that is not there.
  const pledged = holds.reduce((sum, hold) => sum + sumDraws(hold.draws), 0n);
  const kept = all.reduce((sum, grant) => sum + grant.held, 0n);
  return pledged === totals.held && kept === totals.held ? undefined : 'what is held is not the sum of the open holds';
}

/** Names a grant in its bucket: a draw on it under another bucket can't be spent. */
function keyOf({ bucket, grantId }: Pick<Grant, 'bucket' | 'grantId'>): string {
  return `${bucket}/${grantId}`;
}

/** What a database gives back may be anything, whatever the type says. */
function isAmount(value: bigint): boolean {
  return typeof value === 'bigint' && value >= 0n;
}
