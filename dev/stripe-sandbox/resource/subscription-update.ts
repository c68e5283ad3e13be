/** Owns: reading what a request changes of a subscription. Does not own: the change (`subscription-change.ts`). */
import type { Call } from '../call.ts';
import { pickPresent, readFields, readInteger, readText, readUnsettableText } from '../field.ts';
import { isFields, type JsonFields } from '../json.ts';
import { mergeMetadata } from '../metadata.ts';
import { invalidRequest, notInSandbox } from '../stripe-error.ts';
import { endDiscount, redeemDiscounts } from './discount.ts';
import { readCancellation, readCancellationDetails } from './subscription-cancellation.ts';
import { changeItems, type ProrationBehavior } from './subscription-change.ts';
import { changeSubscription, readCollection } from './subscription-collection.ts';
import { assertTrialEnd, readMethod } from './subscription-create.ts';
import { ITEM_PARAMETERS, readItems, toAmount } from './subscription-item.ts';
import { isOver, type Subscription, toChanged, toItemList, toItemsIn, toPeriod } from './subscription-object.ts';

/** Are the parameters of an update that are honoured. */
export const UPDATE_PARAMETERS: readonly string[] = [
  ...['billing_cycle_anchor', 'cancel_at', 'cancel_at_period_end', 'cancellation_details', 'default_payment_method'],
  ...[
    'description',
    'discounts',
    'metadata',
    'off_session',
    'payment_behavior',
    'proration_behavior',
    'proration_date',
  ],
  ...['trial_end', 'payment_settings.save_default_payment_method'],
  ...['trial_settings.end_behavior.missing_payment_method', 'items.id', 'items.deleted', ...ITEM_PARAMETERS],
];

/** Are those that a change may have that waits for its payment (https://docs.stripe.com/billing/subscriptions/pending-updates-reference). */
const PENDING: readonly string[] = [
  ...['billing_cycle_anchor', 'expand', 'items', 'metadata', 'payment_behavior', 'proration_behavior'],
  ...['proration_date', 'trial_end'],
];

const ALWAYS: readonly string[] = ['metadata', 'cancellation_details', 'expand'];
const WHILE_INCOMPLETE: readonly string[] = [...ALWAYS, 'default_payment_method', 'description', 'payment_settings'];

/** Changes a subscription by a request. Throws StripeError where it can't be changed so. */
export function updateSubscription(call: Call, subscription: Subscription, parameters: JsonFields): Subscription {
  assertChangeable(subscription, parameters);
  const ending = readCancellation(call, subscription, parameters);
  const changes: Partial<Subscription> = {
    ...readDetails(call, subscription, parameters),
    ...ending,
    ...readDiscounts(call, subscription, parameters),
    cancellation_details: readCancellationDetails(toChanged(subscription, ending), parameters),
  };
  const { trial_end: trialEnd, billing_cycle_anchor: anchor, items } = parameters;
  if (items === undefined && trialEnd === undefined && anchor !== 'now')
    return changeSubscription(call, subscription, changes);
  return changeBilling(call, subscription, parameters, changes);
}

function assertChangeable(subscription: Subscription, parameters: JsonFields): void {
  const isAll = (allowed: readonly string[]): boolean =>
    Object.keys(parameters).every((name) => allowed.includes(name));
  const { id, status, schedule } = subscription;
  if (isOver(subscription) && !isAll(ALWAYS)) {
    throw invalidRequest(
      `A canceled subscription can only update its cancellation_details and metadata: ${id} has the status ${status}.`,
      { param: 'subscription' },
    );
  }
  if (status === 'incomplete' && !isAll(WHILE_INCOMPLETE)) {
    throw invalidRequest(
      `This subscription (${id}) is incomplete: until its first invoice is paid, only its metadata and default payment method can be updated.`,
      { param: 'subscription' },
    );
  }
  const stray = Object.keys(parameters).find((name) => !PENDING.includes(name));
  if (parameters['payment_behavior'] === 'pending_if_incomplete' && stray !== undefined) {
    throw invalidRequest(
      `You can only pass in supported params when payment_behavior is set to \`pending_if_incomplete\`: ${stray} is none.`,
      { param: stray },
    );
  }
  const isCancelling = parameters['cancel_at'] !== undefined || parameters['cancel_at_period_end'] !== undefined;
  if (schedule !== null && isCancelling) {
    throw invalidRequest(
      `The subscription is managed by the subscription schedule \`${schedule}\`, and updating any cancelation behavior directly is not allowed. Please update the schedule instead.`,
      { param: parameters['cancel_at'] === undefined ? 'cancel_at_period_end' : 'cancel_at' },
    );
  }
}

