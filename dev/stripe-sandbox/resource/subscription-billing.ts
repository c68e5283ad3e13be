/**
 * Owns: what a subscription is billed: the lines of a period, and what a change in the middle of one gives back and costs.
 * Does not own: when that happens, and the invoices' life.
 * Invariant: what was debited for a time is known until it is given back, so nothing is ever given back twice. Credits come
 * from what was debited, as flexible billing mode does it (`../billing/proration.ts`).
 */
import { computeDiscounts } from '../billing/discounting.ts';
import type { Period } from '../billing/period.ts';
import { computeCredit, computeProration, type Debit } from '../billing/proration.ts';
import type { Call } from '../call.ts';
import { isFields, type JsonFields } from '../json.ts';
import { defineTable } from '../store.ts';
import { CUSTOMERS, type Customer } from './customer-object.ts';
import { toReductions } from './discount.ts';
import { draftInvoice, type LineTerms, toSubscriptionItemParent } from './invoice-draft.ts';
import { createInvoiceItem, findPendingItems, type InvoiceItem, removeInvoiceItem } from './invoice-item.ts';
import { DRAFT_SECONDS, scheduleFinalization } from './invoice-life.ts';
import { type BillingReason, findLines, type Invoice } from './invoice-object.ts';
import { describePrice, toAmount, toProductName } from './subscription-item.ts';
import type { Subscription, SubscriptionItem } from './subscription-object.ts';

/** Is what was debited for an item. */
type ItemDebit = Debit & { readonly item: string };

const DEBITS = defineTable<readonly ItemDebit[]>('subscription.debits');

/** Returns what was debited of a subscription, to be put back if a change does not come about. */
export function findDebits(call: Call, subscription: string): readonly ItemDebit[] {
  return call.tx.find(DEBITS, subscription) ?? [];
}

/** Puts back what was debited. */
export function putDebits(call: Call, subscription: string, debits: readonly ItemDebit[]): void {
  call.tx.put(DEBITS, subscription, debits);
}

/** Returns the customer of a subscription. Throws StripeError where it was deleted. */
function needPayer(call: Call, subscription: Pick<Subscription, 'customer'>): Customer {
  return call.need(CUSTOMERS, subscription.customer, 'customer');
}

/** Returns the lines that bill items for a period; `full` is the period that their price is for. */
export function toPeriodLines(
  call: Call,
  subscription: Pick<Subscription, 'id'>,
  items: readonly SubscriptionItem[],
  {
    period,
    full = period,
    isTrial = false,
  }: { readonly period: Period; readonly full?: Period; readonly isTrial?: boolean },
): readonly LineTerms[] {
  const length = Math.min(period.end, full.end) - period.start;
  const isWhole = length === full.end - full.start;
  return items.map((item) => {
    const whole = isTrial ? 0 : toAmount(item);
    const part = isWhole ? whole : computeProration(whole, full, full.end - length);
    const name = toProductName(call, item);
    const parent = toSubscriptionItemParent(subscription.id, item.id);
    return {
      amount: part,
      description: isTrial
        ? `Trial period for ${name}`
        : `${item.quantity} × ${name} (at ${describePrice(item.price)})`,
      period,
      price: item.price,
      quantity: item.quantity,
      isDiscountable: true,
      metadata: item.metadata,
      subscription: subscription.id,
      parent: isWhole ? parent : withProration(parent),
    };
  });
}

function withProration(parent: JsonFields): JsonFields {
  const details = parent['subscription_item_details'];
  return { ...parent, subscription_item_details: { ...(isFields(details) ? details : {}), proration: true } };
}

/** Says what a subscription is billed now. */
export interface Bill {
  readonly reason: BillingReason;
  readonly lines: readonly LineTerms[];
  /** Is what the invoice is about as a whole; its lines have periods of their own. */
  readonly period: Period;
  /** Says that it is finalised by itself about an hour later, as renewals are. */
  readonly isLater: boolean;
  /** Says that it is left alone, as that of a subscription that is `unpaid`. */
  readonly isHeld?: boolean;
}

/** Creates the draft of an invoice of a subscription, with all that waits for it. */
export function billSubscription(call: Call, subscription: Subscription, bill: Bill): Invoice {
  const { customer: customerId, id, metadata } = subscription;
  const customer = needPayer(call, subscription);
  const isAdvancing = bill.isHeld !== true;
  const items = [...findPendingItems(call, customerId, null), ...findPendingItems(call, customerId, id)];
  const invoice = draftInvoice(call, {
    customer,
    currency: subscription.currency,
    reason: bill.reason,
    lines: bill.lines,
    items: items.filter(({ currency }) => currency === subscription.currency),
    discounts: subscription.discounts,
    period: bill.period,
    collectionMethod: subscription.collection_method,
    isAdvancing,
    finalizesAt: bill.isLater && isAdvancing ? call.now + DRAFT_SECONDS : null,
    daysUntilDue: subscription.days_until_due,
    subscription: { id, metadata },
  });
  scheduleFinalization(call, invoice);
  noteDebits(call, id, invoice);
  return invoice;
}

