/**
 * Owns: what a person does in the billing portal: another card, another plan, cancelling, taking that back.
 * Does not own: what the pages look like (`portal-page.ts`), and what the configuration allows is said there.
 * Invariant: what the configuration, or the flow of the session, does not allow is neither shown nor done.
 */
import type { Call } from '../call.ts';
import { readText } from '../field.ts';
import type { WholeAnswer, WholeRequest } from '../http-server.ts';
import { isFields, type JsonFields } from '../json.ts';
import { CUSTOMERS, type Customer, toCustomerCall } from '../resource/customer-object.ts';
import { INVOICES } from '../resource/invoice-object.ts';
import { attachPaymentMethod, PAYMENT_METHODS, setUpCard } from '../resource/payment-method.ts';
import { PORTAL_CONFIGURATIONS, type PortalFeatures } from '../resource/portal-configuration.ts';
import { PORTAL_SESSIONS, type PortalSession } from '../resource/portal-session.ts';
import { PRICES } from '../resource/price.ts';
import { cancelSubscription } from '../resource/subscription-cancellation.ts';
import { changeSubscription } from '../resource/subscription-collection.ts';
import { describePrice, toAmount, toProductName } from '../resource/subscription-item.ts';
import {
  isOver,
  type RecurringPrice,
  SUBSCRIPTIONS,
  type Subscription,
  toPeriod,
} from '../resource/subscription-object.ts';
import { scheduleChange } from '../resource/subscription-schedule.ts';
import { updateSubscription } from '../resource/subscription-update.ts';
import { invalidRequest, type StripeError } from '../stripe-error.ts';
import { createTypedMethod, readForm, readTyped, type Typed, toAnswer, toNowhere, toRedirect } from './page-answer.ts';
import { type PortalChoice, type ShownSubscription, toPortalPage } from './portal-page.ts';

/** Is a visit: who is there, and what they may do. */
interface Visit {
  readonly call: Call;
  readonly session: PortalSession;
  readonly customer: Customer;
  readonly features: PortalFeatures;
}

/** Answers a browser in the portal; with a failure, it shows what went wrong when the same was tried. Throws StripeError for that. */
export function visitPortal(outer: Call, id: string, request: WholeRequest, failure?: StripeError): WholeAnswer {
  const session = outer.tx.find(PORTAL_SESSIONS, id);
  const configuration = outer.tx.find(PORTAL_CONFIGURATIONS, session?.configuration ?? '');
  if (session === undefined || configuration === undefined) return toNowhere();
  const { own: call, customer } = toCustomerCall(outer, session.customer);
  if (customer === undefined) return toNowhere();
  const visit: Visit = { call, session, customer, features: configuration.features };
  if (failure !== undefined) {
    return show(visit, { error: failure.message, typed: readTyped(request.body), status: failure.status });
  }
  if (request.method === 'GET') return show(visit, {});
  const notice = act(visit, request.body);
  const after = findRedirect(session);
  return after === undefined ? show(visit, { notice }) : toRedirect(after);
}

function act(visit: Visit, body: string): string {
  const read = readForm(body);
  const action = read('action');
  if (action === 'card') return changeCard(visit, readTyped(body));
  const shown = findSubscriptions(visit).find(({ subscription }) => subscription.id === read('subscription'));
  if (shown === undefined) throw invalidRequest('There is no such subscription on this page.');
  switch (action) {
    case 'cancel':
      return cancel(visit, shown);
    case 'resume':
      return resume(visit, shown);
    case 'switch':
      return switchPlan(visit, shown, read('price'));
    default:
      throw invalidRequest(`This page can't do ${action || 'nothing'}.`);
  }
}

/** The card becomes the customer's, and that of each subscription that had one of its own. */
function changeCard({ call, customer, features, session }: Visit, typed: Typed): string {
  assertAllowed(features.payment_method_update.enabled && isFor(session, 'payment_method_update'));
  const method = attachPaymentMethod(call, createTypedMethod(call, typed), customer.id);
  setUpCard(call, method);
  const current = call.need(CUSTOMERS, customer.id, 'customer');
  const settings = { ...current.invoice_settings, default_payment_method: method.id };
  call.update(CUSTOMERS, current, { invoice_settings: settings }, 'customer.updated');
  for (const subscription of call.tx.all(SUBSCRIPTIONS).filter((each) => each.customer === customer.id)) {
    if (isOver(subscription) || subscription.default_payment_method === null) continue;
    changeSubscription(call, subscription, { default_payment_method: method.id });
  }
  return 'Your card is saved.';
}

function cancel({ call, features }: Visit, { subscription, mayCancel }: ShownSubscription): string {
  assertAllowed(mayCancel && subscription.cancel_at === null);
  const { mode, proration_behavior: proration } = features.subscription_cancel;
  const reason = 'cancellation_requested';
  if (mode === 'immediately') {
    cancelSubscription(call, subscription, {
      reason,
      isProrated: proration !== 'none',
      isInvoiced: proration === 'always_invoice',
    });
    return 'Your subscription has ended.';
  }
  // In flexible billing mode the portal sets the time, and not cancel_at_period_end
  // (https://docs.stripe.com/billing/subscriptions/billing-mode/compare, on cancellations in the portal).
  const { end } = toPeriod(subscription);
  changeSubscription(call, subscription, {
    cancel_at: end,
    cancel_at_period_end: false,
    canceled_at: call.now,
    cancellation_details: { comment: null, feedback: null, reason },
  });
  return 'Your subscription ends with its period.';
}

