// Owns reading subscriptions at Stripe, and what of them the rules get to see. Does not own changing them
// (stripe-subscription-change.ts), or which plan a price is (the catalog).
// Invariants: a subscription costs a bounded number of calls; one that has ended is shown with its newest invoice only.

import type { Stripe } from 'stripe';
import type { StripeBilling, StripeSubscription, StripeTerms } from '../app/subscription/ports.ts';
import { present } from '../domain/optional.ts';
import type { InvoiceFacts } from '../domain/subscription.ts';
import {
  type Bill,
  type BillPeriod,
  type ChangeBill,
  findChangeBill,
  findCycleBill,
  listOtherChanges,
  loadBill,
  loadBills,
} from './stripe-bill.ts';
import { findRefusal, guardStripe, isMissing, type StripeClient } from './stripe-client.ts';
import { toRunningDiscounts } from './stripe-discount.ts';
import { LIST_MAX, PAGE_SIZE } from './stripe-list.ts';
import { type LastPayment, loadLastPayment, toInvoiceState } from './stripe-payment-state.ts';
import { loadProductMetadata, type ProductMetadata, toProductId, toTerms } from './stripe-terms.ts';

/** What is read with a subscription. */
const EXPANDED = ['latest_invoice', 'schedule', 'discounts.source.coupon'];

/** Builds the methods that read subscriptions. */
export function createStripeSubscriptions(
  client: StripeClient,
): Pick<StripeBilling, 'loadSubscriptions' | 'loadSubscription'> {
  return {
    loadSubscriptions: (customer) =>
      guardStripe(async () => {
        const expand = EXPANDED.map((name) => `data.${name}`);
        const query = { customer, status: 'all' as const, limit: PAGE_SIZE, expand };
        try {
          const found = await client.subscriptions.list(query).autoPagingToArray({ limit: LIST_MAX });
          return await completeAll(client, found);
        } catch (error) {
          if (isCustomerMissing(error)) return [];
          throw error;
        }
      }),
    loadSubscription: (id) =>
      guardStripe(async () => {
        try {
          const [one] = await completeAll(client, [await client.subscriptions.retrieve(id, { expand: EXPANDED })]);
          return one;
        } catch (error) {
          if (isMissing(error)) return undefined;
          throw error;
        }
      }),
  };
}

function isCustomerMissing(error: unknown): boolean {
  const refusal = findRefusal(error);
  return refusal?.code === 'resource_missing' && refusal.param === 'customer';
}

async function completeAll(
  client: StripeClient,
  found: readonly Stripe.Subscription[],
): Promise<readonly StripeSubscription[]> {
  const prices = found.flatMap(({ items }) => items.data.map(({ price }) => price));
  const products = await loadProductMetadata(client, prices.map(toProductId));
  const complete: StripeSubscription[] = [];
  for (const subscription of found) {
    const read = await completeOne(client, subscription, products);
    if (read !== undefined) complete.push(read);
  }
  return complete;
}

/** Stripe has none without an item. */
async function completeOne(
  client: StripeClient,
  subscription: Stripe.Subscription,
  products: ProductMetadata,
): Promise<StripeSubscription | undefined> {
  const [item] = subscription.items.data;
  if (item === undefined) return undefined;
  const terms = toTerms(item.price, item.quantity ?? 1, products);
  const stripePriceId = item.price.id;
  const { id, customer, metadata, collection_method: method, ended_at: endedAt } = subscription;
  const period = { start: item.current_period_start, end: item.current_period_end };
  const phase = toPhase(subscription);
  const schedule = findSchedule(subscription);
  const discounts = phase === 'ended' ? [] : toRunningDiscounts(subscription.discounts);
  const bills =
    phase === 'ended' ? await loadLastBill(client, subscription) : await loadBills(client, id, period.start);
  return {
    stripeSubscriptionId: id,
    stripeCustomerId: typeof customer === 'string' ? customer : customer.id,
    stripeItemId: item.id,
    phase,
    isUnpaid: isUnpaid(subscription),
    ...(subscription.pending_update === null ? {} : { isUpdatePending: true as const }),
    metadata,
    createdAt: toInstant(subscription.created),
    periodStart: toInstant(period.start),
    periodEnd: toInstant(period.end),
    isInvoiced: method === 'send_invoice',
    ...(await readInvoices(client, subscription, { bills, period, stripePriceId, ...present({ terms }) })),
    ...present({
      terms,
      discounts: discounts.length === 0 ? undefined : discounts,
      stripeScheduleId: schedule?.id,
      cancelAt: phase === 'ended' ? undefined : findCancelAt(subscription, period),
      endedAt: endedAt === null ? undefined : toInstant(endedAt),
      pending: schedule && (await loadPending(client, schedule, stripePriceId)),
    }),
  };
}

function toInstant(seconds: number): number {
  return seconds * 1_000;
}

function toPhase({ status }: Stripe.Subscription): StripeSubscription['phase'] {
  if (status === 'incomplete') return 'incomplete';
  return status === 'canceled' || status === 'incomplete_expired' ? 'ended' : 'live';
}

function isUnpaid({ status }: Stripe.Subscription): boolean {
  return status === 'past_due' || status === 'unpaid' || status === 'incomplete' || status === 'paused';
}

/** The portal sets the time only, and the API both. */
function findCancelAt({ cancel_at: at, cancel_at_period_end: isAtEnd }: Stripe.Subscription, period: BillPeriod) {
  if (at !== null) return toInstant(at);
  return isAtEnd ? toInstant(period.end) : undefined;
}

