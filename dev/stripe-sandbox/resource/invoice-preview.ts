/**
 * Owns: previews of invoices: what a subscription will be billed next, or what a change of it would cost.
 * Does not own: any rule of that. A preview does the thing itself on a copy of all there is, and then forgets it.
 */
import type { Call, Operation, Resource } from '../call.ts';
import { readFields, readFlag, readText } from '../field.ts';
import { createId } from '../id.ts';
import type { JsonFields } from '../json.ts';
import { invalidRequest, notInSandbox } from '../stripe-error.ts';
import { toCustomerCall } from './customer-object.ts';
import { INVOICES, type Invoice } from './invoice-object.ts';
import { cancelSubscription } from './subscription-cancellation.ts';
import { createSubscription } from './subscription-create.ts';
import { cycleSubscription } from './subscription-cycle.ts';
import { ITEM_PARAMETERS } from './subscription-item.ts';
import { isOver, needSubscription, type Subscription, toPeriod } from './subscription-object.ts';
import { updateSubscription } from './subscription-update.ts';

const DETAILS = [
  ...[
    'billing_cycle_anchor',
    'cancel_at',
    'cancel_at_period_end',
    'cancel_now',
    'proration_behavior',
    'proration_date',
  ],
  ...['trial_end', 'items.id', 'items.deleted', ...ITEM_PARAMETERS],
].map((name) => `subscription_details.${name}`);

/** Nothing of a preview is charged. */
const UNCHARGED = { payment_behavior: 'default_incomplete' };

const preview: Operation = {
  supported: ['currency', 'customer', 'discounts', 'subscription', ...DETAILS],
  run(call, { parameters }) {
    const details = readFields(parameters, 'subscription_details') ?? {};
    const id = readText(parameters, 'subscription');
    const invoice =
      id === undefined ? previewNew(call, parameters, details) : previewNext(call, id, parameters, details);
    if (invoice !== undefined) return toPreview(invoice);
    const customer = readText(parameters, 'customer') ?? id ?? '';
    throw invalidRequest(`No upcoming invoices for customer: ${customer}`, { code: 'invoice_upcoming_none' }, 404);
  },
};

/** Previews the first invoice of a subscription that is not there yet. */
function previewNew(call: Call, parameters: JsonFields, details: JsonFields): Invoice | undefined {
  const customer = readText(parameters, 'customer');
  if (customer === undefined || details['items'] === undefined) {
    throw notInSandbox('previews of anything but a subscription of a customer', 'subscription');
  }
  const { discounts } = parameters;
  const trial = call.rehearse();
  const terms = { ...details, ...UNCHARGED, customer, ...(discounts === undefined ? {} : { discounts }) };
  const { latest_invoice: invoice } = createSubscription(trial, terms);
  return trial.tx.find(INVOICES, invoice ?? '');
}

function previewNext(call: Call, id: string, parameters: JsonFields, details: JsonFields): Invoice | undefined {
  const subscription = needSubscription(call, id, 'subscription');
  if (isOver(subscription)) return undefined;
  const trial = toCustomerCall(call, subscription.customer).own.rehearse();
  const { discounts } = parameters;
  const change: JsonFields = { ...details, ...(discounts === undefined ? {} : { discounts }) };
  if (readFlag(details, 'cancel_now') === true) return previewEnd(trial, subscription, details);
  const hasChange = Object.keys(change).length > 0;
  const after = hasChange ? updateSubscription(trial, subscription, { ...change, ...UNCHARGED }) : subscription;
  const isBilledNow = after.latest_invoice !== subscription.latest_invoice;
  return isBilledNow ? trial.tx.find(INVOICES, after.latest_invoice ?? '') : findNext(trial, after);
}

function previewEnd(call: Call, subscription: Subscription, details: JsonFields): Invoice | undefined {
  const isProrated = readText(details, 'proration_behavior') !== 'none';
  const ended = cancelSubscription(call, subscription, {
    reason: 'cancellation_requested',
    isProrated,
    isInvoiced: true,
  });
  const isBilled = ended.latest_invoice !== subscription.latest_invoice;
  return isBilled ? call.tx.find(INVOICES, ended.latest_invoice ?? '') : undefined;
}

/** Returns what the end of the present period will bill, if it bills anything. */
function findNext(call: Call, subscription: Subscription): Invoice | undefined {
  const later = call.at(toPeriod(subscription).end);
  cycleSubscription(later, subscription.id);
  const { latest_invoice: invoice } = needSubscription(later, subscription.id, 'subscription');
  return invoice === subscription.latest_invoice ? undefined : later.tx.find(INVOICES, invoice ?? '');
}

function toPreview(invoice: Invoice): Invoice {
  const id = createId('upcoming_in');
  return {
    ...invoice,
    id,
    amount_paid: 0,
    amount_remaining: invoice.amount_due,
    attempt_count: 0,
    attempted: false,
    auto_advance: false,
    automatically_finalizes_at: null,
    billing_reason: 'upcoming',
    effective_at: null,
    hosted_invoice_url: null,
    lines: { ...invoice.lines, data: invoice.lines.data.map((line) => ({ ...line, invoice: id })) },
    number: null,
    status: 'draft',
    status_transitions: { finalized_at: null, marked_uncollectible_at: null, paid_at: null, voided_at: null },
    webhooks_delivered_at: null,
  };
}

/** Is the API of previews. */
export const INVOICE_PREVIEW_RESOURCE: Resource = {
  operations: { 'POST /v1/invoices/create_preview': preview },
};
