/**
 * Owns: beginning a subscription: its trial, its anchor, its first invoice.
 * Does not own: its items' form, and what happens after (`subscription-cycle.ts`, `subscription-reaction.ts`).
 */
import { computePeriod, type Period } from '../billing/period.ts';
import type { Call } from '../call.ts';
import { schedule } from '../due.ts';
import { readFields, readInteger, readText, readTexts } from '../field.ts';
import { createId } from '../id.ts';
import type { JsonFields } from '../json.ts';
import { mergeMetadata } from '../metadata.ts';
import { readAmount } from '../money.ts';
import { defineTable } from '../store.ts';
import { invalidRequest, notInSandbox, resourceMissing } from '../stripe-error.ts';
import { assertReachable, type Customer, needCustomer, toCustomerNow } from './customer-object.ts';
import { redeemDiscounts } from './discount.ts';
import { noMethod } from './invoice-life.ts';
import { PAYMENT_METHODS } from './payment-method.ts';
import type { Recurring } from './price.ts';
import { createSetupIntent } from './setup-intent.ts';
import { billSubscription, toPeriodLines } from './subscription-billing.ts';
import { readCancellation } from './subscription-cancellation.ts';
import {
  collectNow,
  INCOMPLETE_SECONDS,
  readCollection,
  SUBSCRIPTION_DUE,
  scheduleSubscription,
  toDiscountsAfter,
} from './subscription-collection.ts';
import { ITEM_PARAMETERS, readItems, toAmount } from './subscription-item.ts';
import {
  SUBSCRIPTIONS,
  type Subscription,
  type SubscriptionItem,
  toItemList,
  toItemsIn,
} from './subscription-object.ts';

const DAY_SECONDS = 24 * 60 * 60;

/** Is how far ahead a trial may end: Stripe takes two years. */
const TRIAL_MAX_SECONDS = 730 * DAY_SECONDS;

/** Are the parameters of a new subscription that are honoured. */
export const CREATE_PARAMETERS: readonly string[] = [
  ...[
    'billing_cycle_anchor',
    'billing_mode.type',
    'cancel_at',
    'cancel_at_period_end',
    'collection_method',
    'currency',
  ],
  ...['customer', 'days_until_due', 'default_payment_method', 'description', 'discounts', 'metadata', 'off_session'],
  ...['payment_behavior', 'proration_behavior', 'trial_end', 'trial_period_days'],
  ...['payment_settings.save_default_payment_method', 'payment_settings.payment_method_types'],
  ...['trial_settings.end_behavior.missing_payment_method'],
  ...ITEM_PARAMETERS,
];

/** Creates a subscription from parameters that are a subscription's. Throws StripeError where they are wrong together. */
export function createSubscription(call: Call, parameters: JsonFields): Subscription {
  const customer = needCustomer(call, readText(parameters, 'customer'));
  if (customer === undefined) {
    throw invalidRequest('Missing required param: customer.', { code: 'parameter_missing', param: 'customer' });
  }
  const own = call.at(toCustomerNow(call, customer));
  assertKnown(parameters);
  const plan = planBeginning(own, customer, parameters);
  const { subscription } = plan;
  own.tx.put(SUBSCRIPTIONS, subscription.id, subscription);
  const lines = toPeriodLines(own, subscription, subscription.items.data, plan);
  const isSent = subscription.collection_method === 'send_invoice';
  const invoice = billSubscription(own, subscription, {
    reason: 'subscription_create',
    lines: plan.isFree ? lines.map((line) => ({ ...line, amount: 0 })) : lines,
    period: { start: own.now, end: own.now },
    isLater: isSent,
  });
  const collection = readCollection(parameters);
  if (invoice.amount_due > 0 && !isSent && collection.behavior !== 'default_incomplete')
    assertMethod(subscription, customer);
  const hasToBePaid = invoice.amount_due > 0 && !isSent;
  const status = hasToBePaid ? ('incomplete' as const) : toFirstStatus(subscription);
  const begun = own.create(
    SUBSCRIPTIONS,
    { ...subscription, latest_invoice: invoice.id, status, discounts: toDiscountsAfter(own, subscription, invoice) },
    'customer.subscription.created',
  );
  tellOfTrial(own, begun);
  scheduleSubscription(own, begun);
  if (status === 'incomplete') {
    const { id, test_clock: testClock } = begun;
    schedule(own.tx, { kind: SUBSCRIPTION_DUE.incomplete, subject: id, at: own.now + INCOMPLETE_SECONDS, testClock });
  }
  if (!isSent) collectNow(own, invoice, collection);
  if (collection.behavior === 'default_incomplete' && !hasToBePaid) askForCard(own, begun, customer);
  return own.need(SUBSCRIPTIONS, begun.id, 'subscription');
}

