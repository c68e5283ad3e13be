/**
 * Owns: drafts of invoices: their lines, and what all of them come to with discounts and the customer's balance.
 * Does not own: what becomes of a draft (`invoice-life.ts`).
 * Invariants: the total is the sum of the lines less their discounts. A total below zero, and a sum too small to be charged, go to
 * the customer's balance when the invoice is finalised, and the next one takes them from there.
 */
import { computeDiscounts } from '../billing/discounting.ts';
import type { Period } from '../billing/period.ts';
import type { Call } from '../call.ts';
import { createId } from '../id.ts';
import { isFields, type JsonFields } from '../json.ts';
import type { Metadata } from '../metadata.ts';
import { toLeastAmount } from '../money.ts';
import { defineTable } from '../store.ts';
import type { Customer } from './customer-object.ts';
import { toReductions } from './discount.ts';
import { INVOICE_ITEMS, type InvoiceItem, toAbout, toPricing } from './invoice-item.ts';
import {
  type BillingReason,
  findLines,
  INVOICE_LINES,
  INVOICES,
  type Invoice,
  type InvoiceLine,
} from './invoice-object.ts';
import type { Price } from './price.ts';

/** Is how many lines an invoice shows by itself; the rest is read by its own path. */
const LINES_SHOWN = 10;

/** Says what a line is made of. */
export interface LineTerms {
  readonly amount: number;
  readonly description: string | null;
  readonly period: Period;
  readonly price?: Price | undefined;
  readonly quantity: number;
  readonly isDiscountable: boolean;
  readonly metadata?: Metadata;
  readonly subscription: string | null;
  readonly parent: JsonFields;
}

/** Says what an invoice is made of. */
export interface DraftTerms {
  readonly customer: Customer;
  readonly currency: string;
  readonly reason: BillingReason;
  readonly lines: readonly LineTerms[];
  /** Are items that wait, and shall wait no longer. */
  readonly items: readonly InvoiceItem[];
  readonly discounts: readonly string[];
  readonly period: Period;
  readonly collectionMethod: Invoice['collection_method'];
  readonly isAdvancing: boolean;
  /** Is when it is finalised by itself. */
  readonly finalizesAt: number | null;
  readonly daysUntilDue?: number | null;
  readonly dueDate?: number | null;
  readonly defaultPaymentMethod?: string | null;
  readonly description?: string | null;
  readonly metadata?: Metadata;
  readonly subscription?: { readonly id: string; readonly metadata: Metadata } | undefined;
}

/** Are the days that customers have to pay, by invoice: the date is set when the invoice is finalised. */
const DAYS_UNTIL_DUE = defineTable<number>('invoice.days_until_due');

/** Returns the days that a customer has to pay an invoice. */
export function findDaysUntilDue(call: Call, invoiceId: string): number | undefined {
  return call.tx.find(DAYS_UNTIL_DUE, invoiceId);
}

/** Creates a draft. */
export function draftInvoice(call: Call, terms: DraftTerms): Invoice {
  const { customer, subscription, finalizesAt, collectionMethod, isAdvancing } = terms;
  const isCharged = collectionMethod === 'charge_automatically';
  const invoice: Invoice = {
    ...BLANK_INVOICE,
    id: createId('in'),
    object: 'invoice',
    amount_due: 0,
    amount_paid: 0,
    amount_remaining: 0,
    attempt_count: 0,
    attempted: false,
    auto_advance: isAdvancing,
    automatically_finalizes_at: finalizesAt,
    billing_reason: terms.reason,
    collection_method: collectionMethod,
    created: call.now,
    currency: terms.currency,
    customer: customer.id,
    customer_address: customer['address'] ?? null,
    customer_email: customer.email,
    customer_name: customer.name,
    customer_phone: customer['phone'] ?? null,
    default_payment_method: terms.defaultPaymentMethod ?? null,
    description: terms.description ?? null,
    discounts: terms.discounts,
    due_date: terms.dueDate ?? null,
    ending_balance: null,
    hosted_invoice_url: null,
    lines: { object: 'list', data: [], has_more: false, url: '' },
    metadata: terms.metadata ?? {},
    next_payment_attempt: isCharged ? finalizesAt : null,
    number: null,
    parent: subscription === undefined ? null : toParent(subscription),
    period_end: terms.period.end,
    period_start: terms.period.start,
    starting_balance: customer.balance,
    status: 'draft',
    status_transitions: { finalized_at: null, marked_uncollectible_at: null, paid_at: null, voided_at: null },
    test_clock: customer.test_clock,
    total: 0,
    webhooks_delivered_at: call.now,
  };
  if (terms.daysUntilDue != null) call.tx.put(DAYS_UNTIL_DUE, invoice.id, terms.daysUntilDue);
  // What waited stands first, the newest at the top; then the subscription.
  const fromItems = terms.items.toReversed().map((item) => toItemLine(invoice, takeItem(call, item, invoice.id)));
  const lines = [...fromItems, ...terms.lines.map((line) => toLine(invoice, line))];
  return call.create(INVOICES, computeInvoice(call, invoice, lines, customer.balance), 'invoice.created');
}

