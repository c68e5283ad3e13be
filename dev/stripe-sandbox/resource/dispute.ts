/**
 * Owns: disputes: a bank takes a charge back for its customer, and the shop loses or wins it.
 * Does not own: charges. When one is disputed the money is withdrawn; when it is won it comes back.
 */
import { type Call, type Operation, type Request, type Resource, toPathId } from '../call.ts';
import { readFields, readFlag, readText } from '../field.ts';
import { createId } from '../id.ts';
import type { ApiObject, JsonFields } from '../json.ts';
import { PAGE_PARAMETERS, toPage } from '../list.ts';
import { type Metadata, mergeMetadata } from '../metadata.ts';
import { defineTable } from '../store.ts';
import { invalidRequest } from '../stripe-error.ts';
import { CHARGES, type Charge } from './charge.ts';
import { findCard, PAYMENT_METHODS } from './payment-method.ts';

/** Is a dispute. */
export interface Dispute extends ApiObject {
  readonly amount: number;
  readonly charge: string;
  readonly evidence: JsonFields;
  readonly evidence_details: JsonFields & { readonly due_by: number; readonly submission_count: number };
  readonly metadata: Metadata;
  readonly payment_intent: string | null;
  readonly status: 'needs_response' | 'under_review' | 'won' | 'lost';
}

/** Are the disputes. */
const DISPUTES = defineTable<Dispute>('dispute');

/** Is how long a shop has to answer: at Stripe it depends on the bank. */
const ANSWER_SECONDS = 9 * 24 * 60 * 60;

const TEXTS = [
  ...['access_activity_log', 'billing_address', 'cancellation_policy_disclosure', 'cancellation_rebuttal'],
  ...['customer_email_address', 'customer_name', 'customer_purchase_ip', 'duplicate_charge_explanation'],
  ...['duplicate_charge_id', 'product_description', 'refund_policy_disclosure', 'refund_refusal_explanation'],
  ...['service_date', 'shipping_address', 'shipping_carrier', 'shipping_date', 'shipping_tracking_number'],
  'uncategorized_text',
];
const FILES = [
  ...['cancellation_policy', 'customer_communication', 'customer_signature', 'duplicate_charge_documentation'],
  ...['receipt', 'refund_policy', 'service_documentation', 'shipping_documentation', 'uncategorized_file'],
];

/** Disputes a charge. Throws StripeError where that is not possible. */
export function createDispute(call: Call, chargeId: string, reason = 'fraudulent', amount?: number): Dispute {
  const charge = call.need(CHARGES, chargeId, 'charge');
  const left = charge.amount_captured - charge.amount_refunded;
  const disputed = amount ?? left;
  if (charge.disputed || disputed < 1 || disputed > left) {
    throw invalidRequest(
      `The charge ${chargeId} can't be disputed: ${left} of it is left, and disputed is ${charge.disputed}.`,
      {
        param: 'charge',
      },
    );
  }
  const dispute = toDispute(call, charge, reason, disputed);
  call.update(CHARGES, charge, { disputed: true }, 'charge.updated');
  call.create(DISPUTES, dispute, 'charge.dispute.created');
  call.emit({ type: 'charge.dispute.funds_withdrawn', object: dispute });
  return dispute;
}

function toDispute(call: Call, charge: Charge, reason: string, amount: number): Dispute {
  const blank = [...TEXTS, ...FILES].map((name): [string, null] => [name, null]);
  return {
    id: createId('dp'),
    object: 'dispute',
    amount,
    balance_transactions: [],
    charge: charge.id,
    created: call.now,
    currency: charge.currency,
    enhanced_eligibility_types: [],
    evidence: { ...Object.fromEntries(blank), enhanced_evidence: {} },
    evidence_details: {
      due_by: call.now + ANSWER_SECONDS,
      enhanced_eligibility: {},
      has_evidence: false,
      past_due: false,
      submission_count: 0,
    },
    is_charge_refundable: false,
    livemode: false,
    metadata: {},
    payment_intent: charge.payment_intent,
    payment_method_details: {
      card: { brand: 'visa', case_type: 'chargeback', network: 'visa', network_reason_code: '10.4' },
      type: 'card',
    },
    reason,
    status: 'needs_response',
  };
}