/** Remembers what the lines of an invoice debit, less their discounts. */
function noteDebits(call: Call, subscription: string, invoice: Invoice): void {
  const debits = findLines(call, invoice.id).flatMap((line): readonly ItemDebit[] => {
    const details = line.parent?.['subscription_item_details'];
    if (!isFields(details) || details['invoice_item'] !== null) return [];
    const off = line.discount_amounts.reduce((sum, { amount }) => sum + amount, 0);
    return [{ ...line.period, item: String(details['subscription_item']), amount: line.amount - off }];
  });
  const current = findDebits(call, subscription).filter(({ end }) => end > call.now);
  putDebits(call, subscription, [...current, ...debits]);
}

/** Says what has changed of a subscription, when, and whether for the rest of the period it costs what it costs now. */
export interface Change {
  readonly before: readonly SubscriptionItem[];
  readonly after: readonly SubscriptionItem[];
  readonly at: number;
  /** Says that the period ends here and a new one is billed whole: all is given back, and nothing is prorated. */
  readonly isReset: boolean;
}

/** Makes the items that give back and charge what a change comes to; they wait for the next invoice. */
export function prorateChange(call: Call, subscription: Subscription, change: Change): readonly InvoiceItem[] {
  const { before, after, isReset } = change;
  const isSame = (item: SubscriptionItem): boolean => {
    const other = after.find(({ id }) => id === item.id);
    return other?.price.id === item.price.id && other.quantity === item.quantity;
  };
  const left = isReset ? before : before.filter((item) => !isSame(item));
  const gone = new Set(left.map(({ id }) => id));
  const known = new Map(before.map((item) => [item.id, item]));
  const come = isReset ? [] : after.filter((item) => gone.has(item.id) || !known.has(item.id));
  return [
    ...left.flatMap((item) => giveBack(call, subscription, item, change.at)),
    ...come.flatMap((item) => chargeRest(call, subscription, item, change.at)),
  ];
}

/** Gives back what is left of what was debited for an item. */
export function giveBack(
  call: Call,
  subscription: Subscription,
  item: SubscriptionItem,
  at: number,
): readonly InvoiceItem[] {
  const debits = findDebits(call, subscription.id);
  const theirs = debits.filter((debit) => debit.item === item.id && debit.end > at);
  const reckoned = theirs.map((debit) => ({ debit, ...computeCredit(debit, at) }));
  putDebits(call, subscription.id, [...debits.filter((debit) => !theirs.includes(debit)), ...reckoned.map(toRest)]);
  return reckoned
    .filter(({ credit }) => credit !== 0)
    .map(({ debit, credit }) =>
      createProrationItem(call, subscription, item, {
        amount: -credit,
        description: `Unused time on ${toProductName(call, item)} after ${toDate(at)}`,
        period: { start: Math.max(at, debit.start), end: debit.end },
      }),
    );
}

function toRest({ debit, rest }: { readonly debit: ItemDebit; readonly rest: Debit }): ItemDebit {
  return { ...debit, ...rest };
}

function chargeRest(
  call: Call,
  subscription: Subscription,
  item: SubscriptionItem,
  at: number,
): readonly InvoiceItem[] {
  const period = { start: item.current_period_start, end: item.current_period_end };
  const amount = computeProration(toNet(call, subscription, item), period, at);
  if (amount === 0) return [];
  const rest = { start: at, end: period.end };
  putDebits(call, subscription.id, [...findDebits(call, subscription.id), { ...rest, item: item.id, amount }]);
  const description = `Remaining time on ${toProductName(call, item)} after ${toDate(at)}`;
  return [createProrationItem(call, subscription, item, { amount, description, period: rest })];
}

/** Prorations have their discounts inside of their amounts, and take no further ones. */
function toNet(call: Call, { discounts }: Subscription, item: SubscriptionItem): number {
  const amount = toAmount(item);
  const [taken = []] = computeDiscounts(
    [{ amount, product: item.price.product, isDiscountable: true }],
    toReductions(call, discounts),
  );
  return taken.reduce((rest, { amount: off }) => rest - off, amount);
}

function createProrationItem(
  call: Call,
  subscription: Subscription,
  item: SubscriptionItem,
  terms: { readonly amount: number; readonly description: string; readonly period: Period },
): InvoiceItem {
  return createInvoiceItem(call, {
    ...terms,
    customer: needPayer(call, subscription),
    currency: subscription.currency,
    price: item.price,
    quantity: item.quantity,
    isDiscountable: false,
    isProration: true,
    metadata: subscription.metadata,
    subscription: subscription.id,
    subscriptionItem: item.id,
  });
}

/** Takes away what of a subscription waits for an invoice that won't come. */
export function dropPendingProrations(call: Call, subscription: Subscription): void {
  for (const item of findPendingItems(call, subscription.customer, subscription.id)) {
    if (item.proration) removeInvoiceItem(call, item);
  }
}

function toDate(at: number): string {
  const options = { day: '2-digit', month: 'short', year: 'numeric', timeZone: 'UTC' } as const;
  return new Intl.DateTimeFormat('en-GB', options).format(at * 1000);
}