function readDetails(call: Call, subscription: Subscription, parameters: JsonFields): Partial<Subscription> {
  const settings = readFields(parameters, 'payment_settings');
  const trial = readFields(parameters, 'trial_settings');
  const before = isFields(subscription['payment_settings']) ? subscription['payment_settings'] : {};
  const hasMethod = parameters['default_payment_method'] !== undefined;
  return {
    ...pickPresent({
      description: readUnsettableText(parameters, 'description'),
      default_payment_method: hasMethod ? readMethod(call, parameters, subscription.customer) : undefined,
      payment_settings: settings && { ...before, ...settings },
      trial_settings: trial,
    }),
    metadata: mergeMetadata(subscription.metadata, parameters),
  };
}

function readDiscounts(call: Call, subscription: Subscription, parameters: JsonFields): Partial<Subscription> {
  const { customer, currency, id, items } = subscription;
  const amount = items.data.reduce((sum, item) => sum + toAmount(item), 0);
  const discounts = redeemDiscounts(call, parameters, { customer, currency, amount, subscription: id });
  if (discounts === undefined) return {};
  for (const gone of subscription.discounts.filter((each) => !discounts.includes(each))) endDiscount(call, gone);
  return { discounts };
}

function changeBilling(
  call: Call,
  subscription: Subscription,
  parameters: JsonFields,
  changes: Partial<Subscription>,
): Subscription {
  const { id, status } = subscription;
  const period = toPeriod(subscription);
  if (status === 'paused') throw notInSandbox('changing what a paused subscription bills', 'items');
  const items = readItems(call, parameters, { subscription: id, period, before: subscription.items.data });
  const end = parameters['trial_end'];
  const isTrialing = status === 'trialing';
  if (typeof end === 'number') return moveTrialEnd(call, subscription, { end, changes, items });
  const isAnchoredNow = parameters['billing_cycle_anchor'] === 'now';
  if (isTrialing && isAnchoredNow)
    throw notInSandbox('billing_cycle_anchor=now during a trial', 'billing_cycle_anchor');
  // The schema allows no other behavior.
  const behavior = (readText(parameters, 'proration_behavior') ?? 'create_prorations') as ProrationBehavior;
  const at = readInteger(parameters, 'proration_date') ?? call.now;
  if (at < period.start || at > period.end) {
    throw invalidRequest('Invalid proration date: it must be within the current period of the subscription.', {
      param: 'proration_date',
    });
  }
  return changeItems(call, subscription, {
    items,
    behavior,
    at,
    isAnchoredNow,
    endsTrial: isTrialing && end === 'now',
    collection: readCollection(parameters),
    changes,
  });
}

interface TrialMove {
  readonly end: number;
  readonly items: Subscription['items']['data'];
  readonly changes: Partial<Subscription>;
}

/** Moves the end of a trial that runs. */
function moveTrialEnd(call: Call, subscription: Subscription, { end, items, changes }: TrialMove): Subscription {
  if (subscription.status !== 'trialing') {
    throw notInSandbox('a trial for a subscription that is billed already', 'trial_end');
  }
  const period = { start: toPeriod(subscription).start, end: assertTrialEnd(call, end) };
  return changeSubscription(call, subscription, {
    ...changes,
    billing_cycle_anchor: end,
    items: toItemList(subscription.id, toItemsIn(items, period)),
    trial_end: end,
  });
}