function findSchedule({ schedule }: Stripe.Subscription): Stripe.SubscriptionSchedule | undefined {
  return typeof schedule === 'object' && schedule?.status === 'active' ? schedule : undefined;
}

async function loadPending(
  client: StripeClient,
  { phases, current_phase: current }: Stripe.SubscriptionSchedule,
  stripePriceId: string,
): Promise<StripeSubscription['pending']> {
  const next = phases.find(({ start_date: start }) => current !== null && start >= current.end_date);
  const [item] = next?.items ?? [];
  if (next === undefined || item === undefined) return undefined;
  const priceId = typeof item.price === 'string' ? item.price : item.price.id;
  if (priceId === stripePriceId) return undefined;
  const terms = await loadTerms(client, priceId, item.quantity);
  return terms === undefined ? undefined : { terms, effectiveAt: toInstant(next.start_date) };
}

async function loadTerms(client: StripeClient, priceId: string, quantity = 1): Promise<StripeTerms | undefined> {
  const price = await client.prices.retrieve(priceId);
  return toTerms(price, quantity, await loadProductMetadata(client, [toProductId(price)]));
}

async function loadLastBill(client: StripeClient, { latest_invoice: invoice }: Stripe.Subscription) {
  return typeof invoice === 'object' && invoice !== null ? [await loadBill(client, invoice)] : [];
}

interface ReadBills {
  readonly bills: readonly Bill[];
  readonly period: BillPeriod;
  /** Of today. */
  readonly stripePriceId: string;
  /** Of that price; absent where it can't be read. */
  readonly terms?: StripeTerms;
}

type Invoices = Pick<
  StripeSubscription,
  'cycleInvoice' | 'cycleTerms' | 'changeInvoice' | 'earlierChanges' | 'failureCode' | 'paymentUrl' | 'pendingUpdateUrl'
>;

async function readInvoices(
  client: StripeClient,
  subscription: Stripe.Subscription,
  { bills, period, stripePriceId, terms }: ReadBills,
): Promise<Invoices> {
  const { latest_invoice: latest, pending_update: update, status } = subscription;
  const latestId = typeof latest === 'string' ? latest : latest?.id;
  const waiting = update === null ? undefined : bills.find(({ invoice }) => invoice.id === latestId);
  const ours = bills.filter((bill) => bill !== waiting);
  const cycle = findCycleBill(ours, period);
  const change = findChangeBill(ours, stripePriceId, period);
  const isEnded = toPhase(subscription) === 'ended';
  const payable = isEnded ? [] : [cycle?.bill, change?.bill, ...ours];
  const due = payable.find((bill) => bill?.invoice.status === 'open')?.invoice;
  const payment = due?.attempted === true && due.id !== undefined ? await loadLastPayment(client, due.id) : undefined;
  const isBehind = status === 'past_due' || status === 'unpaid';
  const toFacts = (bill: Bill | undefined): InvoiceFacts => {
    if (bill === undefined) return { state: 'none', stripeInvoiceId: '' };
    const { invoice } = bill;
    const state = toInvoiceState(invoice, isBehind, invoice.id === due?.id ? payment : undefined);
    return { state, stripeInvoiceId: invoice.id ?? '' };
  };
  const others = isEnded ? [] : await loadChanges(client, terms, listOtherChanges(ours, change, period));
  const earlierChanges = others.map(({ bill, ...other }) => ({ ...toFacts(bill), ...other }));
  return {
    cycleInvoice: { ...toFacts(cycle?.bill), ...present({ paidAt: findPaidAt(cycle?.bill) }) },
    changeInvoice: { ...toFacts(change?.bill), changedAt: toInstant(change?.changedAt ?? period.start) },
    ...(earlierChanges.length === 0 ? {} : { earlierChanges }),
    ...present({
      cycleTerms: isEnded ? undefined : await loadCycleTerms(client, stripePriceId, cycle?.stripePriceId),
      failureCode: toFailureCode(payment),
      paymentUrl: due?.hosted_invoice_url ?? undefined,
      pendingUpdateUrl:
        waiting?.invoice.status === 'open' ? (waiting.invoice.hosted_invoice_url ?? undefined) : undefined,
    }),
  };
}

function findPaidAt(bill: Bill | undefined): number | undefined {
  const paidAt = bill?.invoice.status === 'paid' ? bill.invoice.status_transitions.paid_at : null;
  return paidAt === null ? undefined : toInstant(paidAt);
}

/** Finds the terms of each change; of one whose price bills by days or weeks there are none. */
async function loadChanges(client: StripeClient, current: StripeTerms | undefined, changes: readonly ChangeBill[]) {
  const known = new Map<string, StripeTerms | undefined>();
  if (current !== undefined) known.set(current.stripePriceId, current);
  for (const { stripePriceId: id } of changes) {
    if (id !== '' && !known.has(id)) known.set(id, await loadTerms(client, id));
  }
  return changes.flatMap(({ bill, stripePriceId, changedAt }) => {
    const terms = known.get(stripePriceId);
    return terms === undefined ? [] : [{ bill, terms, changedAt: toInstant(changedAt) }];
  });
}

/** The price was changed inside of the period where its invoice charges another one. */
async function loadCycleTerms(
  client: StripeClient,
  stripePriceId: string,
  charged = '',
): Promise<StripeTerms | undefined> {
  return charged === '' || charged === stripePriceId ? undefined : await loadTerms(client, charged);
}

function toFailureCode(payment: LastPayment | undefined): string | undefined {
  return payment === undefined || payment.isProcessing ? undefined : payment.failureCode;
}
