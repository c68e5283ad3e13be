// Owns reading the invoices of a subscription, and finding among them the one that pays its period and the one that pays its
// newest change. Does not own what follows (the rules do).
// Invariants: an invoice is known by its lines and never by its amount, so one of zero is one; the invoice of a change that waits
// at Stripe (`pending_update`) is none of both before it is paid.

import type { Stripe } from 'stripe';
import type { StripeClient } from './stripe-client.ts';

/** How many invoices are read at once, and at most: those of a period are few, unless it was changed again and again. */
const PAGE_SIZE = 20;
const INVOICES_MAX = 100;
/** As many as Stripe gives at once. */
const LINES_MAX = 100;

/** What a line bills of a subscription. */
interface BillLine {
  readonly isProration: boolean;
  readonly stripePriceId: string;
  /** In seconds since 1970, as Stripe counts. */
  readonly start: number;
  readonly end: number;
  /** Less its discounts, without taxes. */
  readonly amount: number;
  /** Says that it gives back what is left of a price that was paid for. */
  readonly isCredit: boolean;
}

/** An invoice with what it bills of its subscription. */
export interface Bill {
  readonly invoice: Stripe.Invoice;
  readonly lines: readonly BillLine[];
}

/** The period of a subscription that Stripe is in, in seconds since 1970. */
export interface BillPeriod {
  readonly start: number;
  readonly end: number;
}

/** Reads the invoices of a subscription back to the start of its period, newest first. */
export async function loadBills(client: StripeClient, subscription: string, since: number): Promise<readonly Bill[]> {
  const bills: Bill[] = [];
  let last: string | undefined;
  do {
    const after = last === undefined ? {} : { starting_after: last };
    const page = await client.invoices.list({ subscription, limit: PAGE_SIZE, ...after });
    for (const invoice of page.data) bills.push(await loadBill(client, invoice));
    const oldest = page.data.at(-1);
    const isEnough = oldest === undefined || oldest.created < since || bills.length >= INVOICES_MAX;
    last = page.has_more && !isEnough ? oldest.id : undefined;
  } while (last !== undefined);
  return bills;
}

/** Completes an invoice: of many lines it shows the first ones only. */
export async function loadBill(client: StripeClient, invoice: Stripe.Invoice): Promise<Bill> {
  const { id, lines } = invoice;
  const all =
    lines.has_more && id !== undefined
      ? (await client.invoices.listLineItems(id, { limit: LINES_MAX })).data
      : lines.data;
  return { invoice, lines: toBillLines(all) };
}

/** Translates lines; those that are of no subscription's item are left out. */
export function toBillLines(lines: readonly Stripe.InvoiceLineItem[]): readonly BillLine[] {
  return lines.flatMap((line) => {
    const { subscription_item_details: item, invoice_item_details: other } = line.parent ?? {};
    // A proration may stand there as an invoice item that names the subscription.
    const isProration = item?.proration ?? (other?.proration === true && other.subscription !== null);
    if (item == null && !isProration) return [];
    const price = line.pricing?.price_details?.price;
    const off = (line.discount_amounts ?? []).reduce((sum, { amount }) => sum + amount, 0);
    const { start, end } = line.period;
    const stripePriceId = typeof price === 'string' ? price : (price?.id ?? '');
    const credited = item?.proration_details?.credited_items ?? other?.proration_details?.credited_items;
    // Beside what is free there may be nothing to give back; then Stripe names what is credited.
    const isCredit = isProration && (line.amount < 0 || credited != null);
    return [{ isProration, stripePriceId, start, end, amount: line.amount - off, isCredit }];
  });
}

/** Finds the newest invoice with the line for the whole of a period, and the price that the line charges. */
export function findCycleBill(
  bills: readonly Bill[],
  { start }: BillPeriod,
): { readonly bill: Bill; readonly stripePriceId: string } | undefined {
  for (const bill of bills) {
    // A first period that is shorter than others is billed by a part of the price.
    const isFirst = bill.invoice.billing_reason === 'subscription_create';
    const line = bill.lines.find((each) => each.start === start && (!each.isProration || isFirst));
    if (line !== undefined) return { bill, stripePriceId: line.stripePriceId };
  }
  return undefined;
}

/** An invoice that charges for a change to a price, and since when that price holds. */
export interface ChangeBill {
  readonly bill: Bill;
  readonly stripePriceId: string;
  readonly changedAt: number;
}

/** Finds the newest invoice that charges for a change to a price inside of a period. */
export function findChangeBill(
  bills: readonly Bill[],
  stripePriceId: string,
  period: BillPeriod,
): ChangeBill | undefined {
  for (const bill of bills) {
    const line = listChangeLines(bill, period).find((each) => each.stripePriceId === stripePriceId);
    if (line !== undefined) return { bill, stripePriceId, changedAt: line.start };
  }
  return undefined;
}

/** Lists the other invoices that charge for a change of price inside of a period, oldest first: of each the price that it ends at. */
export function listOtherChanges(
  bills: readonly Bill[],
  newest: ChangeBill | undefined,
  period: BillPeriod,
): readonly ChangeBill[] {
  const others = bills.flatMap((bill) => {
    const line = listChangeLines(bill, period)
      .toSorted((a, b) => a.start - b.start)
      .findLast(({ isCredit }) => !isCredit);
    if (line === undefined || bill === newest?.bill) return [];
    return [{ bill, stripePriceId: line.stripePriceId, changedAt: line.start }];
  });
  return others.toSorted((a, b) => a.changedAt - b.changedAt);
}

function listChangeLines({ invoice, lines }: Bill, { start, end }: BillPeriod): readonly BillLine[] {
  if (invoice.billing_reason !== 'subscription_update') return [];
  return lines.filter((each) => each.isProration && each.start >= start && each.start < end);
}

/** Sums the taxes of an invoice, in minor units. */
export function toTax({ total_taxes: taxes }: Stripe.Invoice): number {
  return (taxes ?? []).reduce((sum, { amount }) => sum + amount, 0);
}