function assertKnown(parameters: JsonFields): void {
  const mode = readText(readFields(parameters, 'billing_mode') ?? {}, 'type');
  // The default since 2025-09-30.clover.
  if (mode === 'classic') throw notInSandbox('classic billing mode', 'billing_mode[type]');
  if (readText(parameters, 'payment_behavior') === 'pending_if_incomplete') {
    const message =
      '`payment_behavior=pending_if_incomplete` is only used with updates and cannot be passed when creating a Subscription.';
    throw invalidRequest(message, { param: 'payment_behavior' });
  }
  const types = readTexts(readFields(parameters, 'payment_settings') ?? {}, 'payment_method_types') ?? [];
  if (types.some((type) => type !== 'card')) {
    throw notInSandbox('payments but by card', 'payment_settings[payment_method_types]');
  }
}

function assertMethod({ default_payment_method: own }: Subscription, { invoice_settings: settings }: Customer): void {
  if (own === null && typeof settings['default_payment_method'] !== 'string') throw noMethod();
}

function toFirstStatus({ trial_end: trialEnd }: Subscription): 'trialing' | 'active' {
  return trialEnd === null ? 'active' : 'trialing';
}

/** A trial that ends within three days is told of at once. */
function tellOfTrial(call: Call, subscription: Subscription): void {
  const { trial_end: end, status } = subscription;
  if (status === 'trialing' && end !== null && end - call.now <= 3 * DAY_SECONDS) {
    call.emit({ type: 'customer.subscription.trial_will_end', object: subscription });
  }
}

/** Asks for a card to be saved where nothing has to be paid yet. */
function askForCard(call: Call, subscription: Subscription, customer: Customer): void {
  if (subscription.default_payment_method !== null) return;
  if (typeof customer.invoice_settings['default_payment_method'] === 'string') return;
  const intent = createSetupIntent(call, {
    customer: customer.id,
    payment_method_types: ['card'],
    usage: 'off_session',
  });
  call.tx.put(SUBSCRIPTION_OF_SETUP, intent.id, subscription.id);
  call.create(SUBSCRIPTIONS, { ...subscription, pending_setup_intent: intent.id });
}

/** Are the subscriptions that setup intents ask a card for, by the intent. */
export const SUBSCRIPTION_OF_SETUP = defineTable<string>('setup_intent.subscription');

interface Beginning {
  readonly subscription: Subscription;
  readonly period: Period;
  readonly full: Period;
  readonly isTrial: boolean;
  /** Says that the time until the anchor costs nothing. */
  readonly isFree: boolean;
}

function planBeginning(call: Call, customer: Customer, parameters: JsonFields): Beginning {
  const id = createId('sub');
  const trialEnd = readTrialEnd(call, parameters);
  const blank = { start: call.now, end: call.now };
  const items = readItems(call, parameters, { subscription: id, period: blank, before: [] });
  const [first] = items;
  if (first === undefined) throw new RangeError('Items were read.');
  const anchor = trialEnd ?? readAnchor(call, parameters, first.price.recurring) ?? call.now;
  const full = computePeriod(anchor, first.price.recurring, call.now);
  const period = { start: call.now, end: trialEnd ?? full.end };
  const terms = { id, customer, items: toItemsIn(items, period), anchor, trialEnd };
  const subscription = toSubscription(call, terms, parameters);
  const isFree = readText(parameters, 'proration_behavior') === 'none' && full.start !== call.now;
  return { subscription, period, full: trialEnd === null ? full : period, isTrial: trialEnd !== null, isFree };
}

function readTrialEnd(call: Call, parameters: JsonFields): number | null {
  const [end, days] = [parameters['trial_end'], readAmount(parameters, 'trial_period_days', 1)];
  if (end !== undefined && days !== undefined) {
    throw invalidRequest('You may only specify one of these parameters: trial_end, trial_period_days.', {
      param: 'trial_end',
    });
  }
  if (days !== undefined) return call.now + days * DAY_SECONDS;
  if (end === undefined || end === 'now') return null;
  return assertTrialEnd(call, Number(end));
}

/** Returns the end of a trial. Throws StripeError where it is past, or too far ahead. */
export function assertTrialEnd(call: Call, end: number): number {
  if (end <= call.now || end > call.now + TRIAL_MAX_SECONDS) {
    throw invalidRequest('The trial must end in the future, and at most two years ahead.', {
      param: 'trial_end',
    });
  }
  return end;
}

