/**
 * Owns: the API of invoices, what becomes of them when their time has come, and what follows from their payment intents.
 * Does not own: carrying that out (`invoice-draft.ts`, `invoice-life.ts`), and previews (`invoice-preview.ts`).
 */
import { type Call, type Operation, type Request, type Resource, toPathId } from '../call.ts';
import { pickPresent, readFlag, readInteger, readText, readUnsettableText } from '../field.ts';
import { findInvoiceId } from '../intent.ts';
import type { ApiObject, Json, JsonFields } from '../json.ts';
import { PAGE_PARAMETERS, toPage } from '../list.ts';
import { mergeMetadata } from '../metadata.ts';
import { readAmount, readCurrency } from '../money.ts';
import { invalidRequest, resourceMissing } from '../stripe-error.ts';
import { assertReachable, type Customer, needCustomer, toCustomerCall, toCustomerNow } from './customer-object.ts';
import { redeemDiscounts } from './discount.ts';
import { type DraftTerms, draftInvoice, recomputeDraft } from './invoice-draft.ts';
import { findPendingItems, INVOICE_ITEMS, type InvoiceItem } from './invoice-item.ts';
import {
  askForAction,
  collectInvoice,
  DRAFT_SECONDS,
  failInvoice,
  finalizeInvoice,
  giveUpInvoice,
  INVOICE_DUE,
  payInvoice,
  scheduleAttempt,
  scheduleFinalization,
  sendInvoice,
  voidInvoice,
} from './invoice-life.ts';
import { findLines, INVOICES, type Invoice, toSubscriptionId } from './invoice-object.ts';
import { cancelInvoicePayment, findInvoiceIntent, findInvoicePayment, toPaymentsPage } from './invoice-payment.ts';
import { cancelPaymentIntent } from './payment-intent.ts';
import { PAYMENT_METHODS, resolvePaymentMethod } from './payment-method.ts';
import { needSubscription, type Subscription } from './subscription-object.ts';

const ITEMS_MAX = 250;

const create: Operation = {
  supported: [
    ...['auto_advance', 'automatically_finalizes_at', 'collection_method', 'currency', 'customer', 'days_until_due'],
    ...['default_payment_method', 'description', 'discounts', 'due_date', 'metadata'],
    ...['pending_invoice_items_behavior', 'subscription'],
  ],
  run(call, { parameters }) {
    const subscription = readSubscription(call, parameters);
    const customer = needCustomer(call, readText(parameters, 'customer') ?? subscription?.customer);
    if (customer === undefined) {
      throw invalidRequest('Missing required param: customer.', { code: 'parameter_missing', param: 'customer' });
    }
    const own = call.at(toCustomerNow(call, customer));
    const isIncluding =
      subscription !== undefined || readText(parameters, 'pending_invoice_items_behavior') === 'include';
    const items = isIncluding ? findPendingItems(own, customer.id, subscription?.id ?? null) : [];
    const currency = readCurrency(parameters) ?? subscription?.currency ?? items[0]?.currency ?? 'usd';
    assertItems(items, currency, subscription);
    const isAdvancing = readFlag(parameters, 'auto_advance') ?? false;
    const target = { customer: customer.id, amount: items.reduce((sum, { amount }) => sum + amount, 0), currency };
    const terms: DraftTerms = {
      customer,
      currency,
      reason: 'manual',
      lines: [],
      items,
      discounts: redeemDiscounts(own, parameters, target) ?? subscription?.discounts ?? [],
      period: { start: own.now, end: own.now },
      ...readCollection(parameters, customer),
      isAdvancing,
      finalizesAt: isAdvancing
        ? (readInteger(parameters, 'automatically_finalizes_at') ?? own.now + DRAFT_SECONDS)
        : null,
      defaultPaymentMethod: readMethod(call, parameters, customer.id) ?? null,
      description: readText(parameters, 'description') ?? null,
      metadata: mergeMetadata({}, parameters),
      subscription: subscription && { id: subscription.id, metadata: subscription.metadata },
    };
    const invoice = draftInvoice(own, terms);
    scheduleFinalization(own, invoice);
    return invoice;
  },
};

