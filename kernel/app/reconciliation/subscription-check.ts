// Owns what has to be equal of the subscription of a workspace and of what runs at Stripe for it. Does not own what a step is
// (domain/subscription-step.ts), or what of Stripe the account is about (app/subscription/subscription-sync.ts).

import type { CycleTerms, Subscription } from '../../domain/subscription.ts';
import type { SubscriptionStep } from '../../domain/subscription-step.ts';
import type { TenantRef } from '../ledger/ledger.ts';
import type { StripeSubscription, StripeTerms } from '../subscription/ports.ts';
import { isOurs } from '../subscription/subscription-follow-up.ts';
import type { SubscriptionSync } from '../subscription/subscription-sync.ts';
import { type Difference, mendedByHand, mendedByRefresh, type WorkspaceCheck } from './difference.ts';

/** Compares subscriptions. */
export class SubscriptionCheck implements WorkspaceCheck {
  readonly #sync: Pick<SubscriptionSync, 'compare'>;

  constructor(sync: Pick<SubscriptionSync, 'compare'>) {
    this.#sync = sync;
  }

  async find(tenant: TenantRef): Promise<readonly Difference[]> {
    const { account, step, subject, others, unreadable, unreturnedIds } = await this.#sync.compare(tenant);
    const { subscription, planCode } = account.state;
    const here = subscription === undefined ? `no subscription, and the plan ${planCode}` : describe(subscription);
    const own = subject === undefined ? undefined : differingOf(tenant, subject, { here, step, subscription });
    const second = others.map((other) => secondOf(tenant, other));
    return [
      ...(own === undefined ? [] : [own]),
      ...unreadable.map((one) => unreadableOf(tenant, one)),
      ...second,
      ...unreturnedIds.map((id) => unreturnedOf(tenant, id)),
    ];
  }
}

/** What of an account is compared. */
interface Here {
  readonly here: string;
  readonly step: SubscriptionStep | undefined;
  readonly subscription: Subscription | undefined;
}

function differingOf(
  { tenantId }: TenantRef,
  { stripeSubscriptionId: subject, stripeItemId, phase, terms }: StripeSubscription,
  { here, step, subscription }: Here,
): Difference | undefined {
  const kind = 'subscription_differs';
  if (step !== undefined) {
    const message = `the account has ${here}; by what Stripe shows of ${subject} it has yet to be ${step.change}`;
    return mendedByRefresh(
      { tenantId, kind, subject, message },
      `brings the account to what Stripe shows of ${subject}`,
    );
  }
  // A price never changes at Stripe, so where it costs something else there is another number of it.
  const isSame =
    phase === 'ended' || subscription?.stripeSubscriptionId !== subject || isSamePrice(subscription, terms);
  if (isSame || terms === undefined) return undefined;
  const shown = `${terms.minorUnits} ${terms.currency} each ${cycleOf(terms)}`;
  const message = `the account has ${here} for ${subscription.minorUnits} ${subscription.currency} each ${cycleOf(subscription)}; Stripe charges ${shown}`;
  const command = `stripe subscriptions update ${subject} -d "items[0][id]=${stripeItemId}" -d "items[0][quantity]=1"`;
  const effect = `has Stripe charge for one ${terms.stripePriceId} from now on, and prorates what was charged`;
  return mendedByHand({ tenantId, kind, subject, message }, command, effect);
}

function isSamePrice(own: CycleTerms, shown: StripeTerms | undefined): boolean {
  if (own.stripePriceId !== shown?.stripePriceId) return true;
  return own.minorUnits === shown.minorUnits && own.currency === shown.currency && cycleOf(own) === cycleOf(shown);
}

function cycleOf({ interval, intervalCount }: Pick<CycleTerms, 'interval' | 'intervalCount'>): string {
  return `${intervalCount} ${interval}`;
}

function describe({ stripeSubscriptionId, status, periodEnd }: Subscription): string {
  return `${stripeSubscriptionId} as ${status}, paid until ${new Date(periodEnd).toISOString()}`;
}

/** Whoever is charged for it gets nothing by it. */
function unreadableOf({ tenantId }: TenantRef, { stripeSubscriptionId: subject }: StripeSubscription): Difference {
  const message =
    `${subject} runs at Stripe at a price of no plan of the product, or at one by the day, by the week or in tiers, and gives nothing: ` +
    'give it a price of a plan, or end it';
  return mendedByHand(
    { tenantId, kind: 'subscription_differs', subject, message },
    `stripe subscriptions retrieve ${subject}`,
    '',
  );
}

/** What the kernel tries again each day, for thirty days, may need a person, such as where the payer disputes it. */
function unreturnedOf({ tenantId }: TenantRef, subject: string): Difference {
  const message =
    `${subject} was ended as one too many, and what it cost is not given back, or its bank has still to say what becomes of it: that is ` +
    `tried again each day, for 30 days; should Stripe refuse it for good, refund it there, then wheelhouse stripe refresh ${tenantId} has it ` +
    'tried, and seen, again';
  return mendedByHand(
    { tenantId, kind: 'second_subscription', subject, message },
    `stripe invoices list --subscription ${subject}`,
    '',
  );
}

function secondOf({ tenantId }: TenantRef, other: StripeSubscription): Difference {
  const { stripeSubscriptionId: subject, terms } = other;
  const found = `${subject} runs at Stripe too, and the account is not about it`;
  const finding = { tenantId, kind: 'second_subscription', subject } as const;
  if (isOurs(other, tenantId)) {
    const price = terms === undefined ? 'a price that is not read here' : `${terms.minorUnits} ${terms.currency}`;
    const effect = `ends ${subject} at Stripe, and pays back what was paid for it last (it costs ${price})`;
    return mendedByRefresh({ ...finding, message: `${found}: it is paid back and ended` }, effect);
  }
  const message = `${found}, nor was it made here: end it at Stripe`;
  return mendedByHand({ ...finding, message }, `stripe subscriptions cancel ${subject}`, `ends ${subject}`);
}
