// Owns what becomes of held credit when its hold ends: it goes back to its grants, pays an earlier deficit first, or
// expires where its grant did meanwhile.

import type { AccountState } from './account.ts';
import type { GrantDraw } from './grant.ts';
import { sumDraws } from './grant.ts';
import { findGrant, type GrantBook } from './grant-book.ts';
import { figuresOf, type HoldEnd, type HoldFigures } from './hold.ts';
import type { Instant } from './id.ts';

/** Computes what becomes of what a hold still held at the time of its end. */
export function computeHoldEnd(
  account: GrantBook & Pick<AccountState, 'totals'>,
  draws: readonly GrantDraw[],
  at: Instant,
): HoldEnd {
  const freed: GrantDraw[] = [];
  const expired: GrantDraw[] = [];
  for (const draw of draws) {
    const expiresAt = findGrant(account, draw.bucket, draw.grantId)?.expiresAt;
    (expiresAt !== undefined && expiresAt <= at ? expired : freed).push(draw);
  }
  const { deficit } = account.totals;
  const amount = sumDraws(freed);
  return { freed, expired, deficitPaid: deficit < amount ? deficit : amount };
}

/** The figures of a hold of which nothing is held any more. */
export function endedFigures(hold: HoldFigures): HoldFigures {
  return { ...figuresOf(hold), draws: [], overdraft: 0n };
}
