/** Owns: payment methods, all of which are cards here. Does not own: what a card does (`../test-card.ts`). */
import { type Call, type Operation, type Resource, toPathId } from '../call.ts';
import { readFields, readInteger, readText } from '../field.ts';
import { createId } from '../id.ts';
import type { ApiObject, JsonFields } from '../json.ts';
import { PAGE_PARAMETERS, toPage } from '../list.ts';
import { type Metadata, mergeMetadata } from '../metadata.ts';
import { defineTable } from '../store.ts';
import { invalidRequest, notInSandbox, resourceMissing, StripeError } from '../stripe-error.ts';
import { findCardByNumber, findCardByToken, judgeCard, type TestCard } from '../test-card.ts';
import { CUSTOMERS, needCustomer, toCustomerCall } from './customer-object.ts';

/** Is a payment method. */
export interface PaymentMethod extends ApiObject {
  readonly billing_details: JsonFields;
  readonly card: JsonFields;
  readonly customer: string | null;
  readonly metadata: Metadata;
}

/** Are the payment methods. */
export const PAYMENT_METHODS = defineTable<PaymentMethod>('payment_method');

/** Is what is known of a card and never shown. */
interface CardSecret {
  readonly number: string;
  /** Says that it may be charged while its owner is away, without authentication. */
  readonly isSetUp: boolean;
}

const CARD_SECRETS = defineTable<CardSecret>('payment_method.secret');

const EXPIRY = { month: 12, yearsAhead: 5 };
const BLANK_BILLING = { address: null, email: null, name: null, phone: null, tax_id: null };
const BLANK_ADDRESS = { city: null, country: null, line1: null, line2: null, postal_code: null, state: null };

/** Is what a card is made of. */
export interface CardTerms {
  readonly card: TestCard;
  readonly expMonth?: number | undefined;
  readonly expYear?: number | undefined;
  readonly billingDetails?: JsonFields | undefined;
  readonly metadata?: Metadata;
}

/** Creates a payment method from a card. */
export function createCardMethod(call: Call, terms: CardTerms): PaymentMethod {
  const { card, billingDetails = {}, metadata = {} } = terms;
  const year = new Date(call.now * 1000).getUTCFullYear();
  const address = readFields(billingDetails, 'address');
  const method: PaymentMethod = {
    id: createId('pm'),
    object: 'payment_method',
    allow_redisplay: 'unspecified',
    billing_details: {
      ...BLANK_BILLING,
      ...billingDetails,
      address: { ...BLANK_ADDRESS, ...address },
    },
    card: toCardFields(card, terms.expMonth ?? EXPIRY.month, terms.expYear ?? year + EXPIRY.yearsAhead),
    created: call.now,
    customer: null,
    livemode: false,
    metadata,
    type: 'card',
  };
  call.tx.put(CARD_SECRETS, method.id, { number: card.number, isSetUp: false });
  return call.create(PAYMENT_METHODS, method);
}

function toCardFields(card: TestCard, expMonth: number, expYear: number): JsonFields {
  return {
    brand: card.brand,
    checks: { address_line1_check: null, address_postal_code_check: null, cvc_check: 'pass' },
    country: 'US',
    display_brand: card.brand === 'amex' ? 'american_express' : card.brand,
    exp_month: expMonth,
    exp_year: expYear,
    fingerprint: `test${card.number.slice(-8)}`,
    funding: 'credit',
    generated_from: null,
    last4: card.number.slice(-4),
    networks: { available: [card.brand], preferred: null },
    regulated_status: 'unregulated',
    three_d_secure_usage: { supported: true },
    wallet: null,
  };
}

/** Returns the payment method that a parameter names; the name of a test card makes a new one. Throws StripeError where there is none. */
export function resolvePaymentMethod(call: Call, id: string, param = 'payment_method'): PaymentMethod {
  const card = findCardByToken(id);
  if (card !== undefined) return createCardMethod(call, { card });
  const method = call.tx.find(PAYMENT_METHODS, id);
  if (method === undefined) throw resourceMissing('PaymentMethod', id, param);
  return method;
}