function resume({ call }: Visit, { subscription, mayCancel }: ShownSubscription): string {
  assertAllowed(mayCancel && subscription.cancel_at !== null);
  changeSubscription(call, subscription, {
    cancel_at: null,
    cancel_at_period_end: false,
    canceled_at: null,
    cancellation_details: { comment: null, feedback: null, reason: null },
  });
  return 'Your subscription goes on.';
}

function switchPlan({ call, features }: Visit, { subscription, choices }: ShownSubscription, priceId: string): string {
  const choice = choices.find(({ price }) => price.id === priceId);
  const [item] = subscription.items.data;
  if (choice === undefined || item === undefined) throw invalidRequest('There is no such plan on this page.');
  const {
    billing_cycle_anchor: anchor,
    proration_behavior: behavior,
    schedule_at_period_end: later,
  } = features.subscription_update;
  if (later.conditions.some(({ type }) => isMet(type, subscription, choice.price))) {
    scheduleChange(call, subscription, priceId);
    return 'Your plan changes when its period ends.';
  }
  updateSubscription(call, subscription, {
    items: [{ id: item.id, price: priceId }],
    proration_behavior: behavior,
    // Whoever is there can try another card at once, so what is not paid does not come about.
    payment_behavior: 'error_if_incomplete',
    ...(anchor === null ? {} : { billing_cycle_anchor: anchor }),
    ...(subscription.status === 'trialing' ? { trial_end: 'now' } : {}),
  });
  return 'Your plan has changed.';
}

const LENGTHS: Readonly<Record<string, number>> = { day: 1, week: 7, month: 30, year: 365 };

function isMet(type: string, { items }: Subscription, price: RecurringPrice): boolean {
  const [item] = items.data;
  if (item === undefined) return false;
  const length = ({ recurring }: RecurringPrice): number =>
    (LENGTHS[recurring.interval] ?? 1) * recurring.interval_count;
  return type === 'shortening_interval'
    ? length(price) < length(item.price)
    : toAmount({ price, quantity: item.quantity }) < toAmount(item);
}

function assertAllowed(isAllowed: boolean): void {
  if (!isAllowed) throw invalidRequest('This portal does not allow that.');
}

/** Says whether the session's flow, if it has one, is for something. */
function isFor({ flow }: PortalSession, type: string): boolean {
  const flowType = flow === null ? undefined : readText(flow, 'type');
  return (
    flowType === undefined ||
    flowType === type ||
    (type === 'subscription_update' && flowType === 'subscription_update_confirm')
  );
}

/** Returns what the flow of a session says about its kind. */
function toFlowDetails({ flow }: PortalSession): JsonFields | undefined {
  const details = flow === null ? undefined : flow[readText(flow, 'type') ?? ''];
  return isFields(details) ? details : undefined;
}

/** Returns where the flow of a session leads when it is through. */
function findRedirect({ flow }: PortalSession): string | undefined {
  const after = flow?.['after_completion'];
  const redirect = isFields(after) ? after['redirect'] : undefined;
  return isFields(redirect) ? readText(redirect, 'return_url') : undefined;
}

function findSubscriptions({ call, customer, features, session }: Visit): readonly ShownSubscription[] {
  const only = toFlowDetails(session)?.['subscription'];
  return call.tx
    .all(SUBSCRIPTIONS)
    .filter((each) => each.customer === customer.id && !isOver(each) && (only === undefined || each.id === only))
    .map((subscription) => {
      const [item] = subscription.items.data;
      const isScheduled = subscription.schedule !== null;
      return {
        subscription,
        label: item === undefined ? subscription.id : `${toProductName(call, item)}, ${describePrice(item.price)}`,
        choices: findChoices({ call, customer, features, session }, subscription),
        mayCancel: features.subscription_cancel.enabled && isFor(session, 'subscription_cancel') && !isScheduled,
      };
    });
}

function findChoices({ call, features, session }: Visit, { items, status }: Subscription): readonly PortalChoice[] {
  const [item, ...more] = items.data;
  const isOpen = features.subscription_update.enabled && isFor(session, 'subscription_update');
  if (!isOpen || item === undefined || more.length > 0 || status === 'incomplete' || status === 'paused') return [];
  const wanted = toFlowDetails(session)?.['items'];
  const [only] = Array.isArray(wanted) ? wanted : [];
  const prices = features.subscription_update.products.flatMap((product) => product.prices);
  const offered = isFields(only) ? [String(only['price'])] : prices;
  return offered.flatMap((id): readonly PortalChoice[] => {
    const price = call.tx.find(PRICES, id);
    if (price === undefined || price.recurring === null || !price.active || id === item.price.id) return [];
    const recurring: RecurringPrice = { ...price, recurring: price.recurring };
    return [{ price: recurring, label: `${toProductName(call, { price: recurring })}, ${describePrice(recurring)}` }];
  });
}

interface Shown {
  readonly notice?: string;
  readonly error?: string;
  readonly typed?: Typed;
  readonly status?: number;
}

function show(visit: Visit, { notice, error, typed = {}, status = 200 }: Shown): WholeAnswer {
  const { call, session, features } = visit;
  const customer = call.tx.find(CUSTOMERS, visit.customer.id) ?? visit.customer;
  const invoices = call.tx.all(INVOICES).filter((each) => each.customer === customer.id && each.status !== 'draft');
  const page = toPortalPage({
    subscriptions: findSubscriptions(visit),
    card: call.tx.find(PAYMENT_METHODS, String(customer.invoice_settings['default_payment_method'])),
    mayChangeCard: features.payment_method_update.enabled && isFor(session, 'payment_method_update'),
    invoices: features.invoice_history.enabled && session.flow === null ? invoices.toReversed() : undefined,
    returnUrl: session.return_url,
    notice,
    error,
    typed,
  });
  return toAnswer(status, page);
}