function readSubscription(call: Call, parameters: JsonFields): Subscription | undefined {
  const id = readText(parameters, 'subscription');
  return id === undefined ? undefined : needSubscription(call, id, 'subscription');
}

function assertItems(items: readonly InvoiceItem[], currency: string, subscription: Subscription | undefined): void {
  if (items.length > ITEMS_MAX)
    throw invalidRequest(`An invoice has at most ${ITEMS_MAX} items.`, { param: 'invoice' });
  const other = items.find((item) => item.currency !== currency);
  if (other !== undefined) {
    throw invalidRequest(`The pending invoice item ${other.id} is in ${other.currency}, not ${currency}.`, {
      param: 'currency',
    });
  }
  if (subscription !== undefined && items.length === 0) {
    throw invalidRequest('Nothing to invoice for subscription', {
      code: 'invoice_no_subscription_line_items',
      param: 'subscription',
    });
  }
}

function readCollection(parameters: JsonFields, customer: Customer) {
  const isSent = readText(parameters, 'collection_method') === 'send_invoice';
  const [days, date] = [readAmount(parameters, 'days_until_due'), readInteger(parameters, 'due_date')];
  if (isSent !== (days !== undefined || date !== undefined)) {
    const message =
      'You can only, and must, specify one of `days_until_due` and `due_date` when `collection_method` is `send_invoice`.';
    throw invalidRequest(message, { param: 'days_until_due' });
  }
  if (isSent) assertReachable(customer);
  return {
    collectionMethod: isSent ? ('send_invoice' as const) : ('charge_automatically' as const),
    daysUntilDue: days ?? null,
    dueDate: date ?? null,
  };
}

function readMethod(call: Call, parameters: JsonFields, customer: string): string | null | undefined {
  const id = readUnsettableText(parameters, 'default_payment_method');
  if (typeof id === 'string' && call.tx.find(PAYMENT_METHODS, id)?.customer !== customer) {
    throw resourceMissing('PaymentMethod', id, 'default_payment_method');
  }
  return id;
}

function needInvoice(call: Call, request: Request): { readonly invoice: Invoice; readonly own: Call } {
  const invoice = call.need(INVOICES, toPathId(request), 'invoice', 404);
  return { invoice, own: toCustomerCall(call, invoice.customer).own };
}

const update: Operation = {
  supported: [
    ...['auto_advance', 'automatically_finalizes_at', 'default_payment_method', 'description', 'discounts', 'due_date'],
    'metadata',
  ],
  run(call, request) {
    const { parameters } = request;
    const { invoice, own } = needInvoice(call, request);
    const isDraftOnly = ['description', 'discounts', 'automatically_finalizes_at'].some(
      (name) => parameters[name] !== undefined,
    );
    if (isDraftOnly && invoice.status !== 'draft') {
      throw invalidRequest("Finalized invoices can't be updated in this way", {
        code: 'invoice_not_editable',
        param: 'invoice',
      });
    }
    const isAdvancing = readFlag(parameters, 'auto_advance') ?? invoice.auto_advance;
    const finalizesAt = readInteger(parameters, 'automatically_finalizes_at') ?? invoice.automatically_finalizes_at;
    const isDraft = invoice.status === 'draft';
    const target = {
      customer: invoice.customer,
      amount: invoice.total,
      currency: invoice.currency,
      invoice: invoice.id,
    };
    const changes = pickPresent({
      auto_advance: isAdvancing,
      automatically_finalizes_at: isDraft && isAdvancing ? (finalizesAt ?? own.now + DRAFT_SECONDS) : null,
      default_payment_method: readMethod(call, parameters, invoice.customer),
      description: readUnsettableText(parameters, 'description'),
      discounts: redeemDiscounts(own, parameters, target),
      due_date: readInteger(parameters, 'due_date'),
      metadata: mergeMetadata(invoice.metadata, parameters),
    });
    const { customer } = toCustomerCall(call, invoice.customer);
    const changed: Invoice = { ...invoice, ...changes };
    const computed = isDraft && customer !== undefined ? recomputeDraft(own, changed, customer) : changed;
    const updated = own.update(INVOICES, invoice, computed, 'invoice.updated');
    scheduleFinalization(own, updated);
    return updated;
  },
};