function readAnchor(call: Call, parameters: JsonFields, interval: Recurring): number | undefined {
  const anchor = readInteger(parameters, 'billing_cycle_anchor');
  if (anchor === undefined) return undefined;
  const isNear = anchor > call.now && computePeriod(call.now, interval, anchor).start <= call.now;
  if (!isNear && anchor !== call.now) {
    const message =
      'billing_cycle_anchor must be in the future, and before the next natural billing date of the subscription.';
    throw invalidRequest(message, { param: 'billing_cycle_anchor' });
  }
  return anchor;
}

interface SubscriptionTerms {
  readonly id: string;
  readonly customer: Customer;
  readonly items: readonly SubscriptionItem[];
  readonly anchor: number;
  readonly trialEnd: number | null;
}

function toSubscription(call: Call, terms: SubscriptionTerms, parameters: JsonFields): Subscription {
  const { id, customer, items, trialEnd } = terms;
  const currency = items[0]?.price.currency ?? 'usd';
  const amount = items.reduce((sum, item) => sum + toAmount(item), 0);
  const target = { customer: customer.id, subscription: id, amount, currency };
  const list = toItemList(id, items);
  return {
    ...BLANK_SUBSCRIPTION,
    id,
    object: 'subscription',
    billing_cycle_anchor: terms.anchor,
    cancel_at: null,
    cancel_at_period_end: false,
    canceled_at: null,
    cancellation_details: { comment: null, feedback: null, reason: null },
    created: call.now,
    currency,
    customer: customer.id,
    default_payment_method: readMethod(call, parameters, customer.id),
    description: readText(parameters, 'description') ?? null,
    discounts: redeemDiscounts(call, parameters, target) ?? [],
    ended_at: null,
    items: list,
    latest_invoice: null,
    metadata: mergeMetadata({}, parameters),
    payment_settings: {
      payment_method_options: null,
      payment_method_types: null,
      save_default_payment_method:
        readText(readFields(parameters, 'payment_settings') ?? {}, 'save_default_payment_method') ?? 'off',
    },
    pending_setup_intent: null,
    pending_update: null,
    schedule: null,
    start_date: call.now,
    status: trialEnd === null ? 'active' : 'trialing',
    test_clock: customer.test_clock,
    trial_end: trialEnd,
    trial_settings: { end_behavior: { missing_payment_method: readMissingMethod(parameters) } },
    trial_start: trialEnd === null ? null : call.now,
    ...readSent(parameters, customer),
    ...readCancellation(call, { items: list }, parameters),
  };
}

function readMissingMethod(parameters: JsonFields): string {
  const settings = readFields(parameters, 'trial_settings') ?? {};
  return readText(readFields(settings, 'end_behavior') ?? {}, 'missing_payment_method') ?? 'create_invoice';
}

function readSent(
  parameters: JsonFields,
  customer: Customer,
): Pick<Subscription, 'collection_method' | 'days_until_due'> {
  const isSent = readText(parameters, 'collection_method') === 'send_invoice';
  const days = readAmount(parameters, 'days_until_due');
  if (isSent !== (days !== undefined)) {
    const message = 'You can only, and must, specify `days_until_due` when `collection_method` is `send_invoice`.';
    throw invalidRequest(message, { param: 'days_until_due' });
  }
  if (isSent) assertReachable(customer);
  return { collection_method: isSent ? 'send_invoice' : 'charge_automatically', days_until_due: days ?? null };
}

/** Returns the card that a subscription shall be paid with. Throws StripeError where it is not the customer's. */
export function readMethod(call: Call, parameters: JsonFields, customer: string): string | null {
  const id = readText(parameters, 'default_payment_method');
  if (id === undefined) return null;
  if (call.tx.find(PAYMENT_METHODS, id)?.customer === customer) return id;
  if (call.tx.find(PAYMENT_METHODS, id) === undefined) {
    throw resourceMissing('PaymentMethod', id, 'default_payment_method');
  }
  const message = `The customer does not have a payment method with the ID ${id}. The payment method must be attached to the customer.`;
  throw invalidRequest(message, { code: 'resource_missing', param: 'default_payment_method' });
}

/** Is what the sandbox's subscriptions have all alike. */
const BLANK_SUBSCRIPTION = {
  application: null,
  application_fee_percent: null,
  automatic_tax: { disabled_reason: null, enabled: false, liability: null },
  billing_cycle_anchor_config: null,
  billing_mode: { flexible: { proration_discounts: 'included' }, type: 'flexible' },
  billing_schedules: [],
  billing_thresholds: null,
  customer_account: null,
  default_source: null,
  default_tax_rates: [],
  invoice_settings: {
    account_tax_ids: null,
    custom_fields: null,
    description: null,
    footer: null,
    issuer: { type: 'self' },
  },
  livemode: false,
  next_pending_invoice_item_invoice: null,
  on_behalf_of: null,
  pause_collection: null,
  pending_invoice_item_interval: null,
  transfer_data: null,
} as const;