function toParent({ id, metadata }: { readonly id: string; readonly metadata: Metadata }): JsonFields {
  return { quote_details: null, subscription_details: { metadata, subscription: id }, type: 'subscription_details' };
}

/** Is what the sandbox's invoices have all alike. */
const BLANK_INVOICE = {
  account_country: 'US',
  account_name: 'Wheelhouse sandbox',
  account_tax_ids: null,
  amount_overpaid: 0,
  amount_paid_off_stripe: 0,
  amount_shipping: 0,
  application: null,
  automatic_tax: { disabled_reason: null, enabled: false, liability: null, provider: null, status: null },
  custom_fields: null,
  customer_account: null,
  customer_shipping: null,
  customer_tax_exempt: 'none',
  customer_tax_ids: [],
  default_source: null,
  default_tax_rates: [],
  effective_at: null,
  footer: null,
  from_invoice: null,
  invoice_pdf: null,
  issuer: { type: 'self' },
  last_finalization_error: null,
  latest_revision: null,
  livemode: false,
  on_behalf_of: null,
  payment_settings: { default_mandate: null, payment_method_options: null, payment_method_types: ['card'] },
  post_payment_credit_notes_amount: 0,
  pre_payment_credit_notes_amount: 0,
  receipt_number: null,
  rendering: null,
  shipping_cost: null,
  shipping_details: null,
  statement_descriptor: null,
  subtotal: 0,
  total_pretax_credit_amounts: [],
  total_taxes: [],
} as const;

function toLine(invoice: Pick<Invoice, 'id' | 'currency'>, terms: LineTerms): InvoiceLine {
  return {
    id: createId('il'),
    object: 'line_item',
    amount: terms.amount,
    currency: invoice.currency,
    description: terms.description,
    discount_amounts: [],
    discountable: terms.isDiscountable,
    discounts: [],
    invoice: invoice.id,
    livemode: false,
    metadata: terms.metadata ?? {},
    parent: terms.parent,
    period: terms.period,
    pretax_credit_amounts: [],
    pricing: terms.price === undefined ? null : toPricing(terms.price),
    quantity: terms.quantity,
    quantity_decimal: String(terms.quantity),
    subscription: terms.subscription,
    subtotal: terms.amount,
    taxes: [],
  };
}

function takeItem(call: Call, item: InvoiceItem, invoice: string): InvoiceItem {
  return call.create(INVOICE_ITEMS, { ...item, invoice });
}

/** Makes the line of an item that stands on an invoice. */
function toItemLine(invoice: Pick<Invoice, 'id' | 'currency'>, item: InvoiceItem): InvoiceLine {
  const { subscription = null, subscriptionItem } = toAbout(item);
  const line = toLine(invoice, {
    amount: item.amount,
    description: item.description,
    period: item.period,
    quantity: item.quantity,
    isDiscountable: item.discountable,
    metadata: item.metadata,
    subscription,
    parent: toItemParent(item, subscription, subscriptionItem),
  });
  return { ...line, pricing: item.pricing };
}

