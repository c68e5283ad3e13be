/** Owns: the object of a customer. Does not own: the API of customers (`customer.ts`). */
import type { Call } from '../call.ts';
import type { ApiObject, JsonFields } from '../json.ts';
import type { Metadata } from '../metadata.ts';
import { defineTable } from '../store.ts';
import { invalidRequest, resourceMissing } from '../stripe-error.ts';
import { TEST_CLOCKS } from './test-clock.ts';

/** Is a customer. */
export interface Customer extends ApiObject {
  /** Is what the customer owes beside invoices; below zero it is credit. */
  readonly balance: number;
  readonly delinquent: boolean;
  readonly email: string | null;
  readonly invoice_prefix: string;
  readonly invoice_settings: JsonFields;
  readonly metadata: Metadata;
  readonly name: string | null;
  readonly next_invoice_sequence: number;
  readonly test_clock: string | null;
}

/** Are the customers. */
export const CUSTOMERS = defineTable<Customer>('customer');

/** Is what is left of a customer that was deleted. */
export interface DeletedCustomer extends ApiObject {
  readonly deleted: true;
}

/** Are the customers that were deleted. */
export const DELETED_CUSTOMERS = defineTable<DeletedCustomer>('deleted_customer');

/** Returns a customer that a parameter names, if any. Throws StripeError where it is not there, or no more. */
export function needCustomer(call: Call, id: string | null | undefined, param = 'customer'): Customer | undefined {
  if (id === null || id === undefined) return undefined;
  const customer = call.tx.find(CUSTOMERS, id);
  if (customer === undefined) throw resourceMissing('customer', id, param);
  return customer;
}

/** Throws StripeError where invoices can't be sent to a customer. */
export function assertReachable({ email }: Customer): void {
  if (email !== null && email !== '') return;
  throw invalidRequest(
    'Missing email. In order to create invoices that are sent to the customer, the customer must have a valid email.',
  );
}

/** Returns the time of what belongs to a customer: that of its test clock, if it has one. */
export function toCustomerNow(call: Call, customer: Customer | undefined): number {
  const clock = customer?.test_clock;
  if (clock === null || clock === undefined) return call.now;
  return call.tx.find(TEST_CLOCKS, clock)?.frozen_time ?? call.now;
}

/** Returns the customer of a subscription, an invoice and the like, and the call at that customer's time. */
export function toCustomerCall(
  call: Call,
  customerId: string | null,
): { readonly customer: Customer | undefined; readonly own: Call } {
  const customer = call.tx.find(CUSTOMERS, customerId ?? '');
  return { customer, own: call.at(toCustomerNow(call, customer)) };
}
