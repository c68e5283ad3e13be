// Owns what else of a workspace is to be read again when its balance has changed. Does not own the reading (balance-stream.ts).

import type { Balance } from '../api/type.ts';

/** Finds what else is not as it was: what was metered or bought is in the lists, and a plan that begins or ends has its credits. */
export function findStaleParts(before: Balance | undefined, balance: Balance): readonly string[] {
  if (before === undefined) return [];
  const isPlanChanged = before.included_remaining < balance.included_remaining || hasEnded(before, balance);
  return [
    ...(before.available === balance.available ? [] : ['usage', 'auto-top-up']),
    ...(isPlanChanged ? ['subscription'] : []),
  ];
}

/** Usage takes a little at a time, and an end takes all; which it was, the subscription says. */
function hasEnded(before: Balance, balance: Balance): boolean {
  return (
    before.trial_remaining < balance.trial_remaining ||
    (before.trial_remaining > 0 && balance.trial_remaining === 0) ||
    (before.included_remaining > 0 && balance.included_remaining === 0)
  );
}
