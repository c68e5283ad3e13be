/**
 * Owns: refunds: giving back what a charge took, whole or in part, and what becomes of that later.
 * Does not own: charges.
 * Invariant: what a charge says was refunded is the sum of its refunds that have not failed.
 */
import { type Call, type Operation, type Request, type Resource, toPathId } from '../call.ts';
import { schedule, unschedule } from '../due.ts';
import { readText } from '../field.ts';
import { createId } from '../id.ts';
import type { ApiObject, Json } from '../json.ts';
import { PAGE_PARAMETERS, type Page, toPage } from '../list.ts';
import { type Metadata, mergeMetadata } from '../metadata.ts';
import { describeMoney, readAmount } from '../money.ts';
import { defineTable } from '../store.ts';
import { invalidRequest, notInSandbox } from '../stripe-error.ts';
import { noteMovement } from './balance-transaction.ts';
import { CHARGES, type Charge } from './charge.ts';
import { CUSTOMERS, toCustomerCall } from './customer-object.ts';
import { PAYMENT_INTENTS } from './payment-intent.ts';
import { findCard, PAYMENT_METHODS } from './payment-method.ts';

/** Is a refund. */
export interface Refund extends ApiObject {
  readonly amount: number;
  readonly charge: string;
  readonly currency: string;
  readonly customer: string | null;
  readonly metadata: Metadata;
  readonly payment_intent: string | null;
  readonly status: 'pending' | 'succeeded' | 'failed';
}

/** Are the refunds. */
const REFUNDS = defineTable<Refund>('refund');

/** Is the kind of note by which a refund turns out as its card has it. */
const OUTCOME = 'refund.outcome';

/** Is how long a refund that does not turn out at once takes to. */
const OUTCOME_SECONDS = 24 * 60 * 60;

const create: Operation = {
  supported: ['amount', 'charge', 'metadata', 'payment_intent', 'reason'],
  run(call, { parameters }) {
    const charge = findRefunded(call, readText(parameters, 'charge'), readText(parameters, 'payment_intent'));
    assertRefundable(charge);
    const { own } = toCustomerCall(call, charge.customer);
    const left = charge.amount_captured - charge.amount_refunded;
    const amount = readAmount(parameters, 'amount', 1) ?? left;
    if (amount > left) {
      const [asked, open] = [amount, left].map((each) => describeMoney(each, charge.currency));
      throw invalidRequest(`Refund amount (${asked}) is greater than unrefunded amount on charge (${open})`, {
        param: 'amount',
      });
    }
    const id = createId('re');
    const { currency } = charge;
    const refund: Refund = {
      id,
      object: 'refund',
      amount,
      balance_transaction: noteMovement(own, { type: 'refund', amount: -amount, currency, source: id }),
      charge: charge.id,
      created: own.now,
      currency,
      customer: charge.customer,
      destination_details: { card: { type: 'refund' }, type: 'card' },
      metadata: mergeMetadata({}, parameters),
      payment_intent: charge.payment_intent,
      payment_method: charge.payment_method,
      reason: readText(parameters, 'reason') ?? null,
      receipt_number: null,
      source_transfer_reversal: null,
      status: findOutcome(call, charge) === 'pending' ? 'pending' : 'succeeded',
      transfer_reversal: null,
    };
    return begin(own, charge, refund);
  },
};

function begin(call: Call, charge: Charge, refund: Refund): Refund {
  const taken = charge.amount_refunded + refund.amount;
  call.create(REFUNDS, refund, 'refund.created');
  call.update(
    CHARGES,
    charge,
    { amount_refunded: taken, refunded: taken === charge.amount_captured },
    'charge.refunded',
  );
  if (findOutcome(call, charge) !== 'succeeded') {
    const testClock = call.tx.find(CUSTOMERS, charge.customer ?? '')?.test_clock ?? null;
    schedule(call.tx, { kind: OUTCOME, subject: refund.id, at: call.now + OUTCOME_SECONDS, testClock });
  }
  return refund;
}

/** Returns how refunds of a charge turn out, by the card that paid. */
function findOutcome(call: Call, charge: Charge): 'succeeded' | 'pending' | 'failed' {
  const method = call.tx.find(PAYMENT_METHODS, charge.payment_method ?? '');
  return method === undefined ? 'succeeded' : (findCard(call, method).card.refund ?? 'succeeded');
}

