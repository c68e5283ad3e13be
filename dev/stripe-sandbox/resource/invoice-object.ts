/** Owns: the object of an invoice and of its lines. Does not own: what happens to it (`invoice-life.ts`). */
import type { DiscountAmount } from '../billing/discounting.ts';
import type { Period } from '../billing/period.ts';
import type { Call } from '../call.ts';
import type { ApiObject, JsonFields } from '../json.ts';
import { isFields } from '../json.ts';
import type { Page } from '../list.ts';
import type { Metadata } from '../metadata.ts';
import { defineTable } from '../store.ts';

/** Is why there is an invoice. */
export type BillingReason =
  | 'manual'
  | 'subscription_create'
  | 'subscription_cycle'
  | 'subscription_update'
  | 'upcoming';

/** Is an invoice. */
export interface Invoice extends ApiObject {
  readonly amount_due: number;
  readonly amount_paid: number;
  readonly amount_remaining: number;
  readonly attempt_count: number;
  readonly attempted: boolean;
  readonly auto_advance: boolean;
  readonly automatically_finalizes_at: number | null;
  readonly billing_reason: BillingReason;
  readonly collection_method: 'charge_automatically' | 'send_invoice';
  readonly created: number;
  readonly currency: string;
  readonly customer: string;
  readonly default_payment_method: string | null;
  readonly description: string | null;
  readonly discounts: readonly string[];
  readonly due_date: number | null;
  readonly ending_balance: number | null;
  readonly hosted_invoice_url: string | null;
  readonly lines: Page;
  readonly metadata: Metadata;
  readonly next_payment_attempt: number | null;
  readonly number: string | null;
  readonly parent: JsonFields | null;
  readonly starting_balance: number;
  readonly status: 'draft' | 'open' | 'paid' | 'uncollectible' | 'void';
  readonly status_transitions: JsonFields;
  readonly test_clock: string | null;
  readonly total: number;
}

/** Is a line of an invoice. */
export interface InvoiceLine extends ApiObject {
  readonly amount: number;
  readonly currency: string;
  readonly description: string | null;
  readonly discount_amounts: readonly DiscountAmount[];
  readonly discountable: boolean;
  readonly invoice: string;
  readonly parent: JsonFields | null;
  readonly period: Period;
  readonly quantity: number;
  readonly subscription: string | null;
}

/** Are the invoices. */
export const INVOICES = defineTable<Invoice>('invoice');

/** Are the lines by invoice, all of them: the invoice itself shows the first ones. */
export const INVOICE_LINES = defineTable<readonly InvoiceLine[]>('invoice.lines');

/** Returns the subscription that an invoice is for, if it is for one. */
export function toSubscriptionId({ parent }: Pick<Invoice, 'parent'>): string | undefined {
  const details = parent?.['subscription_details'];
  const id = isFields(details) ? details['subscription'] : undefined;
  return typeof id === 'string' ? id : undefined;
}

/** Returns all lines of an invoice. */
export function findLines(call: Call, invoiceId: string): readonly InvoiceLine[] {
  return call.tx.find(INVOICE_LINES, invoiceId) ?? [];
}
