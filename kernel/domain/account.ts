// Owns the shape of an account: one tenant's plan, grants and totals (docs/architecture.md). Does not own how it changes: see
// decide.ts and evolve.ts.
// Invariants: grants of a bucket stand in burn order and each has something left; a bucket's total is the sum of its
// grants; a deficit and credit that is not held never stand side by side.

import { BUCKETS, type Bucket } from './bucket.ts';
import type { Grant } from './grant.ts';
import type { Instant, PlanCode, ProductCode } from './id.ts';

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
  readonly planCode: PlanCode;
  /** The active grants of each bucket, in burn order. */
  readonly grants: Readonly<Record<Bucket, readonly Grant[]>>;
  /** Grants that have not begun, soonest first. */
  readonly scheduled: readonly Grant[];
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
  grants: { trial: [], included: [], payg: [] },
  scheduled: [],
  totals: ZERO_TOTALS,
};

/** Computes what the three buckets hold together, held credits included, in microcredits. */
export function sumBuckets(totals: Totals): bigint {
  return totals.trial + totals.included + totals.payg;
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

/** Computes how much further below zero usage may go, in microcredits. */
export function computeOverdraftRemaining(totals: Totals, overdraftLimit: bigint): bigint {
  return overdraftLimit > totals.deficit ? overdraftLimit - totals.deficit : 0n;
}

/** Counts the grants that the bound on grants counts: active ones and those still to begin. */
export function countGrants(state: AccountState): number {
  const { trial, included, payg } = state.grants;
  return trial.length + included.length + payg.length + state.scheduled.length;
}

/** Finds when the account next changes by itself; undefined where it never does. */
export function computeNextDueAt(state: AccountState): Instant | undefined {
  const { trial, included, payg } = state.grants;
  const due = Math.min(
    trial[0]?.expiresAt ?? Number.POSITIVE_INFINITY,
    included[0]?.expiresAt ?? Number.POSITIVE_INFINITY,
    payg[0]?.expiresAt ?? Number.POSITIVE_INFINITY,
    state.scheduled[0]?.effectiveAt ?? Number.POSITIVE_INFINITY,
  );
  return Number.isFinite(due) ? due : undefined;
}

/** Finds what is wrong with a state that was read back: amounts below zero, or buckets that are not the sum of their grants. */
export function findInconsistency(state: AccountState): string | undefined {
  const { totals } = state;
  const figures = [totals.trial, totals.included, totals.payg, totals.held, totals.deficit];
  if (figures.some((figure) => !isAmount(figure))) return 'a total is no amount';
  for (const bucket of BUCKETS) {
    let sum = 0n;
    for (const grant of state.grants[bucket]) {
      if (!isAmount(grant.remaining)) return `grant ${grant.grantId} has no amount`;
      sum += grant.remaining;
    }
    if (totals[bucket] !== sum) return `bucket ${bucket} is not the sum of its grants`;
  }
  return sumBuckets(totals) > 0n && totals.deficit > 0n ? 'it has credits and a deficit' : undefined;
}

/** What a database gives back may be anything, whatever the type says. */
function isAmount(value: bigint): boolean {
  return typeof value === 'bigint' && value >= 0n;
}
