/**
 * Owns: charges: what a bank was asked to pay, and what it said.
 * Does not own: when it is asked (`payment-intent.ts`). Balance transactions of charges are not here.
 */
import { type Call, type Operation, type Resource, toPathId } from '../call.ts';
import { readText } from '../field.ts';
import { createId } from '../id.ts';
import type { ApiObject, JsonFields } from '../json.ts';
import { PAGE_PARAMETERS, toPage } from '../list.ts';
import { type Metadata, mergeMetadata } from '../metadata.ts';
import { defineTable } from '../store.ts';
import type { Decline } from '../test-card.ts';
import type { PaymentMethod } from './payment-method.ts';

/** Is a charge. */
export interface Charge extends ApiObject {
  readonly amount: number;
  readonly amount_captured: number;
  readonly amount_refunded: number;
  readonly captured: boolean;
  readonly currency: string;
  readonly customer: string | null;
  readonly disputed: boolean;
  readonly metadata: Metadata;
  readonly payment_intent: string | null;
  readonly payment_method: string | null;
  /** Is there once it was paid. */
  readonly receipt_url: string | null;
  readonly refunded: boolean;
}

/** Are the charges. */
export const CHARGES = defineTable<Charge>('charge');

/** Says what a bank is asked to pay. */
export interface ChargeTerms {
  readonly amount: number;
  readonly currency: string;
  readonly customer: string | null;
  readonly description: string | null;
  readonly metadata: Metadata;
  readonly method: PaymentMethod;
  readonly paymentIntent: string;
  readonly receiptEmail: string | null;
  /** Says that the money is taken at once, not only kept for us. */
  readonly isCaptured: boolean;
  /** Is why the bank refused; absent: it paid. */
  readonly decline?: Decline | undefined;
}

/** Creates a charge with what the bank said. */
export function createCharge(call: Call, terms: ChargeTerms): Charge {
  const { amount, decline, isCaptured, method } = terms;
  const isPaid = decline === undefined;
  const id = createId('ch');
  const charge: Charge = {
    id,
    object: 'charge',
    amount,
    amount_captured: isPaid && isCaptured ? amount : 0,
    amount_refunded: 0,
    application: null,
    application_fee: null,
    application_fee_amount: null,
    balance_transaction: null,
    billing_details: method.billing_details,
    calculated_statement_descriptor: 'WHEELHOUSE',
    captured: isPaid && isCaptured,
    created: call.now,
    currency: terms.currency,
    customer: terms.customer,
    description: terms.description,
    disputed: false,
    failure_balance_transaction: null,
    failure_code: decline?.code ?? null,
    failure_message: decline?.message ?? null,
    fraud_details: {},
    livemode: false,
    metadata: terms.metadata,
    on_behalf_of: null,
    outcome: toOutcome(decline),
    paid: isPaid,
    payment_intent: terms.paymentIntent,
    payment_method: method.id,
    payment_method_details: { type: 'card', card: toCardDetails(method, amount) },
    receipt_email: terms.receiptEmail,
    receipt_number: null,
    receipt_url: isPaid ? `${call.facts.baseUrl}/receipts/${id}` : null,
    refunded: false,
    review: null,
    shipping: null,
    source_transfer: null,
    statement_descriptor: null,
    statement_descriptor_suffix: null,
    status: isPaid ? 'succeeded' : 'failed',
    transfer_data: null,
    transfer_group: null,
  };
  return call.create(CHARGES, charge, isPaid ? 'charge.succeeded' : 'charge.failed');
}

function toOutcome(decline: Decline | undefined): JsonFields {
  const isPaid = decline === undefined;
  return {
    advice_code: null,
    network_advice_code: null,
    network_decline_code: null,
    network_status: isPaid ? 'approved_by_network' : 'declined_by_network',
    reason: decline?.declineCode ?? null,
    risk_level: 'normal',
    risk_score: 1,
    seller_message: isPaid ? 'Payment complete.' : 'The bank did not return any further details with this decline.',
    type: isPaid ? 'authorized' : 'issuer_declined',
  };
}

function toCardDetails({ card }: PaymentMethod, amount: number): JsonFields {
  const taken = ['brand', 'checks', 'country', 'exp_month', 'exp_year', 'fingerprint', 'funding', 'last4'] as const;
  return {
    ...Object.fromEntries(taken.map((name) => [name, card[name] ?? null])),
    amount_authorized: amount,
    authorization_code: null,
    installments: null,
    mandate: null,
    network: card['brand'] ?? null,
    regulated_status: 'unregulated',
    three_d_secure: null,
    wallet: null,
  };
}

const update: Operation = {
  supported: ['metadata'],
  run(call, request) {
    const charge = call.need(CHARGES, toPathId(request), 'charge', 404);
    const changes = { metadata: mergeMetadata(charge.metadata, request.parameters) };
    return call.update(CHARGES, charge, changes, 'charge.updated');
  },
};

/** Is the API of charges. */
export const CHARGE_RESOURCE: Resource = {
  operations: {
    'GET /v1/charges': {
      supported: [...PAGE_PARAMETERS, 'created', 'customer', 'payment_intent'],
      run(call, { parameters }) {
        const [customer, intent] = [readText(parameters, 'customer'), readText(parameters, 'payment_intent')];
        const filter = (charge: Charge): boolean =>
          (customer === undefined || charge.customer === customer) &&
          (intent === undefined || charge.payment_intent === intent);
        return toPage({ objects: call.tx.all(CHARGES), filter, url: '/v1/charges' }, parameters);
      },
    },
    'GET /v1/charges/{charge}': {
      supported: [],
      run: (call, request) => call.need(CHARGES, toPathId(request), 'charge', 404),
    },
    'POST /v1/charges/{charge}': update,
  },
};