function findRefunded(call: Call, chargeId: string | undefined, intentId: string | undefined): Charge {
  if (chargeId !== undefined) return call.need(CHARGES, chargeId, 'charge');
  if (intentId === undefined) {
    throw invalidRequest('One of the following params should be provided for this request: payment_intent or charge.', {
      param: 'charge',
    });
  }
  const intent = call.need(PAYMENT_INTENTS, intentId, 'payment_intent');
  const charge = call.tx.find(CHARGES, intent.latest_charge ?? '');
  if (charge !== undefined && intent.status === 'succeeded') return charge;
  throw invalidRequest(`This PaymentIntent (${intentId}) does not have a successful charge to refund.`, {
    param: 'payment_intent',
  });
}

function assertRefundable(charge: Charge): void {
  if (charge.disputed) {
    throw invalidRequest(`Charge ${charge.id} has been charged back; cannot issue a refund.`, {
      code: 'charge_disputed',
      param: 'charge',
    });
  }
  if (charge.refunded) {
    throw invalidRequest(`Charge ${charge.id} has already been refunded.`, {
      code: 'charge_already_refunded',
      param: 'charge',
    });
  }
  if (!charge.captured) throw notInSandbox('refunds of what was not captured: cancel the payment intent', 'charge');
}

/** Has a refund fail, as by a bank that sends it back: the money is with the shop again. Throws StripeError where it is over. */
export function failRefund(call: Call, id: string, reason = 'unknown'): Refund {
  const refund = call.need(REFUNDS, id, 'refund');
  if (refund.status === 'failed') throw invalidRequest(`The refund ${id} has failed already.`, { param: 'refund' });
  unschedule(call.tx, OUTCOME, id);
  takeBack(call, refund);
  const { amount, currency } = refund;
  const { own } = toCustomerCall(call, refund.customer);
  const movement = noteMovement(own, { type: 'refund_failure', amount, currency, source: id });
  const failed: Refund = {
    ...refund,
    failure_balance_transaction: movement,
    failure_reason: reason,
    status: 'failed',
  };
  call.tx.put(REFUNDS, id, failed);
  call.emit({ type: 'refund.updated', object: failed, before: refund });
  call.emit({ type: 'charge.refund.updated', object: failed, before: refund });
  call.emit({ type: 'refund.failed', object: failed });
  return failed;
}

function takeBack(call: Call, refund: Refund): void {
  const charge = call.need(CHARGES, refund.charge, 'charge');
  const changes = { amount_refunded: charge.amount_refunded - refund.amount, refunded: false };
  call.update(CHARGES, charge, changes, 'charge.updated');
}

function conclude(call: Call, id: string): void {
  const refund = call.tx.find(REFUNDS, id);
  if (refund === undefined) return;
  if (refund.status === 'succeeded') {
    failRefund(call, id);
    return;
  }
  if (refund.status !== 'pending') return;
  const settled = call.update(REFUNDS, refund, { status: 'succeeded' }, 'refund.updated');
  call.emit({ type: 'charge.refund.updated', object: settled, before: refund });
}

function need(call: Call, request: Request): Refund {
  return call.need(REFUNDS, toPathId(request), 'refund', 404);
}

const list: Operation = {
  supported: [...PAGE_PARAMETERS, 'charge', 'created', 'payment_intent'],
  run(call, { parameters }) {
    const [charge, intent] = [readText(parameters, 'charge'), readText(parameters, 'payment_intent')];
    const filter = (refund: Refund): boolean =>
      (charge === undefined || refund.charge === charge) && (intent === undefined || refund.payment_intent === intent);
    return toPage({ objects: call.tx.all(REFUNDS), filter, url: '/v1/refunds' }, parameters);
  },
};

function toRefundsPage(call: Call, { id }: ApiObject): Page {
  const objects = call.tx.all(REFUNDS).filter(({ charge }) => charge === id);
  return toPage({ objects, url: `/v1/charges/${id}/refunds` }, {});
}

const ONE = '/v1/refunds/{refund}';

/** Is the API of refunds. */
export const REFUND_RESOURCE: Resource = {
  operations: {
    'POST /v1/refunds': create,
    'GET /v1/refunds': list,
    [`GET ${ONE}`]: { supported: [], run: need },
    [`POST ${ONE}`]: {
      supported: ['metadata'],
      run(call, request) {
        const refund = need(call, request);
        const metadata = mergeMetadata(refund.metadata, request.parameters);
        return call.update(REFUNDS, refund, { metadata }, 'refund.updated');
      },
    },
    [`POST ${ONE}/cancel`]: {
      supported: [],
      run(call, request) {
        const refund = need(call, request);
        // Stripe cancels only those that need something of the customer, which refunds of cards never do.
        throw invalidRequest(`This refund (${refund.id}) can't be canceled: its status is ${refund.status}.`, {
          param: 'refund',
        });
      },
    },
  },
  included: { charge: { refunds: (call, charge): Json => toRefundsPage(call, charge) } },
  due: { [OUTCOME]: conclude },
};
