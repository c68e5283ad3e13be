// Owns where the payment of an invoice stands, and why it failed. Does not own which invoice that is (stripe-bill.ts).

import type { Stripe } from 'stripe';
import type { InvoiceState } from '../domain/subscription.ts';
import { AUTHENTICATION_REQUIRED } from './stripe-charge.ts';
import type { StripeClient } from './stripe-client.ts';

/** An invoice has hardly ever more than one. */
const PAYMENTS_MAX = 10;

/** What became of the last payment of an invoice. */
export interface LastPayment {
  /** Absent where there is none. */
  readonly intent?: Stripe.PaymentIntent;
  /** Says that its bank has not answered yet. */
  readonly isProcessing: boolean;
  /** Stripe's code of why it failed. */
  readonly failureCode?: string;
}

/** Reads the last payment of an invoice. */
export async function loadLastPayment(client: StripeClient, invoice: string): Promise<LastPayment> {
  const expand = ['data.payment.payment_intent'];
  return findLastPayment((await client.invoicePayments.list({ invoice, limit: PAYMENTS_MAX, expand })).data);
}

/** Finds the last of an invoice's payments, whose payment intents are expanded. */
export function findLastPayment(payments: readonly Stripe.InvoicePayment[]): LastPayment {
  const intents = payments.flatMap(({ payment: { payment_intent: intent } }) =>
    typeof intent === 'object' ? [intent] : [],
  );
  const [last] = intents.toSorted((a, b) => b.created - a.created);
  if (last === undefined) return { isProcessing: false };
  const { status, last_payment_error: error } = last;
  const code = status === 'requires_action' ? AUTHENTICATION_REQUIRED : (error?.decline_code ?? error?.code);
  const known = code === undefined ? {} : { failureCode: code };
  return { intent: last, isProcessing: status === 'processing', ...known };
}

/**
 * Says where an invoice stands. An open one has failed when its charge was tried, or, where it was sent, when it is overdue, which
 * the subscription tells (`isBehind`).
 */
export function toInvoiceState(
  invoice: Stripe.Invoice,
  isBehind: boolean,
  payment: LastPayment | undefined,
): InvoiceState {
  switch (invoice.status) {
    case 'paid':
      return 'paid';
    case 'draft':
    case null:
      return 'draft';
    case 'open': {
      const isSent = invoice.collection_method === 'send_invoice';
      const hasFailed = isSent ? isBehind : invoice.attempted && payment?.isProcessing !== true;
      return hasFailed ? 'failed' : 'open';
    }
    default:
      // Void, or given up: nobody will pay it.
      return 'failed';
  }
}
