/**
 * Owns: what a browser does on the page of an invoice.
 * Does not own: what the page looks like (`invoice-page.ts`), and what paying means (`../resource/invoice-life.ts`).
 */
import type { Call } from '../call.ts';
import type { WholeAnswer, WholeRequest } from '../http-server.ts';
import { toCustomerCall } from '../resource/customer-object.ts';
import { findLines, INVOICES, type Invoice } from '../resource/invoice-object.ts';
import { findInvoiceIntent } from '../resource/invoice-payment.ts';
import { confirmPaymentIntent } from '../resource/payment-intent.ts';
import { attempt, StripeError } from '../stripe-error.ts';
import { toInvoicePage } from './invoice-page.ts';
import { createTypedMethod, readTyped, type Typed, toAnswer, toNowhere, toRedirect } from './page-answer.ts';

/** Answers a browser on the page of an invoice. */
export function visitInvoice(call: Call, id: string, request: WholeRequest): WholeAnswer {
  const invoice = call.tx.find(INVOICES, id);
  if (invoice === undefined || invoice.hosted_invoice_url === null) return toNowhere();
  const { own } = toCustomerCall(call, invoice.customer);
  if (request.method === 'GET') return show(own, invoice, {});
  const typed = readTyped(request.body);
  const outcome = attempt(() => pay(own, invoice, typed));
  if (!(outcome instanceof StripeError)) return toRedirect(outcome);
  return show(own, own.need(INVOICES, id, 'invoice'), typed, outcome.message, 402);
}

/** Returns where to go then: to the bank, or back to the page. Throws StripeError where the card is none, or is declined. */
function pay(call: Call, invoice: Invoice, typed: Typed): string {
  const intent = findInvoiceIntent(call, invoice.id);
  const page = `${call.facts.baseUrl}/i/${invoice.id}`;
  const isOpen = invoice.status === 'open' || invoice.status === 'uncollectible';
  if (intent === undefined || !isOpen) return page;
  const method = createTypedMethod(call, typed);
  const { status, client_secret: secret } = confirmPaymentIntent(call, intent, { method, returnUrl: page });
  return status === 'requires_action' ? `${call.facts.baseUrl}/authenticate/${secret}` : page;
}

function show(call: Call, invoice: Invoice, typed: Typed, error?: string, status = 200): WholeAnswer {
  return toAnswer(status, toInvoicePage(invoice, findLines(call, invoice.id), typed, error));
}
