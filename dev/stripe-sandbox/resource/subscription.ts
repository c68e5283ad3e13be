/**
 * Owns: the API of subscriptions, and which of their notes has what happen.
 * Does not own: doing it: `subscription-create.ts`, `-update.ts`, `-cancellation.ts`, `-cycle.ts`, `-reaction.ts`.
 */
import { computePeriod } from '../billing/period.ts';
import { type Call, type Operation, type Request, type Resource, toPathId } from '../call.ts';
import { readFlag, readInteger, readText } from '../field.ts';
import { isFields, type JsonFields } from '../json.ts';
import { PAGE_PARAMETERS, toPage } from '../list.ts';
import { invalidRequest, notInSandbox } from '../stripe-error.ts';
import { DELETED_CUSTOMERS, needCustomer, toCustomerCall } from './customer-object.ts';
import { DISCOUNTS, endDiscount } from './discount.ts';
import { billSubscription, toPeriodLines } from './subscription-billing.ts';
import { cancelSubscription, expireSubscription, readCancellationDetails } from './subscription-cancellation.ts';
import { dropPendingUpdate } from './subscription-change.ts';
import { changeSubscription, collectNow, SUBSCRIPTION_DUE } from './subscription-collection.ts';
import { CREATE_PARAMETERS, createSubscription } from './subscription-create.ts';
import { cycleSubscription, endIfDue } from './subscription-cycle.ts';
import {
  isOver,
  needSubscription,
  SUBSCRIPTIONS,
  type Subscription,
  toInterval,
  toItemList,
  toItemsIn,
  toPeriod,
} from './subscription-object.ts';
import { SUBSCRIPTION_REACTIONS } from './subscription-reaction.ts';
import { UPDATE_PARAMETERS, updateSubscription } from './subscription-update.ts';

function need(call: Call, request: Request): { readonly subscription: Subscription; readonly own: Call } {
  const subscription = needSubscription(call, toPathId(request), 'id', 404);
  return { subscription, own: toCustomerCall(call, subscription.customer).own };
}

const cancel: Operation = {
  supported: ['cancellation_details', 'invoice_now', 'prorate'],
  run(call, request) {
    const { parameters } = request;
    const { subscription, own } = need(call, request);
    if (isOver(subscription)) {
      throw invalidRequest(
        `No such subscription: '${subscription.id}'`,
        { code: 'resource_missing', param: 'id' },
        404,
      );
    }
    return cancelSubscription(own, subscription, {
      reason: 'cancellation_requested',
      details: readCancellationDetails(subscription, parameters),
      isProrated: readFlag(parameters, 'prorate') ?? false,
      isInvoiced: readFlag(parameters, 'invoice_now') ?? false,
    });
  },
};

const resume: Operation = {
  supported: ['billing_cycle_anchor', 'proration_behavior'],
  run(call, request) {
    const { subscription, own } = need(call, request);
    if (subscription.status !== 'paused') {
      throw invalidRequest(
        `This subscription can't be resumed: only one that is paused can, and ${subscription.id} has the status ${subscription.status}.`,
        { param: 'subscription' },
      );
    }
    if (readText(request.parameters, 'billing_cycle_anchor') === 'unchanged') {
      throw notInSandbox('resuming at the old anchor', 'billing_cycle_anchor');
    }
    return resumeSubscription(own, subscription);
  },
};

/** Begins a new period and bills it; the subscription goes on when that is paid. */
function resumeSubscription(call: Call, paused: Subscription): Subscription {
  const period = computePeriod(call.now, toInterval(paused), call.now);
  const next: Subscription = {
    ...paused,
    billing_cycle_anchor: call.now,
    items: toItemList(paused.id, toItemsIn(paused.items.data, period)),
  };
  const lines = toPeriodLines(call, next, next.items.data, { period });
  const bill = {
    reason: 'subscription_update',
    lines,
    period: { start: call.now, end: call.now },
    isLater: false,
  } as const;
  const invoice = billSubscription(call, next, bill);
  const { billing_cycle_anchor, items } = next;
  changeSubscription(call, paused, { billing_cycle_anchor, items, latest_invoice: invoice.id });
  collectNow(call, invoice, { behavior: 'allow_incomplete', isOffSession: true });
  return call.need(SUBSCRIPTIONS, paused.id, 'subscription');
}

