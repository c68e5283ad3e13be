/**
 * Owns: payment intents: their states, from creation to the money or the end.
 * Does not own: charges, and what cards do. All payments are by card.
 */
import type { Call, Operation, Resource } from '../call.ts';
import { pickPresent, readFields, readFlag, readText, readTexts, readUnsettableText } from '../field.ts';
import { createId } from '../id.ts';
import {
  AUTHENTICATION_FAILURE,
  askBank,
  assertNoInvoice,
  assertOutsideSession,
  assertOwn,
  cardError,
  toClientSecret,
  toLastError,
  toNextAction,
  unexpectedState,
} from '../intent.ts';
import type { ApiObject, JsonFields } from '../json.ts';
import { PAGE_PARAMETERS, toPage } from '../list.ts';
import { type Metadata, mergeMetadata } from '../metadata.ts';
import { assertChargeable, readAmount, readCurrency } from '../money.ts';
import { defineTable } from '../store.ts';
import { invalidRequest, notInSandbox } from '../stripe-error.ts';
import type { Decline } from '../test-card.ts';
import { CHARGES, createCharge } from './charge.ts';
import { CUSTOMERS, needCustomer, toCustomerCall } from './customer-object.ts';
import {
  adoptPaymentMethod,
  PAYMENT_METHODS,
  type PaymentMethod,
  resolvePaymentMethod,
  setUpCard,
} from './payment-method.ts';

/** Is where a payment stands. */
export type PaymentStatus =
  | 'requires_payment_method'
  | 'requires_confirmation'
  | 'requires_action'
  | 'requires_capture'
  | 'processing'
  | 'succeeded'
  | 'canceled';

/** Is a payment intent. */
export interface PaymentIntent extends ApiObject {
  readonly amount: number;
  readonly amount_capturable: number;
  readonly automatic_payment_methods: { readonly enabled: boolean; readonly allow_redirects: string } | null;
  readonly capture_method: string;
  readonly client_secret: string;
  readonly currency: string;
  readonly customer: string | null;
  readonly description: string | null;
  readonly latest_charge: string | null;
  readonly metadata: Metadata;
  readonly next_action: JsonFields | null;
  readonly payment_method: string | null;
  readonly receipt_email: string | null;
  readonly setup_future_usage: string | null;
  readonly status: PaymentStatus;
}

/** Are the payment intents. */
export const PAYMENT_INTENTS = defineTable<PaymentIntent>('payment_intent');

const CARD_OPTIONS = {
  card: { installments: null, mandate_options: null, network: null, request_three_d_secure: 'automatic' },
};

const DEBIT_FAILURE: Decline = {
  code: 'payment_method_provider_decline',
  declineCode: 'insufficient_funds',
  message: 'The payment failed: the account has insufficient funds.',
};

const DETAILS = ['description', 'metadata', 'receipt_email', 'setup_future_usage'] as const;
const CONFIRMATION = ['off_session', 'payment_method', 'return_url'] as const;

/** Creates an intent from parameters that are a payment intent's. Throws StripeError where they are wrong together. */
export function createPaymentIntent(outer: Call, parameters: JsonFields): PaymentIntent {
  const [amount, currency] = [readAmount(parameters, 'amount', 1) ?? 0, readCurrency(parameters) ?? ''];
  assertChargeable(amount, currency);
  const types = readTexts(parameters, 'payment_method_types');
  if (types?.some((type) => type !== 'card') === true)
    throw notInSandbox('payments but by card', 'payment_method_types');
  const customer = needCustomer(outer, readText(parameters, 'customer'));
  const { own: call } = toCustomerCall(outer, customer?.id ?? null);
  const given = readText(parameters, 'payment_method');
  const method = given === undefined ? undefined : resolvePaymentMethod(call, given);
  if (method !== undefined) assertOwn(method, customer?.id ?? null);
  const id = createId('pi');
  const intent: PaymentIntent = {
    id,
    object: 'payment_intent',
    amount,
    amount_capturable: 0,
    amount_received: 0,
    application: null,
    application_fee_amount: null,
    automatic_payment_methods: types === undefined ? readAutomaticMethods(parameters) : null,
    canceled_at: null,
    cancellation_reason: null,
    capture_method: readText(parameters, 'capture_method') ?? 'automatic_async',
    client_secret: toClientSecret(id),
    confirmation_method: 'automatic',
    created: call.now,
    currency,
    customer: customer?.id ?? null,
    description: readText(parameters, 'description') ?? null,
    last_payment_error: null,
    latest_charge: null,
    livemode: false,
    metadata: mergeMetadata({}, parameters),
    next_action: null,
    on_behalf_of: null,
    payment_method: method?.id ?? null,
    payment_method_configuration_details: null,
    payment_method_options: CARD_OPTIONS,
    payment_method_types: ['card'],
    processing: null,
    receipt_email: readText(parameters, 'receipt_email') ?? null,
    review: null,
    setup_future_usage: readText(parameters, 'setup_future_usage') ?? null,
    shipping: null,
    statement_descriptor: null,
    statement_descriptor_suffix: null,
    status: method === undefined ? 'requires_payment_method' : 'requires_confirmation',
    transfer_data: null,
    transfer_group: null,
  };
  return call.create(PAYMENT_INTENTS, intent, 'payment_intent.created');
}

