// Owns reading what a customer has paid, and what went back. Does not own what any of it gives.
// Invariant: a customer costs two calls, and one for each charge that a bank disputes or that has more refunds than come with it, and
// each payment that was tried and is open; a payment that went back costs three.

import type { Stripe } from 'stripe';
import type { PaymentStatus, StripePayment, StripePayments } from '../app/payment/ports.ts';
import { present } from '../domain/optional.ts';
import { AUTHENTICATION_REQUIRED } from './stripe-charge.ts';
import { guardStripe, isMissing, type StripeClient } from './stripe-client.ts';
import { PAGE_SIZE } from './stripe-list.ts';
import { loadLastPayment } from './stripe-payment-state.ts';
import { listRefunds, loadFailedRefunds, loadReturnParts } from './stripe-return.ts';

const DESCRIPTION_LENGTH_MAX = 300;
/** Disputes that have taken nothing, or have given it back. */
const GIVEN_BACK: ReadonlySet<Stripe.Dispute.Status> = new Set<Stripe.Dispute.Status>([
  'won',
  'warning_closed',
  'prevented',
]);

/** Builds what reads payments. */
export function createStripePayments(client: StripeClient): StripePayments {
  return {
    loadPayments: (customer) =>
      guardStripe(async () => {
        const invoices = await client.invoices.list({ customer, limit: PAGE_SIZE, expand: ['data.payments'] });
        const charges = await client.charges.list({ customer, limit: PAGE_SIZE, expand: ['data.refunds'] });
        const known = invoices.data.filter(({ status }) => status !== 'draft');
        const paidBy = indexByIntent(known);
        const refunds = await loadRefunds(client, charges.data);
        const disputes = await loadDisputes(client, charges.data);
        const waiting = await findWaiting(client, known);
        return [
          ...known.map((invoice) => toInvoicePayment(invoice, charges.data, waiting)),
          ...refunds.map((refund) => toRefund(refund, paidBy.get(toId(refund.payment_intent)))),
          ...disputes.map((dispute) => toDispute(dispute, paidBy.get(toId(dispute.payment_intent)))),
        ];
      }),
    loadReturned: (intent) =>
      guardStripe(async () => {
        const stripeCustomerId = await loadPayer(client, intent);
        if (stripeCustomerId === '') return undefined;
        const failedRefunds = await loadFailedRefunds(client, intent);
        return { stripeCustomerId, failedRefunds, parts: await loadReturnParts(client, intent) };
      }),
  };
}

/** Empty where a payment is nobody's, or Stripe has none. */
async function loadPayer(client: StripeClient, intent: string): Promise<string> {
  try {
    return toId((await client.paymentIntents.retrieve(intent)).customer);
  } catch (error) {
    if (isMissing(error)) return '';
    throw error;
  }
}

/** Loads the refunds of charges that were read with their newest ones, and those that did not come with them. */
async function loadRefunds(client: StripeClient, charges: readonly Stripe.Charge[]): Promise<readonly Stripe.Refund[]> {
  const all: Stripe.Refund[] = [];
  for (const { id, refunds } of charges) {
    all.push(...(refunds?.has_more === true ? await listRefunds(client, { charge: id }) : (refunds?.data ?? [])));
  }
  return all;
}

async function loadDisputes(
  client: StripeClient,
  charges: readonly Stripe.Charge[],
): Promise<readonly Stripe.Dispute[]> {
  const disputes: Stripe.Dispute[] = [];
  for (const { id, disputed } of charges) {
    if (disputed) disputes.push(...(await client.disputes.list({ charge: id, limit: PAGE_SIZE })).data);
  }
  return disputes;
}

/** Finds the invoices whose payment was tried, and was not declined: the bank wants to see its customer, or has not answered. */
async function findWaiting(client: StripeClient, invoices: readonly Stripe.Invoice[]): Promise<ReadonlySet<string>> {
  const waiting = new Set<string>();
  for (const { id = '', status, attempted } of invoices) {
    if (status !== 'open' || !attempted) continue;
    const { isProcessing, failureCode } = await loadLastPayment(client, id);
    if (isProcessing || failureCode === AUTHENTICATION_REQUIRED) waiting.add(id);
  }
  return waiting;
}

/** Finds the invoice that a payment intent has paid. */
function indexByIntent(invoices: readonly Stripe.Invoice[]): ReadonlyMap<string, Stripe.Invoice> {
  return new Map(invoices.flatMap((invoice) => intentsOf(invoice).map((intent) => [intent, invoice] as const)));
}

function intentsOf({ payments }: Stripe.Invoice): readonly string[] {
  return (payments?.data ?? []).map(({ payment }) => toId(payment.payment_intent)).filter((id) => id !== '');
}

function toId(reference: string | { readonly id: string } | null | undefined): string {
  return typeof reference === 'object' ? (reference?.id ?? '') : (reference ?? '');
}

function toInvoicePayment(
  invoice: Stripe.Invoice,
  charges: readonly Stripe.Charge[],
  waiting: ReadonlySet<string>,
): StripePayment {
  const { id = '', metadata, parent, currency, created, total } = invoice;
  const intents = intentsOf(invoice);
  const charge = charges.find(({ paid, payment_intent: intent }) => paid && intents.includes(toId(intent)));
  const other = parent?.subscription_details == null ? 'other' : 'subscription';
  return {
    paymentId: id,
    kind: metadata?.['purpose'] === 'topup' ? 'top_up' : other,
    status: waiting.has(id) ? 'pending' : toStatus(invoice),
    minorUnits: BigInt(total),
    currency: currency.toLowerCase(),
    description: describe(invoice),
    createdAt: created * 1_000,
    ...present({
      invoiceUrl: invoice.hosted_invoice_url ?? undefined,
      receiptUrl: charge?.receipt_url ?? undefined,
    }),
  };
}

function toStatus({ status, attempted }: Stripe.Invoice): PaymentStatus {
  switch (status) {
    case 'paid':
      return 'succeeded';
    case 'void':
      return 'canceled';
    case 'uncollectible':
      return 'failed';
    default:
      return attempted ? 'failed' : 'pending';
  }
}

function describe({ description, lines }: Stripe.Invoice): string {
  const words = description ?? lines.data[0]?.description ?? '';
  return words.slice(0, DESCRIPTION_LENGTH_MAX).toWellFormed();
}

function toRefund(refund: Stripe.Refund, paid: Stripe.Invoice | undefined): StripePayment {
  const { id, status, amount, currency, created } = refund;
  return { paymentId: id, kind: 'refund', status: toRefundStatus(status), ...backOf(amount, currency, created, paid) };
}

function toRefundStatus(status: string | null): PaymentStatus {
  if (status === 'succeeded' || status === 'failed' || status === 'canceled') return status;
  return 'pending';
}

function toDispute(dispute: Stripe.Dispute, paid: Stripe.Invoice | undefined): StripePayment {
  const { id, status, amount, currency, created } = dispute;
  return {
    paymentId: id,
    kind: 'dispute',
    status: toDisputeStatus(status),
    ...backOf(amount, currency, created, paid),
  };
}

function toDisputeStatus(status: Stripe.Dispute.Status): PaymentStatus {
  if (status === 'lost') return 'succeeded';
  return GIVEN_BACK.has(status) ? 'canceled' : 'pending';
}

function backOf(amount: number, currency: string, created: number, paid: Stripe.Invoice | undefined) {
  return {
    minorUnits: BigInt(amount),
    currency: currency.toLowerCase(),
    description: paid === undefined ? '' : describe(paid),
    createdAt: created * 1_000,
    ...present({ paidPaymentId: paid?.id }),
  };
}
