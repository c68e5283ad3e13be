// Owns what waited for the end of a period when an upgrade took its place that the bank wants to see the payer for: Stripe keeps no two
// changes that wait, so it is noted, and asked for again where nobody paid, in time for the end of that period. Does not own asking for
// it (subscription-follow-up.ts).
// Invariant: it is asked for again only where the subscription is as it was before the upgrade, and nothing else waits there.

import type { Instant, PlanCode } from '../../domain/id.ts';
import type { ChangeRequest, IntentRequest, IntentResult, SetAsideChange, StripeSubscription } from './ports.ts';

type UpgradeRequest = Extract<ChangeRequest, { readonly kind: 'upgrade' }>;

/**
 * How soon before the end of a period an upgrade that nobody has paid makes way: another period at the old price would be charged. It
 * leaves time for a Stripe that does not answer for a while.
 */
const LEAD_MS = 1_800_000;

/** Finds the subscription whose upgrade waits to be paid in the place of what it has set aside; undefined where none does. */
export function findWaiting(
  seen: readonly StripeSubscription[],
  setAside: SetAsideChange | undefined,
): StripeSubscription | undefined {
  const own = seen.find(({ stripeSubscriptionId }) => stripeSubscriptionId === setAside?.stripeSubscriptionId);
  return own?.isUpdatePending === true ? own : undefined;
}

/** Says from when on an upgrade can't wait to be paid: it is in the way of what it has set aside. */
export function computeWayAt({ periodEnd }: Pick<StripeSubscription, 'periodEnd'>): Instant {
  return periodEnd - LEAD_MS;
}

/** Answers what an upgrade would set aside; undefined where nothing waits. */
export function toSetAside(
  intentId: string,
  { stripeSubscriptionId, fromStripePriceId }: UpgradeRequest,
  { pending }: StripeSubscription,
): SetAsideChange | undefined {
  const planCode = pending?.terms.metadata['plan_code'];
  if (pending === undefined || planCode === undefined) return undefined;
  const { stripePriceId } = pending.terms;
  // What was put there was of this type.
  return { intentId, stripeSubscriptionId, fromStripePriceId, stripePriceId, planCode: planCode as PlanCode };
}

/** Says whether nothing is set aside any more after a change: by `own` only that which this change had set aside, by `all` nothing. */
export function findEndOfSetAside({ kind }: IntentRequest, result: IntentResult): 'own' | 'all' | undefined {
  if (kind === 'upgrade') return result.kind === 'action_required' ? undefined : 'own';
  const isOther = kind === 'change_at_period_end' || kind === 'cancel' || kind === 'resume';
  return isOther && result.kind === 'done' ? 'all' : undefined;
}

/** Says whether a subscription is as an upgrade found it that nobody has paid, but that what waited is gone. */
export function isUntouched(
  { phase, terms, isUpdatePending, pending, cancelAt }: StripeSubscription,
  fromStripePriceId: string,
): boolean {
  const waits = isUpdatePending === true || pending !== undefined || cancelAt !== undefined;
  return phase === 'live' && terms?.stripePriceId === fromStripePriceId && !waits;
}

/** Says whether what was set aside is not to come again: the upgrade was paid, or the subscription has ended. */
export function isSuperseded({ phase, terms }: StripeSubscription, { fromStripePriceId }: SetAsideChange): boolean {
  return phase === 'ended' || terms?.stripePriceId !== fromStripePriceId;
}