function readAutomaticMethods(parameters: JsonFields): PaymentIntent['automatic_payment_methods'] {
  const automatic = readFields(parameters, 'automatic_payment_methods') ?? {};
  const enabled = readFlag(automatic, 'enabled') ?? true;
  return { enabled, allow_redirects: readText(automatic, 'allow_redirects') ?? 'always' };
}

/** Says how an intent is confirmed. */
export interface Confirmation {
  readonly method: PaymentMethod;
  readonly isOffSession?: boolean;
  readonly isAuthenticated?: boolean;
  /** Says that a person who is away and must authenticate is asked later, instead of being declined. */
  readonly isAskedLater?: boolean;
  readonly returnUrl?: string | undefined;
}

/** Tries to pay. Throws StripeError (402) for a declined card; the attempt stays on the intent. */
export function confirmPaymentIntent(outer: Call, intent: PaymentIntent, confirmation: Confirmation): PaymentIntent {
  const { own: call } = toCustomerCall(outer, intent.customer);
  const { method, isOffSession = false, isAuthenticated = false, isAskedLater = false, returnUrl } = confirmation;
  assertOwn(method, intent.customer);
  const verdict = askBank(call, method, { isCharge: true, isOffSession, isAuthenticated, isAskedLater });
  if (verdict === 'authentication') {
    const changes: Partial<PaymentIntent> = {
      last_payment_error: null,
      next_action: toNextAction(call, intent.client_secret, returnUrl),
      payment_method: method.id,
      status: 'requires_action',
    };
    return call.move(PAYMENT_INTENTS, intent, changes, 'payment_intent.requires_action');
  }
  if (typeof verdict === 'object') return decline(call, intent, method, verdict);
  return pay(call, intent, method);
}

/** Has a bank take a payment on whose outcome it tells later. Throws StripeError where the intent does not wait for one. */
export function beginProcessing(call: Call, intent: PaymentIntent, method: PaymentMethod): PaymentIntent {
  if (intent.status !== 'requires_payment_method' && intent.status !== 'requires_confirmation') {
    throw unexpectedState('PaymentIntent', 'process', intent.status);
  }
  const changes: Partial<PaymentIntent> = { last_payment_error: null, payment_method: method.id, status: 'processing' };
  return call.move(PAYMENT_INTENTS, intent, changes, 'payment_intent.processing');
}

/** Has a bank tell what became of a payment. Throws StripeError where it has none. */
export function endProcessing(call: Call, intent: PaymentIntent, isPaid: boolean): PaymentIntent {
  if (intent.status !== 'processing') throw unexpectedState('PaymentIntent', 'conclude', intent.status);
  const method = call.need(PAYMENT_METHODS, intent.payment_method ?? '', 'payment_method');
  return isPaid ? pay(call, intent, method) : fail(call, intent, toLastError(DEBIT_FAILURE, method), null);
}

function decline(call: Call, intent: PaymentIntent, method: PaymentMethod, reason: Decline): never {
  const charge = createCharge(call, { ...toChargeTerms(intent, method), isCaptured: false, decline: reason });
  const failed = fail(call, intent, toLastError(reason, method, charge.id), charge.id);
  throw cardError(reason, { charge: charge.id, payment_intent: failed, payment_method: method });
}

function fail(call: Call, intent: PaymentIntent, error: JsonFields, chargeId: string | null): PaymentIntent {
  const changes: Partial<PaymentIntent> = {
    last_payment_error: error,
    latest_charge: chargeId ?? intent.latest_charge,
    next_action: null,
    payment_method: null,
    status: 'requires_payment_method',
  };
  return call.move(PAYMENT_INTENTS, intent, changes, 'payment_intent.payment_failed');
}

