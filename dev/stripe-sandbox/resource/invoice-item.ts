/**
 * Owns: invoice items: what waits to stand on a customer's next invoice, among it what changes of a subscription come to.
 * Does not own: taking them onto an invoice (`invoice-draft.ts`).
 */
import type { Period } from '../billing/period.ts';
import { type Call, type Operation, type Resource, toPathId } from '../call.ts';
import { pickPresent, readFields, readFlag, readInteger, readText, readUnsettableText } from '../field.ts';
import { createId } from '../id.ts';
import { type ApiObject, isFields, type JsonFields } from '../json.ts';
import { PAGE_PARAMETERS, toPage } from '../list.ts';
import { type Metadata, mergeMetadata } from '../metadata.ts';
import { readAmount, readCurrency } from '../money.ts';
import { defineTable } from '../store.ts';
import { invalidRequest } from '../stripe-error.ts';
import { type Customer, needCustomer, toCustomerNow } from './customer-object.ts';
import { INVOICES } from './invoice-object.ts';
import { PRICES, type Price } from './price.ts';
import { SUBSCRIPTIONS } from './subscription-object.ts';

/** Is an invoice item. */
export interface InvoiceItem extends ApiObject {
  readonly amount: number;
  readonly currency: string;
  readonly customer: string;
  readonly description: string | null;
  readonly discountable: boolean;
  /** Is the invoice that it stands on; null: it waits. */
  readonly invoice: string | null;
  readonly metadata: Metadata;
  readonly parent: JsonFields | null;
  readonly period: Period;
  readonly pricing: JsonFields | null;
  readonly proration: boolean;
  readonly quantity: number;
}

/** Are the invoice items. */
export const INVOICE_ITEMS = defineTable<InvoiceItem>('invoiceitem');

/** Says what an invoice item is made of. */
export interface InvoiceItemTerms {
  readonly customer: Customer;
  readonly amount: number;
  readonly currency: string;
  readonly description: string | null;
  readonly period: Period;
  readonly price?: Price | undefined;
  readonly quantity?: number;
  readonly isDiscountable?: boolean;
  readonly invoice?: string | null;
  readonly metadata?: Metadata;
  /** Are the subscription, and its item, that it is about. */
  readonly subscription?: string | undefined;
  readonly subscriptionItem?: string | undefined;
  readonly isProration?: boolean;
}

/** Creates an invoice item. */
export function createInvoiceItem(call: Call, terms: InvoiceItemTerms): InvoiceItem {
  const { amount, customer, price, quantity = 1, subscription, subscriptionItem } = terms;
  const item: InvoiceItem = {
    id: createId('ii'),
    object: 'invoiceitem',
    amount,
    currency: terms.currency,
    customer: customer.id,
    customer_account: null,
    date: call.now,
    description: terms.description,
    discountable: terms.isDiscountable ?? true,
    discounts: [],
    invoice: terms.invoice ?? null,
    livemode: false,
    metadata: terms.metadata ?? {},
    net_amount: amount,
    parent: subscription === undefined ? null : toParent(subscription, subscriptionItem),
    period: terms.period,
    pricing: price === undefined ? null : toPricing(price),
    proration: terms.isProration ?? false,
    quantity,
    quantity_decimal: String(quantity),
    tax_rates: [],
    test_clock: customer.test_clock,
  };
  return call.create(INVOICE_ITEMS, item, 'invoiceitem.created');
}

function toParent(subscription: string, item: string | undefined): JsonFields {
  const details = item === undefined ? { subscription } : { subscription, subscription_item: item };
  return { subscription_details: details, type: 'subscription_details' };
}

/** Makes what an invoice says about the price of something. */
export function toPricing(price: Price): JsonFields {
  return {
    price_details: { price: price.id, product: price.product },
    type: 'price_details',
    unit_amount_decimal: price.unit_amount_decimal,
  };
}

/** Returns the subscription that an item is about, and its item. */
export function toAbout({ parent }: InvoiceItem): {
  readonly subscription?: string;
  readonly subscriptionItem?: string;
} {
  const details = parent?.['subscription_details'];
  if (!isFields(details)) return {};
  const [subscription, subscriptionItem] = [readText(details, 'subscription'), readText(details, 'subscription_item')];
  return {
    ...(subscription === undefined ? {} : { subscription }),
    ...(subscriptionItem === undefined ? {} : { subscriptionItem }),
  };
}

/** Returns the items of a customer that wait: those of a subscription, or those of none where it is null. */
export function findPendingItems(call: Call, customerId: string, subscription: string | null): readonly InvoiceItem[] {
  return call.tx
    .all(INVOICE_ITEMS)
    .filter((item) => item.customer === customerId && item.invoice === null)
    .filter((item) => (toAbout(item).subscription ?? null) === subscription);
}

/** Takes an item away that does not stand on an invoice. */
export function removeInvoiceItem(call: Call, item: InvoiceItem): void {
  call.tx.remove(INVOICE_ITEMS, item.id);
  call.emit({ type: 'invoiceitem.deleted', object: item });
}

