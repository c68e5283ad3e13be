// Owns what somebody is told before and after they cancel a plan: until when they have it, and what is still charged.

import type { Balance, Subscription } from '../../api/type.ts';
import { formatCreditsShort } from '../../format/credit.ts';
import { formatDate } from '../../format/time.ts';
import { STRINGS } from '../../strings.ts';

const WORDS = STRINGS.billing.cancel;

/** Says what will happen, a line for each thing. */
export function toCancelLines(subscription: Subscription, balance: Balance | undefined): readonly string[] {
  const toCredits = (amount: number): string => STRINGS.common.credits(formatCreditsShort(amount));
  return [
    ...toEndLines(subscription),
    ...(balance === undefined
      ? []
      : [WORDS.lapses(toCredits(balance.included_remaining)), WORDS.payg(toCredits(balance.payg_remaining))]),
    WORDS.back,
  ];
}

/** Says what has happened. */
export function describeCanceled({ status }: Subscription): string {
  return status === 'active' ? WORDS.done : WORDS.doneOpen;
}

/** Where the invoice of the period is open, the period that is known is the one that is over. */
function toEndLines({ status, period_end_time, grace_end_time }: Subscription): readonly string[] {
  if (status === 'active') return [WORDS.keepsUntil(formatDate(period_end_time))];
  const unpaid = grace_end_time === null ? WORDS.unpaid : WORDS.unpaidUntil(formatDate(grace_end_time));
  return [WORDS.openInvoice, `${WORDS.paid} ${unpaid}`];
}