function pay(call: Call, intent: PaymentIntent, method: PaymentMethod): PaymentIntent {
  const isCaptured = intent.capture_method !== 'manual';
  const charge = createCharge(call, { ...toChargeTerms(intent, method), isCaptured });
  if (intent.customer !== null && intent.setup_future_usage !== null) {
    adoptPaymentMethod(call, method, intent.customer);
    if (intent.setup_future_usage === 'off_session') setUpCard(call, method);
  }
  const changes: Partial<PaymentIntent> = {
    amount_capturable: isCaptured ? 0 : intent.amount,
    amount_received: isCaptured ? intent.amount : 0,
    last_payment_error: null,
    latest_charge: charge.id,
    next_action: null,
    payment_method: method.id,
    status: isCaptured ? 'succeeded' : 'requires_capture',
  };
  const event = isCaptured ? 'payment_intent.succeeded' : 'payment_intent.amount_capturable_updated';
  return call.move(PAYMENT_INTENTS, intent, changes, event);
}

function toChargeTerms(intent: PaymentIntent, method: PaymentMethod) {
  const { amount, currency, customer, description, metadata, receipt_email: receiptEmail, id: paymentIntent } = intent;
  return { amount, currency, customer, description, metadata, method, paymentIntent, receiptEmail };
}

/** Goes on after a person has authenticated, or has not. Throws StripeError (402) where the card is declined then. */
export function concludeAuthentication(call: Call, intent: PaymentIntent, isAuthenticated: boolean): PaymentIntent {
  const method = call.need(PAYMENT_METHODS, intent.payment_method ?? '', 'payment_method');
  if (isAuthenticated) return confirmPaymentIntent(call, intent, { method, isAuthenticated });
  return fail(call, intent, toLastError(AUTHENTICATION_FAILURE, method), null);
}

const create: Operation = {
  supported: [
    ...DETAILS,
    ...CONFIRMATION,
    ...['amount', 'automatic_payment_methods', 'capture_method', 'confirm', 'currency', 'customer'],
    'payment_method_types',
  ],
  run(call, { parameters }) {
    const isConfirmed = readFlag(parameters, 'confirm') === true;
    for (const name of ['off_session', 'return_url']) {
      if (!isConfirmed && parameters[name] !== undefined) {
        throw invalidRequest(`You can only set \`${name}\` when \`confirm\` is true.`, { param: name });
      }
    }
    const intent = createPaymentIntent(call, parameters);
    if (!isConfirmed) return intent;
    // The name of a test card has been made a payment method by now, and shall not be made another one.
    const { payment_method: _named, ...rest } = parameters;
    return confirmByRequest(call, intent, rest);
  },
};

function confirmByRequest(call: Call, intent: PaymentIntent, parameters: JsonFields): PaymentIntent {
  assertOutsideSession(call, intent.id, 'confirm');
  if (intent.status !== 'requires_payment_method' && intent.status !== 'requires_confirmation') {
    throw unexpectedState('PaymentIntent', 'confirm', intent.status);
  }
  const given = readText(parameters, 'payment_method') ?? intent.payment_method;
  if (given === null) {
    const message =
      "You cannot confirm this PaymentIntent because it's missing a payment method. You can either update the PaymentIntent with a payment method and then confirm it again, or confirm it again directly with a payment method or ConfirmationToken.";
    throw invalidRequest(message, { code: 'payment_intent_unexpected_state' });
  }
  const returnUrl = readText(parameters, 'return_url');
  const { automatic_payment_methods: automatic } = intent;
  if (automatic?.enabled === true && automatic.allow_redirects === 'always' && returnUrl === undefined) {
    const message =
      'This PaymentIntent is configured to accept payment methods enabled in your Dashboard. Because some of these payment methods might redirect your customer off of your page, you must provide a `return_url`. If you don’t want to accept redirect-based payment methods, set `automatic_payment_methods[enabled]` to `true` and `automatic_payment_methods[allow_redirects]` to `never` when creating Setup Intents and Payment Intents.';
    throw invalidRequest(message, { param: 'return_url' });
  }
  const method = resolvePaymentMethod(call, given);
  const isOffSession = parameters['off_session'] !== undefined && parameters['off_session'] !== false;
  return confirmPaymentIntent(call, { ...intent, ...readSetup(parameters) }, { method, isOffSession, returnUrl });
}

function readSetup(parameters: JsonFields): JsonFields {
  return pickPresent({ setup_future_usage: readUnsettableText(parameters, 'setup_future_usage') });
}