/** Decides a dispute. What is won comes back. Throws StripeError where it was decided before. */
export function closeDispute(call: Call, id: string, status: 'won' | 'lost'): Dispute {
  const dispute = call.need(DISPUTES, id, 'dispute');
  if (dispute.status === 'won' || dispute.status === 'lost') {
    throw invalidRequest('This dispute is already closed', { param: 'dispute' });
  }
  const closed = call.create(DISPUTES, { ...dispute, status });
  call.emit({ type: 'charge.dispute.closed', object: closed, before: dispute });
  if (status === 'won') call.emit({ type: 'charge.dispute.funds_reinstated', object: closed });
  return closed;
}

const update: Operation = {
  supported: [...TEXTS.map((name) => `evidence.${name}`), 'metadata', 'submit'],
  run(call, request) {
    const { parameters } = request;
    const dispute = need(call, request);
    const sent = readFields(parameters, 'evidence') ?? {};
    const hasEvidence = Object.keys(sent).length > 0;
    if (hasEvidence && dispute.status !== 'needs_response') {
      throw invalidRequest('This dispute no longer takes evidence.', { param: 'evidence' });
    }
    const isSubmitted = hasEvidence && (readFlag(parameters, 'submit') ?? true);
    const { evidence_details: details } = dispute;
    const submissions = details.submission_count + (isSubmitted ? 1 : 0);
    const changed = call.update(
      DISPUTES,
      dispute,
      {
        evidence: { ...dispute.evidence, ...sent },
        evidence_details: {
          ...details,
          has_evidence: details['has_evidence'] === true || hasEvidence,
          submission_count: submissions,
        },
        metadata: mergeMetadata(dispute.metadata, parameters),
        status: isSubmitted ? 'under_review' : dispute.status,
      },
      'charge.dispute.updated',
    );
    // As in Stripe's test mode, these words decide it: https://docs.stripe.com/testing#evidence
    const outcomes: Readonly<Record<string, 'won' | 'lost'>> = { winning_evidence: 'won', losing_evidence: 'lost' };
    const outcome = isSubmitted ? outcomes[String(sent['uncategorized_text'])] : undefined;
    return outcome === undefined ? changed : closeDispute(call, changed.id, outcome);
  },
};

function need(call: Call, request: Request): Dispute {
  return call.need(DISPUTES, toPathId(request), 'dispute', 404);
}

const list: Operation = {
  supported: [...PAGE_PARAMETERS, 'charge', 'created', 'payment_intent'],
  run(call, { parameters }) {
    const [charge, intent] = [readText(parameters, 'charge'), readText(parameters, 'payment_intent')];
    const filter = (dispute: Dispute): boolean =>
      (charge === undefined || dispute.charge === charge) &&
      (intent === undefined || dispute.payment_intent === intent);
    return toPage({ objects: call.tx.all(DISPUTES), filter, url: '/v1/disputes' }, parameters);
  },
};

/** Disputes what a card paid that is there for this. */
function disputeByCard(call: Call, { id }: ApiObject): void {
  const charge = call.tx.find(CHARGES, id);
  const method = call.tx.find(PAYMENT_METHODS, charge?.payment_method ?? '');
  const reason = method === undefined ? undefined : findCard(call, method).card.dispute;
  if (charge?.captured === true && reason !== undefined) createDispute(call, charge.id, reason);
}

const ONE = '/v1/disputes/{dispute}';

/** Is the API of disputes. */
export const DISPUTE_RESOURCE: Resource = {
  operations: {
    'GET /v1/disputes': list,
    [`GET ${ONE}`]: { supported: [], run: need },
    [`POST ${ONE}`]: update,
    [`POST ${ONE}/close`]: {
      supported: [],
      run: (call, request) => closeDispute(call, need(call, request).id, 'lost'),
    },
  },
  reactions: { 'charge.succeeded': disputeByCard },
};