const create: Operation = {
  supported: [
    ...['amount', 'currency', 'customer', 'description', 'discountable', 'invoice', 'metadata', 'period'],
    ...['pricing.price', 'quantity', 'subscription', 'unit_amount_decimal'],
  ],
  run(call, { parameters }) {
    const customer = needCustomer(call, readText(parameters, 'customer'));
    if (customer === undefined) {
      throw invalidRequest('Missing required param: customer.', { code: 'parameter_missing', param: 'customer' });
    }
    const own = call.at(toCustomerNow(call, customer));
    const subscription = readText(parameters, 'subscription');
    if (subscription !== undefined) call.need(SUBSCRIPTIONS, subscription, 'subscription');
    const invoice = readText(parameters, 'invoice') ?? null;
    if (invoice !== null) assertDraft(call, invoice, customer.id);
    return createInvoiceItem(own, {
      customer,
      ...readCharge(call, parameters),
      description: readText(parameters, 'description') ?? null,
      period: readPeriod(own, parameters),
      isDiscountable: readFlag(parameters, 'discountable') ?? true,
      invoice,
      metadata: mergeMetadata({}, parameters),
      subscription,
    });
  },
};

function assertDraft(call: Call, id: string, customer: string): void {
  const invoice = call.need(INVOICES, id, 'invoice');
  if (invoice.customer !== customer) {
    throw invalidRequest(`The invoice ${id} belongs to another customer.`, { param: 'invoice' });
  }
  if (invoice.status !== 'draft') {
    throw invalidRequest('This invoice is no longer editable: only drafts take further items.', {
      code: 'invoice_not_editable',
      param: 'invoice',
    });
  }
}

function readCharge(call: Call, parameters: JsonFields) {
  const quantity = readAmount(parameters, 'quantity') ?? 1;
  const priceId = readText(readFields(parameters, 'pricing') ?? {}, 'price');
  if (priceId !== undefined) {
    const price = call.need(PRICES, priceId, 'pricing[price]');
    if (price.recurring !== null) {
      const message = `The price specified is set to \`type=recurring\` but this field only accepts prices with \`type=one_time\`.`;
      throw invalidRequest(message, { param: 'pricing[price]' });
    }
    const amount = Math.round(Number(price.unit_amount_decimal) * quantity);
    return { price, quantity, currency: price.currency, amount };
  }
  const currency = readCurrency(parameters);
  const [amount, unit] = [readInteger(parameters, 'amount'), readText(parameters, 'unit_amount_decimal')];
  if (currency === undefined || (amount === undefined) === (unit === undefined)) {
    const message =
      'You must specify `pricing[price]`, or `currency` and exactly one of `amount` and `unit_amount_decimal`.';
    throw invalidRequest(message, { param: 'amount' });
  }
  return { quantity, currency, amount: amount ?? Math.round(Number(unit) * quantity) };
}

function readPeriod(call: Call, parameters: JsonFields): Period {
  const period = readFields(parameters, 'period') ?? {};
  return { start: readInteger(period, 'start') ?? call.now, end: readInteger(period, 'end') ?? call.now };
}

function needWaiting(call: Call, id: string, verb: string): InvoiceItem {
  const item = call.need(INVOICE_ITEMS, id, 'invoiceitem', 404);
  const invoice = item.invoice === null ? undefined : call.tx.find(INVOICES, item.invoice);
  if (invoice === undefined) return item;
  throw invalidRequest(`You can't ${verb} an invoice item that stands on an invoice (${invoice.id}).`, {
    code: 'invoice_not_editable',
    param: 'invoiceitem',
  });
}

const update: Operation = {
  supported: ['amount', 'description', 'discountable', 'metadata', 'period'],
  run(call, request) {
    const { parameters } = request;
    const item = needWaiting(call, toPathId(request), 'update');
    const amount = readInteger(parameters, 'amount');
    const changes = pickPresent({
      amount,
      net_amount: amount,
      description: readUnsettableText(parameters, 'description'),
      discountable: readFlag(parameters, 'discountable'),
      period: parameters['period'] === undefined ? undefined : readPeriod(call, parameters),
      metadata: mergeMetadata(item.metadata, parameters),
    });
    return call.create(INVOICE_ITEMS, { ...item, ...changes });
  },
};

const list: Operation = {
  supported: [...PAGE_PARAMETERS, 'created', 'customer', 'invoice', 'pending'],
  run(call, { parameters }) {
    const [customer, invoice] = [readText(parameters, 'customer'), readText(parameters, 'invoice')];
    const isPending = readFlag(parameters, 'pending');
    const filter = (item: InvoiceItem): boolean =>
      (customer === undefined || item.customer === customer) &&
      (invoice === undefined || item.invoice === invoice) &&
      (isPending === undefined || (item.invoice === null) === isPending);
    return toPage({ objects: call.tx.all(INVOICE_ITEMS), filter, url: '/v1/invoiceitems' }, parameters);
  },
};

const ONE = '/v1/invoiceitems/{invoiceitem}';

/** Is the API of invoice items. */
export const INVOICE_ITEM_RESOURCE: Resource = {
  operations: {
    'POST /v1/invoiceitems': create,
    'GET /v1/invoiceitems': list,
    [`GET ${ONE}`]: {
      supported: [],
      run: (call, request) => call.need(INVOICE_ITEMS, toPathId(request), 'invoiceitem', 404),
    },
    [`POST ${ONE}`]: update,
    [`DELETE ${ONE}`]: {
      supported: [],
      run(call, request) {
        const item = needWaiting(call, toPathId(request), 'delete');
        removeInvoiceItem(call, item);
        return { id: item.id, object: 'invoiceitem', deleted: true };
      },
    },
  },
};