const finalize: Operation = {
  supported: ['auto_advance'],
  run(call, request) {
    const { invoice, own } = needInvoice(call, request);
    const isAdvancing = readFlag(request.parameters, 'auto_advance') ?? invoice.auto_advance;
    const finalized = finalizeInvoice(own, { ...invoice, auto_advance: isAdvancing });
    const isCollected =
      finalized.status === 'open' && isAdvancing && finalized.collection_method === 'charge_automatically';
    if (!isCollected) return finalized;
    // What is finalised by hand is collected by itself a little later.
    const next = own.now + DRAFT_SECONDS;
    scheduleAttempt(own, finalized, next);
    return own.create(INVOICES, { ...finalized, next_payment_attempt: next });
  },
};

const pay: Operation = {
  supported: ['off_session', 'paid_out_of_band', 'payment_method'],
  run(call, request) {
    const { parameters } = request;
    const { invoice, own } = needInvoice(call, request);
    const due = invoice.status === 'draft' ? finalizeInvoice(own, invoice) : invoice;
    if (invoice.status === 'draft' && due.status === 'paid') return due;
    assertPayable(due);
    if (readFlag(parameters, 'paid_out_of_band') === true) return payOutside(own, due);
    const given = readText(parameters, 'payment_method');
    const method = given === undefined ? undefined : resolvePaymentMethod(own, given);
    const isOffSession = readFlag(parameters, 'off_session') ?? true;
    const { invoice: after, failure } = collectInvoice(own, due, { method, isOffSession, isAutomatic: false });
    if (failure !== undefined) throw failure;
    return after;
  },
};

function assertPayable({ status }: Invoice): void {
  if (status === 'open' || status === 'uncollectible') return;
  const message =
    status === 'paid' ? 'Invoice is already paid' : `This invoice can't be paid: its status is ${status}.`;
  throw invalidRequest(message, { param: 'invoice' });
}

function payOutside(call: Call, invoice: Invoice): Invoice {
  const [intent, payment] = [findInvoiceIntent(call, invoice.id), findInvoicePayment(call, invoice.id)];
  if (intent !== undefined) cancelPaymentIntent(call, intent, 'void_invoice');
  if (payment !== undefined) cancelInvoicePayment(call, payment);
  return payInvoice(call, invoice);
}

const remove: Operation = {
  supported: [],
  run(call, request) {
    const { invoice, own } = needInvoice(call, request);
    if (invoice.status !== 'draft' || toSubscriptionId(invoice) !== undefined) {
      throw invalidRequest('You can only delete draft invoices that no subscription has made.', { param: 'invoice' });
    }
    for (const item of own.tx.all(INVOICE_ITEMS).filter((each) => each.invoice === invoice.id)) {
      own.create(INVOICE_ITEMS, { ...item, invoice: null });
    }
    scheduleFinalization(own, { ...invoice, automatically_finalizes_at: null });
    own.tx.remove(INVOICES, invoice.id);
    own.emit({ type: 'invoice.deleted', object: invoice });
    return { id: invoice.id, object: 'invoice', deleted: true };
  },
};

const list: Operation = {
  supported: [...PAGE_PARAMETERS, 'collection_method', 'created', 'customer', 'status', 'subscription'],
  run(call, { parameters }) {
    const subscription = readText(parameters, 'subscription');
    const wanted = ['collection_method', 'customer', 'status'].flatMap((name) => {
      const value = readText(parameters, name);
      return value === undefined ? [] : [[name, value] as const];
    });
    const filter = (invoice: Invoice): boolean =>
      (subscription === undefined || toSubscriptionId(invoice) === subscription) &&
      wanted.every(([name, value]) => invoice[name] === value);
    return toPage({ objects: call.tx.all(INVOICES), filter, url: '/v1/invoices' }, parameters);
  },
};

const send: Operation = {
  supported: [],
  run(call, request) {
    const { invoice, own } = needInvoice(call, request);
    if (invoice.collection_method !== 'send_invoice') {
      throw invalidRequest('You can only manually send an invoice if its collection method is `send_invoice`.', {
        param: 'invoice',
      });
    }
    if (invoice.status === 'draft') return finalizeInvoice(own, invoice);
    sendInvoice(own, invoice);
    return invoice;
  },
};