function toItemParent(
  item: InvoiceItem,
  subscription: string | null,
  subscriptionItem: string | undefined,
): JsonFields {
  const common = { invoice_item: item.id, proration: item.proration, subscription };
  const details = { ...common, proration_details: { credited_items: null } };
  return subscriptionItem === undefined
    ? { invoice_item_details: details, subscription_item_details: null, type: 'invoice_item_details' }
    : {
        invoice_item_details: null,
        subscription_item_details: { ...details, subscription_item: subscriptionItem },
        type: 'subscription_item_details',
      };
}

/** Makes the parent of a line that bills an item of a subscription for a period. */
export function toSubscriptionItemParent(subscription: string, item: string): JsonFields {
  return {
    invoice_item_details: null,
    subscription_item_details: {
      invoice_item: null,
      proration: false,
      proration_details: { credited_items: null },
      subscription,
      subscription_item: item,
    },
    type: 'subscription_item_details',
  };
}

/** Returns an invoice with these lines and all that they come to, and keeps the lines. */
export function computeInvoice(call: Call, invoice: Invoice, lines: readonly InvoiceLine[], balance: number): Invoice {
  const discountable = lines.map((line) => ({
    amount: line.amount,
    product: toProduct(line),
    isDiscountable: line.discountable,
  }));
  const taken = computeDiscounts(discountable, toReductions(call, invoice.discounts));
  const discounted = lines.map((line, index) => ({ ...line, discount_amounts: taken[index] ?? [] }));
  call.tx.put(INVOICE_LINES, invoice.id, discounted);
  const totals = invoice.discounts.map((discount) => ({ amount: sumOf(taken.flat(), discount), discount }));
  const subtotal = lines.reduce((sum, { amount }) => sum + amount, 0);
  const total = totals.reduce((rest, { amount }) => rest - amount, subtotal);
  const { due } = computeDue(total, balance, invoice.currency);
  return {
    ...invoice,
    amount_due: due,
    amount_remaining: due - invoice.amount_paid,
    lines: toLinesPage(invoice.id, discounted),
    starting_balance: balance,
    subtotal,
    subtotal_excluding_tax: subtotal,
    total,
    total_discount_amounts: totals,
    total_excluding_tax: total,
  };
}

function toProduct({ pricing }: InvoiceLine): string | null {
  const details = isFields(pricing) ? pricing['price_details'] : undefined;
  const product = isFields(details) ? details['product'] : undefined;
  return typeof product === 'string' ? product : null;
}

function sumOf(taken: readonly { readonly amount: number; readonly discount: string }[], discount: string): number {
  return taken.filter((each) => each.discount === discount).reduce((sum, { amount }) => sum + amount, 0);
}

function toLinesPage(invoice: string, lines: readonly InvoiceLine[]): Invoice['lines'] {
  const hasMore = lines.length > LINES_SHOWN;
  return { object: 'list', data: lines.slice(0, LINES_SHOWN), has_more: hasMore, url: `/v1/invoices/${invoice}/lines` };
}

/** Returns an invoice whose items, or discounts, have changed, with what it comes to now. */
export function recomputeDraft(call: Call, invoice: Invoice, customer: Customer): Invoice {
  const kept = findLines(call, invoice.id);
  const standing = new Set(kept.map(toInvoiceItemId));
  const added = call.tx.all(INVOICE_ITEMS).filter((item) => item.invoice === invoice.id && !standing.has(item.id));
  const lines = [...kept, ...added.map((item) => toItemLine(invoice, item))];
  return computeInvoice(call, invoice, lines, customer.balance);
}

/** Returns the invoice item that a line stands for, if it stands for one. */
function toInvoiceItemId({ parent }: InvoiceLine): string | undefined {
  for (const name of ['invoice_item_details', 'subscription_item_details']) {
    const details = parent?.[name];
    const id = isFields(details) ? details['invoice_item'] : undefined;
    if (typeof id === 'string') return id;
  }
  return undefined;
}

/** Returns what is to be paid of a total, and what the customer's balance is after that. A balance below zero is credit. */
export function computeDue(
  total: number,
  balance: number,
  currency: string,
): { readonly due: number; readonly balance: number } {
  const owed = total + balance;
  return owed < toLeastAmount(currency) ? { due: 0, balance: owed } : { due: owed, balance: 0 };
}