const list: Operation = {
  supported: [
    ...PAGE_PARAMETERS,
    ...['collection_method', 'created', 'current_period_end', 'current_period_start', 'customer', 'price', 'status'],
    'test_clock',
  ],
  run(call, { parameters }) {
    const status = readText(parameters, 'status');
    const [customer, price] = [readText(parameters, 'customer'), readText(parameters, 'price')];
    const [clock, method] = [readText(parameters, 'test_clock'), readText(parameters, 'collection_method')];
    // What a customer had is there still when it was deleted.
    if (customer !== undefined && call.tx.find(DELETED_CUSTOMERS, customer) === undefined) needCustomer(call, customer);
    const filter = (subscription: Subscription): boolean =>
      isListed(subscription, status) &&
      (customer === undefined || subscription.customer === customer) &&
      (price === undefined || subscription.items.data.some((item) => item.price.id === price)) &&
      (method === undefined || subscription.collection_method === method) &&
      // What follows a test clock is in no list that names neither the clock nor the customer.
      (subscription.test_clock === (clock ?? null) || (clock === undefined && customer !== undefined)) &&
      isWithin(toPeriod(subscription).start, parameters['current_period_start']) &&
      isWithin(toPeriod(subscription).end, parameters['current_period_end']);
    return toPage({ objects: call.tx.all(SUBSCRIPTIONS), filter, url: '/v1/subscriptions' }, parameters);
  },
};

/** Without a status, all but the canceled are listed. */
function isListed(subscription: Subscription, status: string | undefined): boolean {
  if (status === 'all') return true;
  if (status === 'ended') return isOver(subscription);
  return status === undefined ? subscription.status !== 'canceled' : subscription.status === status;
}

function isWithin(at: number, range: JsonFields[string] | undefined): boolean {
  if (typeof range === 'number') return at === range;
  if (!isFields(range)) return true;
  const bound = (name: string, otherwise: number): number => readInteger(range, name) ?? otherwise;
  const most = Number.POSITIVE_INFINITY;
  return at > bound('gt', -1) && at >= bound('gte', 0) && at < bound('lt', most) && at <= bound('lte', most);
}

const removeDiscount: Operation = {
  supported: [],
  run(call, request) {
    const { subscription, own } = need(call, request);
    const discount = call.tx.find(DISCOUNTS, subscription.discounts.at(-1) ?? '');
    if (discount === undefined) {
      throw invalidRequest(
        `No active discount for subscription: ${subscription.id}`,
        { code: 'resource_missing' },
        404,
      );
    }
    endDiscount(own, discount.id);
    changeSubscription(own, subscription, { discounts: subscription.discounts.filter((id) => id !== discount.id) });
    const { end: _end, ...rest } = discount;
    return { ...rest, id: discount.id, object: discount.object, deleted: true };
  },
};

/** Has something happen to a subscription that is there. */
function onSubscription(then: (call: Call, subscription: Subscription) => void): (call: Call, id: string) => void {
  return (call, id) => {
    const subscription = call.tx.find(SUBSCRIPTIONS, id);
    if (subscription !== undefined && !isOver(subscription)) then(call, subscription);
  };
}

const ONE = '/v1/subscriptions/{subscription_exposed_id}';

/** Is the API of subscriptions. */
export const SUBSCRIPTION_RESOURCE: Resource = {
  operations: {
    'POST /v1/subscriptions': {
      supported: CREATE_PARAMETERS,
      run: (call, { parameters }) => createSubscription(call, parameters),
    },
    'GET /v1/subscriptions': list,
    [`GET ${ONE}`]: { supported: [], run: (call, request) => need(call, request).subscription },
    [`POST ${ONE}`]: {
      supported: UPDATE_PARAMETERS,
      run(call, request) {
        const { subscription, own } = need(call, request);
        return updateSubscription(own, subscription, request.parameters);
      },
    },
    [`DELETE ${ONE}`]: cancel,
    'POST /v1/subscriptions/{subscription}/resume': resume,
    [`DELETE ${ONE}/discount`]: removeDiscount,
  },
  reactions: SUBSCRIPTION_REACTIONS,
  due: {
    [SUBSCRIPTION_DUE.cycle]: cycleSubscription,
    [SUBSCRIPTION_DUE.cancel]: onSubscription((call, subscription) => void endIfDue(call, subscription)),
    [SUBSCRIPTION_DUE.incomplete]: onSubscription((call, subscription) => {
      if (subscription.status === 'incomplete') expireSubscription(call, subscription);
    }),
    [SUBSCRIPTION_DUE.trialWillEnd]: onSubscription((call, subscription) => {
      if (subscription.status !== 'trialing') return;
      call.emit({ type: 'customer.subscription.trial_will_end', object: subscription });
    }),
    [SUBSCRIPTION_DUE.pendingUpdate]: dropPendingUpdate,
  },
};
