// Owns the shape of a hold: credits kept back for work in flight (docs/ledger.md, "Holds"). Does not own how holds
// change: see decide-hold.ts and evolve-hold.ts.

import type { AppliedPrice } from './action-price.ts';
import type { GrantDraw } from './grant.ts';
import type { HoldId, Instant } from './id.ts';
import type { UsageContext } from './usage-context.ts';

/** The figures of a hold after some entry. */
export interface HoldFigures {
  /** What is still held, by grant, in burn order. */
  readonly draws: readonly GrantDraw[];
  /** What no grant covers and overdraft is kept for, in microcredits. */
  readonly overdraft: bigint;
  /** What was charged through the hold so far, in microcredits. */
  readonly settled: bigint;
  readonly expiresAt: Instant;
}

/** An open hold. */
export interface Hold extends HoldFigures, Omit<UsageContext, 'runStatus'> {
  readonly holdId: HoldId;
  readonly action: string;
  /** The price of the reservation, which every part is charged by. */
  readonly price: AppliedPrice;
}

/** What became of credits that were still held when their hold ended. */
export interface HoldEnd {
  /** What became free again, by grant, in burn order. */
  readonly freed: readonly GrantDraw[];
  /** What expired at once, since its grant had expired meanwhile. */
  readonly expired: readonly GrantDraw[];
  /** What of the freed credit paid a deficit at once, from the first on, in microcredits. */
  readonly deficitPaid: bigint;
}

/** Where a hold stands among the open ones. */
type HoldPlace = Pick<Hold, 'expiresAt' | 'holdId'>;

/** Orders open holds: soonest expiry first, then by id. */
export function compareHoldOrder(a: HoldPlace, b: HoldPlace): number {
  if (a.expiresAt !== b.expiresAt) return a.expiresAt - b.expiresAt;
  if (a.holdId === b.holdId) return 0;
  return a.holdId < b.holdId ? -1 : 1;
}

/** Takes the figures out of a hold. */
export function figuresOf({ draws, overdraft, settled, expiresAt }: HoldFigures): HoldFigures {
  return { draws, overdraft, settled, expiresAt };
}