/** Returns the card behind a payment method. */
export function findCard(call: Call, method: PaymentMethod): { readonly card: TestCard; readonly isSetUp: boolean } {
  const secret = call.tx.find(CARD_SECRETS, method.id);
  const card = secret === undefined ? undefined : findCardByNumber(secret.number);
  if (secret === undefined || card === undefined) throw new RangeError(`There is no card behind ${method.id}.`);
  return { card, isSetUp: secret.isSetUp };
}

/** Notes that a card may from now on be charged while its owner is away. */
export function setUpCard(call: Call, method: PaymentMethod): void {
  const secret = call.tx.find(CARD_SECRETS, method.id);
  if (secret !== undefined) call.tx.put(CARD_SECRETS, method.id, { ...secret, isSetUp: true });
}

/** Attaches a payment method to a customer. Throws StripeError where the card is declined, or belongs to another one. */
export function attachPaymentMethod(call: Call, method: PaymentMethod, customerId: string): PaymentMethod {
  if (method.customer === customerId) return method;
  if (method.customer !== null) {
    throw invalidRequest('The payment method you provided has already been attached to a customer.', {
      code: 'payment_method_already_attached',
      param: 'payment_method',
    });
  }
  // What is saved is not used yet, so nobody is asked to authenticate.
  const use = { isCharge: false, isOffSession: false, isSetUp: false, isAuthenticated: true };
  const verdict = judgeCard(findCard(call, method).card, use);
  if (typeof verdict === 'object') {
    throw new StripeError(402, 'card_error', verdict.message, {
      code: verdict.code,
      decline_code: verdict.declineCode,
    });
  }
  return adoptPaymentMethod(call, method, customerId);
}

/** Attaches a payment method whose card has just been approved. */
export function adoptPaymentMethod(call: Call, method: PaymentMethod, customerId: string): PaymentMethod {
  if (method.customer === customerId) return method;
  const attached = { ...method, customer: customerId };
  return call.create(PAYMENT_METHODS, attached, 'payment_method.attached');
}

const create: Operation = {
  supported: ['allow_redisplay', 'billing_details', 'card', 'metadata', 'type'],
  run(call, { parameters }) {
    if (readText(parameters, 'type') !== 'card') throw notInSandbox('payment methods other than cards', 'type');
    const fields = readFields(parameters, 'card');
    if (fields === undefined) {
      throw invalidRequest('Missing required param: card.', { code: 'parameter_missing', param: 'card' });
    }
    return createCardMethod(call, {
      ...readCard(call, fields),
      billingDetails: readFields(parameters, 'billing_details'),
      metadata: mergeMetadata({}, parameters),
    });
  },
};

/** Reads a card's number and expiry. Throws StripeError as Stripe words it. */
export function readCard(call: Call, fields: JsonFields): Pick<CardTerms, 'card' | 'expMonth' | 'expYear'> {
  const number = readText(fields, 'number') ?? '';
  const card = findCardByNumber(number);
  if (card === undefined) {
    throw new StripeError(402, 'card_error', 'Your card number is incorrect.', {
      code: 'incorrect_number',
      param: 'number',
    });
  }
  const [expMonth, expYear] = [readInteger(fields, 'exp_month'), readInteger(fields, 'exp_year')];
  if (expMonth !== undefined && (expMonth < 1 || expMonth > 12)) throw invalidExpiry('month');
  if (expYear === undefined) return { card, expMonth };
  const wholeYear = expYear < 100 ? 2000 + expYear : expYear;
  const now = new Date(call.now * 1000);
  const monthsLeft = (wholeYear - now.getUTCFullYear()) * 12 + (expMonth ?? 12) - (now.getUTCMonth() + 1);
  if (monthsLeft < 0) throw invalidExpiry('year');
  return { card, expMonth, expYear: wholeYear };
}

function invalidExpiry(part: 'month' | 'year'): StripeError {
  const [code, param] = [`invalid_expiry_${part}`, `exp_${part}`];
  return new StripeError(402, 'card_error', `Your card's expiration ${part} is invalid.`, { code, param });
}