const update: Operation = {
  supported: [...DETAILS, 'amount', 'currency', 'customer', 'payment_method'],
  run(call, request) {
    const { parameters } = request;
    const intent = needIntent(call, request);
    const isOpen = !['succeeded', 'canceled', 'requires_capture', 'processing'].includes(intent.status);
    const onlyAlways = Object.keys(parameters).every((name) => ['description', 'metadata', 'expand'].includes(name));
    if (!isOpen && !onlyAlways) throw unexpectedState('PaymentIntent', 'update', intent.status);
    if (!onlyAlways) assertOutsideSession(call, intent.id, 'update');
    if (parameters['amount'] !== undefined || parameters['currency'] !== undefined) {
      assertNoInvoice(call, intent.id, 'update the amount of');
    }
    const given = readText(parameters, 'payment_method');
    const method = given === undefined ? undefined : resolvePaymentMethod(call, given);
    const customer = readText(parameters, 'customer');
    if (customer !== undefined) call.need(CUSTOMERS, customer, 'customer');
    if (method !== undefined) assertOwn(method, customer ?? intent.customer);
    const changes = pickPresent({
      amount: readAmount(parameters, 'amount', 1),
      currency: readCurrency(parameters),
      customer,
      description: readUnsettableText(parameters, 'description'),
      payment_method: method?.id,
      receipt_email: readUnsettableText(parameters, 'receipt_email'),
      status: method === undefined ? undefined : 'requires_confirmation',
    });
    const changed: PaymentIntent = {
      ...intent,
      ...changes,
      ...readSetup(parameters),
      metadata: mergeMetadata(intent.metadata, parameters),
    };
    assertChargeable(changed.amount, changed.currency);
    return call.create(PAYMENT_INTENTS, changed);
  },
};

/** Cancels an intent. Throws StripeError where it is too late. */
export function cancelPaymentIntent(call: Call, intent: PaymentIntent, reason: string | null): PaymentIntent {
  if (intent.status === 'succeeded' || intent.status === 'canceled' || intent.status === 'processing') {
    throw unexpectedState('PaymentIntent', 'cancel', intent.status);
  }
  const changes: Partial<PaymentIntent> = {
    amount_capturable: 0,
    canceled_at: call.now,
    cancellation_reason: reason,
    next_action: null,
    status: 'canceled',
  };
  return call.move(PAYMENT_INTENTS, intent, changes, 'payment_intent.canceled');
}

const capture: Operation = {
  supported: ['amount_to_capture'],
  run(call, request) {
    const intent = needIntent(call, request);
    if (intent.status !== 'requires_capture') throw unexpectedState('PaymentIntent', 'capture', intent.status);
    const amount = readAmount(request.parameters, 'amount_to_capture', 1) ?? intent.amount_capturable;
    if (amount > intent.amount_capturable) {
      throw invalidRequest('The remaining amount on this PaymentIntent is not enough to capture that much.', {
        code: 'amount_too_large',
        param: 'amount_to_capture',
      });
    }
    const charge = call.need(CHARGES, intent.latest_charge ?? '', 'charge');
    call.create(CHARGES, { ...charge, amount_captured: amount, captured: true }, 'charge.captured');
    const changes: Partial<PaymentIntent> = { amount_capturable: 0, amount_received: amount, status: 'succeeded' };
    return call.move(PAYMENT_INTENTS, intent, changes, 'payment_intent.succeeded');
  },
};

function needIntent(call: Call, request: { readonly path: Readonly<Record<string, string>> }): PaymentIntent {
  return call.need(PAYMENT_INTENTS, request.path['intent'] ?? '', 'intent', 404);
}

const ONE = '/v1/payment_intents/{intent}';

/** Is the API of payment intents. */
export const PAYMENT_INTENT_RESOURCE: Resource = {
  operations: {
    'POST /v1/payment_intents': create,
    'GET /v1/payment_intents': {
      supported: [...PAGE_PARAMETERS, 'created', 'customer'],
      run(call, { parameters }) {
        const customer = readText(parameters, 'customer');
        const filter = (intent: PaymentIntent): boolean => customer === undefined || intent.customer === customer;
        return toPage({ objects: call.tx.all(PAYMENT_INTENTS), filter, url: '/v1/payment_intents' }, parameters);
      },
    },
    [`GET ${ONE}`]: { supported: [], run: (call, request) => needIntent(call, request) },
    [`POST ${ONE}`]: update,
    [`POST ${ONE}/confirm`]: {
      supported: [...CONFIRMATION, 'setup_future_usage'],
      run: (call, request) => confirmByRequest(call, needIntent(call, request), request.parameters),
    },
    [`POST ${ONE}/capture`]: capture,
    [`POST ${ONE}/cancel`]: {
      supported: ['cancellation_reason'],
      run(call, request) {
        const intent = needIntent(call, request);
        assertOutsideSession(call, intent.id, 'cancel');
        assertNoInvoice(call, intent.id, 'cancel');
        return cancelPaymentIntent(call, intent, readText(request.parameters, 'cancellation_reason') ?? null);
      },
    },
  },
};