const lines: Operation = {
  supported: PAGE_PARAMETERS,
  run(call, request) {
    const { invoice } = needInvoice(call, request);
    // Lines stand in their own order, not newest first.
    const objects = findLines(call, invoice.id).toReversed();
    return toPage({ objects, url: `/v1/invoices/${invoice.id}/lines` }, request.parameters);
  },
};

function toSecret(call: Call, invoice: ApiObject): Json {
  const intent = findInvoiceIntent(call, invoice.id);
  return intent === undefined ? null : { client_secret: intent.client_secret, type: 'payment_intent' };
}

/** Carries out what has fallen due of an invoice. */
function advance(call: Call, id: string, kind: 'finalize' | 'attempt'): void {
  const invoice = call.tx.find(INVOICES, id);
  if (invoice === undefined || !invoice.auto_advance || toCustomerCall(call, invoice.customer).customer === undefined)
    return;
  if (kind === 'finalize' && invoice.status !== 'draft') return;
  const due = kind === 'finalize' ? finalizeInvoice(call, invoice) : invoice;
  if (due.status !== 'open' || due.collection_method !== 'charge_automatically') return;
  collectInvoice(call, due, { isOffSession: true, isAutomatic: true });
}

/** Has something happen to the invoice that a payment intent is for. */
function onIntent(then: (call: Call, invoice: Invoice) => void): (call: Call, intent: ApiObject) => void {
  return (call, intent) => {
    const invoice = call.tx.find(INVOICES, findInvoiceId(call, intent.id) ?? '');
    if (invoice !== undefined) then(toCustomerCall(call, invoice.customer).own, invoice);
  };
}

/** When an invoice is due and was not paid, it is overdue; nothing but an event tells of it. */
function tellOverdue(call: Call, id: string): void {
  const invoice = call.tx.find(INVOICES, id);
  if (invoice?.status === 'open') call.emit({ type: 'invoice.overdue', object: invoice });
}

const ONE = '/v1/invoices/{invoice}';

/** Is the API of invoices. */
export const INVOICE_RESOURCE: Resource = {
  operations: {
    'POST /v1/invoices': create,
    'GET /v1/invoices': list,
    [`GET ${ONE}`]: { supported: [], run: (call, request) => needInvoice(call, request).invoice },
    [`POST ${ONE}`]: update,
    [`DELETE ${ONE}`]: remove,
    [`POST ${ONE}/finalize`]: finalize,
    [`POST ${ONE}/pay`]: pay,
    [`POST ${ONE}/send`]: send,
    [`POST ${ONE}/void`]: {
      supported: [],
      run(call, request) {
        const { invoice, own } = needInvoice(call, request);
        return voidInvoice(own, invoice);
      },
    },
    [`POST ${ONE}/mark_uncollectible`]: {
      supported: [],
      run(call, request) {
        const { invoice, own } = needInvoice(call, request);
        return giveUpInvoice(own, invoice);
      },
    },
    [`GET ${ONE}/lines`]: lines,
  },
  included: {
    invoice: { confirmation_secret: toSecret, payments: (call, { id }): Json => toPaymentsPage(call, id) },
  },
  reactions: {
    'payment_intent.succeeded': onIntent((call, invoice) => {
      if (invoice.status === 'open' || invoice.status === 'uncollectible') payInvoice(call, invoice);
    }),
    'payment_intent.payment_failed': onIntent((call, { id }) => failInvoice(call, id)),
    'payment_intent.requires_action': onIntent((call, { id }) => askForAction(call, id)),
    'invoiceitem.created': (call, item) => {
      const invoice = call.tx.find(INVOICES, String(item['invoice']));
      if (invoice?.status !== 'draft') return;
      const { customer, own } = toCustomerCall(call, invoice.customer);
      if (customer !== undefined)
        own.update(INVOICES, invoice, recomputeDraft(own, invoice, customer), 'invoice.updated');
    },
  },
  due: {
    [INVOICE_DUE.finalize]: (call, id) => advance(call, id, 'finalize'),
    [INVOICE_DUE.attempt]: (call, id) => advance(call, id, 'attempt'),
    [INVOICE_DUE.overdue]: tellOverdue,
  },
};
