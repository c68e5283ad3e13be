/**
 * Owns: invoice payments: which payment intent an invoice is paid by, and how far that is.
 * Does not own: paying (`invoice-life.ts`). An invoice has at most one here.
 */
import { type Call, type Resource, toPathId } from '../call.ts';
import { readFields, readText } from '../field.ts';
import { createId } from '../id.ts';
import { assignToInvoice } from '../intent.ts';
import type { ApiObject } from '../json.ts';
import { PAGE_PARAMETERS, type Page, toPage } from '../list.ts';
import { defineTable } from '../store.ts';
import type { Invoice } from './invoice-object.ts';
import { PAYMENT_INTENTS, type PaymentIntent } from './payment-intent.ts';

/** Is an invoice payment. */
export interface InvoicePayment extends ApiObject {
  readonly amount_paid: number | null;
  readonly amount_requested: number;
  readonly created: number;
  readonly invoice: string;
  readonly payment: { readonly type: 'payment_intent'; readonly payment_intent: string };
  readonly status: 'open' | 'paid' | 'canceled';
  readonly status_transitions: { readonly canceled_at: number | null; readonly paid_at: number | null };
}

/** Are the invoice payments. */
const INVOICE_PAYMENTS = defineTable<InvoicePayment>('invoice_payment');

/** Says that an invoice is to be paid by an intent. */
export function createInvoicePayment(call: Call, invoice: Invoice, intent: PaymentIntent): InvoicePayment {
  assignToInvoice(call, intent.id, invoice.id);
  return call.create(INVOICE_PAYMENTS, {
    id: createId('inpay'),
    object: 'invoice_payment',
    amount_paid: null,
    amount_requested: intent.amount,
    created: call.now,
    currency: intent.currency,
    invoice: invoice.id,
    is_default: true,
    livemode: false,
    payment: { type: 'payment_intent', payment_intent: intent.id },
    status: 'open',
    status_transitions: { canceled_at: null, paid_at: null },
  });
}

/** Returns how an invoice is to be paid, or was; undefined for one without a payment. */
export function findInvoicePayment(call: Call, invoiceId: string): InvoicePayment | undefined {
  return call.tx.all(INVOICE_PAYMENTS).find(({ invoice }) => invoice === invoiceId);
}

/** Returns the payment intent of an invoice. */
export function findInvoiceIntent(call: Call, invoiceId: string): PaymentIntent | undefined {
  const payment = findInvoicePayment(call, invoiceId);
  return payment === undefined ? undefined : call.tx.find(PAYMENT_INTENTS, payment.payment.payment_intent);
}

/** Notes that an invoice was paid by its intent. */
export function settleInvoicePayment(call: Call, payment: InvoicePayment): void {
  const changes: Partial<InvoicePayment> = {
    amount_paid: payment.amount_requested,
    status: 'paid',
    status_transitions: { canceled_at: null, paid_at: call.now },
  };
  call.move(INVOICE_PAYMENTS, payment, changes, 'invoice_payment.paid');
}

/** Notes that an invoice is not to be paid by its intent any more. */
export function cancelInvoicePayment(call: Call, payment: InvoicePayment): void {
  const transitions = { canceled_at: call.now, paid_at: null };
  call.create(INVOICE_PAYMENTS, { ...payment, status: 'canceled', status_transitions: transitions });
}

/** Returns the payments of an invoice, as the invoice shows them when they are asked for. */
export function toPaymentsPage(call: Call, invoiceId: string): Page {
  const objects = call.tx.all(INVOICE_PAYMENTS).filter(({ invoice }) => invoice === invoiceId);
  return toPage({ objects, url: `/v1/invoice_payments?invoice=${invoiceId}` }, {});
}

/** Is the API of invoice payments. */
export const INVOICE_PAYMENT_RESOURCE: Resource = {
  operations: {
    'GET /v1/invoice_payments': {
      supported: [...PAGE_PARAMETERS, 'created', 'invoice', 'status', 'payment.type', 'payment.payment_intent'],
      run(call, { parameters }) {
        const [invoice, status] = [readText(parameters, 'invoice'), readText(parameters, 'status')];
        const intent = readText(readFields(parameters, 'payment') ?? {}, 'payment_intent');
        const filter = (payment: InvoicePayment): boolean =>
          (invoice === undefined || payment.invoice === invoice) &&
          (status === undefined || payment.status === status) &&
          (intent === undefined || payment.payment.payment_intent === intent);
        return toPage({ objects: call.tx.all(INVOICE_PAYMENTS), filter, url: '/v1/invoice_payments' }, parameters);
      },
    },
    'GET /v1/invoice_payments/{invoice_payment}': {
      supported: [],
      run: (call, request) => call.need(INVOICE_PAYMENTS, toPathId(request), 'invoice_payment', 404),
    },
  },
};