const attach: Operation = {
  supported: ['customer'],
  run(call, request) {
    const customer = needCustomer(call, readText(request.parameters, 'customer'));
    if (customer === undefined) {
      throw invalidRequest('Missing required param: customer.', { code: 'parameter_missing', param: 'customer' });
    }
    const { own } = toCustomerCall(call, customer.id);
    return attachPaymentMethod(own, resolvePaymentMethod(own, toPathId(request)), customer.id);
  },
};

const detach: Operation = {
  supported: [],
  run(call, request) {
    const method = needMethod(call, toPathId(request));
    if (method.customer === null) {
      throw invalidRequest(
        'The payment method you provided is not attached to a customer so detachment is impossible.',
        {
          param: 'payment_method',
        },
      );
    }
    for (const customer of call.tx.all(CUSTOMERS).filter(({ id }) => id === method.customer)) {
      if (customer.invoice_settings['default_payment_method'] !== method.id) continue;
      const changes = { invoice_settings: { ...customer.invoice_settings, default_payment_method: null } };
      call.update(CUSTOMERS, customer, changes, 'customer.updated');
    }
    return call.update(PAYMENT_METHODS, method, { customer: null }, 'payment_method.detached');
  },
};

const update: Operation = {
  supported: ['billing_details', 'metadata', 'card.exp_month', 'card.exp_year'],
  run(call, request) {
    const { parameters } = request;
    const method = needMethod(call, toPathId(request));
    const changes = {
      billing_details: { ...method.billing_details, ...readFields(parameters, 'billing_details') },
      card: { ...method.card, ...readFields(parameters, 'card') },
      metadata: mergeMetadata(method.metadata, parameters),
    };
    return call.update(PAYMENT_METHODS, method, changes, 'payment_method.updated');
  },
};

function needMethod(call: Call, id: string): PaymentMethod {
  const method = call.tx.find(PAYMENT_METHODS, id);
  if (method === undefined) throw resourceMissing('PaymentMethod', id, 'payment_method', 404);
  return method;
}

function listOf(call: Call, customerId: string | undefined, parameters: JsonFields, url: string) {
  const customer = needCustomer(call, customerId);
  const type = readText(parameters, 'type') ?? 'card';
  // Without a customer, Stripe lists what other products attached elsewhere; there is nothing of the kind here.
  const filter = (method: PaymentMethod): boolean =>
    type === 'card' && customer !== undefined && method.customer === customer.id;
  return toPage({ objects: call.tx.all(PAYMENT_METHODS), filter, url }, parameters);
}

const OF_CUSTOMER = '/v1/customers/{customer}/payment_methods';

/** Is the API of payment methods. */
export const PAYMENT_METHOD_RESOURCE: Resource = {
  operations: {
    'POST /v1/payment_methods': create,
    'GET /v1/payment_methods': {
      supported: [...PAGE_PARAMETERS, 'customer', 'type'],
      run: (call, { parameters }) => listOf(call, readText(parameters, 'customer'), parameters, '/v1/payment_methods'),
    },
    'GET /v1/payment_methods/{payment_method}': {
      supported: [],
      run: (call, request) => needMethod(call, toPathId(request)),
    },
    'POST /v1/payment_methods/{payment_method}': update,
    'POST /v1/payment_methods/{payment_method}/attach': attach,
    'POST /v1/payment_methods/{payment_method}/detach': detach,
    [`GET ${OF_CUSTOMER}`]: {
      supported: [...PAGE_PARAMETERS, 'type'],
      run(call, request) {
        const id = toPathId(request);
        return listOf(call, id, request.parameters, OF_CUSTOMER.replace('{customer}', id));
      },
    },
    [`GET ${OF_CUSTOMER}/{payment_method}`]: {
      supported: [],
      run(call, { path }) {
        const method = needMethod(call, path['payment_method'] ?? '');
        if (method.customer !== path['customer']) {
          throw resourceMissing('PaymentMethod', method.id, 'payment_method', 404);
        }
        return method;
      },
    },
  },
};
