/**
 * Owns: setup intents: saving a card, and having its owner agree to later payments.
 * Does not own: payments. Attempts and mandates are not kept.
 */
import type { Call, Operation, Resource } from '../call.ts';
import { pickPresent, readFields, readFlag, readText, readTexts, readUnsettableText } from '../field.ts';
import { createId } from '../id.ts';
import {
  AUTHENTICATION_FAILURE,
  askBank,
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
import { defineTable } from '../store.ts';
import { invalidRequest, notInSandbox } from '../stripe-error.ts';
import { needCustomer, toCustomerCall } from './customer-object.ts';
import {
  adoptPaymentMethod,
  PAYMENT_METHODS,
  type PaymentMethod,
  resolvePaymentMethod,
  setUpCard,
} from './payment-method.ts';

/** Is a setup intent. */
export interface SetupIntent extends ApiObject {
  readonly client_secret: string;
  readonly customer: string | null;
  readonly metadata: Metadata;
  readonly next_action: JsonFields | null;
  readonly payment_method: string | null;
  readonly status: 'requires_payment_method' | 'requires_confirmation' | 'requires_action' | 'succeeded' | 'canceled';
  readonly usage: string;
}

/** Are the setup intents. */
export const SETUP_INTENTS = defineTable<SetupIntent>('setup_intent');

/** Creates an intent from parameters that are a setup intent's. Throws StripeError where they are wrong together. */
export function createSetupIntent(outer: Call, parameters: JsonFields): SetupIntent {
  const types = readTexts(parameters, 'payment_method_types');
  if (types?.some((type) => type !== 'card') === true) throw notInSandbox('saving but cards', 'payment_method_types');
  const customer = needCustomer(outer, readText(parameters, 'customer'));
  const { own: call } = toCustomerCall(outer, customer?.id ?? null);
  const given = readText(parameters, 'payment_method');
  const method = given === undefined ? undefined : resolvePaymentMethod(call, given);
  if (method !== undefined) assertOwn(method, customer?.id ?? null);
  const id = createId('seti');
  const automatic = readFields(parameters, 'automatic_payment_methods');
  const allowed = { allow_redirects: 'always', enabled: true, ...automatic };
  const intent: SetupIntent = {
    id,
    object: 'setup_intent',
    application: null,
    automatic_payment_methods: types === undefined ? allowed : null,
    cancellation_reason: null,
    client_secret: toClientSecret(id),
    created: call.now,
    customer: customer?.id ?? null,
    description: readText(parameters, 'description') ?? null,
    flow_directions: null,
    last_setup_error: null,
    latest_attempt: null,
    livemode: false,
    mandate: null,
    metadata: mergeMetadata({}, parameters),
    next_action: null,
    on_behalf_of: null,
    payment_method: method?.id ?? null,
    payment_method_configuration_details: null,
    payment_method_options: { card: { mandate_options: null, network: null, request_three_d_secure: 'automatic' } },
    payment_method_types: ['card'],
    single_use_mandate: null,
    status: method === undefined ? 'requires_payment_method' : 'requires_confirmation',
    usage: readText(parameters, 'usage') ?? 'off_session',
  };
  return call.create(SETUP_INTENTS, intent, 'setup_intent.created');
}

/** Says how an intent is confirmed. */
export interface SetupConfirmation {
  readonly method: PaymentMethod;
  readonly isAuthenticated?: boolean;
  readonly returnUrl?: string | undefined;
}

/** Tries to save the card. Throws StripeError (402) for a declined one; the attempt stays on the intent. */
export function confirmSetupIntent(outer: Call, intent: SetupIntent, confirmation: SetupConfirmation): SetupIntent {
  const { own: call } = toCustomerCall(outer, intent.customer);
  const { method, isAuthenticated = false, returnUrl } = confirmation;
  assertOwn(method, intent.customer);
  const verdict = askBank(call, method, {
    isCharge: false,
    isOffSession: false,
    isAuthenticated,
    isAskedLater: false,
  });
  if (verdict === 'authentication') {
    const changes: Partial<SetupIntent> = {
      last_setup_error: null,
      next_action: toNextAction(call, intent.client_secret, returnUrl),
      payment_method: method.id,
      status: 'requires_action',
    };
    return call.move(SETUP_INTENTS, intent, changes, 'setup_intent.requires_action');
  }
  if (typeof verdict === 'object') {
    const failed = fail(call, intent, toLastError(verdict, method));
    throw cardError(verdict, { setup_intent: failed, payment_method: method });
  }
  if (intent.customer !== null) adoptPaymentMethod(call, method, intent.customer);
  if (intent.usage === 'off_session') setUpCard(call, method);
  const changes: Partial<SetupIntent> = {
    last_setup_error: null,
    next_action: null,
    payment_method: method.id,
    status: 'succeeded',
  };
  return call.move(SETUP_INTENTS, intent, changes, 'setup_intent.succeeded');
}

function fail(call: Call, intent: SetupIntent, error: JsonFields): SetupIntent {
  const changes: Partial<SetupIntent> = {
    last_setup_error: error,
    next_action: null,
    payment_method: null,
    status: 'requires_payment_method',
  };
  return call.move(SETUP_INTENTS, intent, changes, 'setup_intent.setup_failed');
}

/** Goes on after a person has authenticated, or has not. Throws StripeError (402) where the card is declined then. */
export function concludeSetupAuthentication(call: Call, intent: SetupIntent, isAuthenticated: boolean): SetupIntent {
  const method = call.need(PAYMENT_METHODS, intent.payment_method ?? '', 'payment_method');
  if (isAuthenticated) return confirmSetupIntent(call, intent, { method, isAuthenticated });
  const failure = { ...AUTHENTICATION_FAILURE, code: 'setup_intent_authentication_failure' };
  return fail(call, intent, toLastError(failure, method));
}

function confirmByRequest(call: Call, intent: SetupIntent, parameters: JsonFields): SetupIntent {
  assertOutsideSession(call, intent.id, 'confirm');
  if (intent.status !== 'requires_payment_method' && intent.status !== 'requires_confirmation') {
    throw unexpectedState('SetupIntent', 'confirm', intent.status);
  }
  const given = readText(parameters, 'payment_method') ?? intent.payment_method;
  if (given === null) {
    throw invalidRequest("You cannot confirm this SetupIntent because it's missing a payment method.", {
      code: 'setup_intent_unexpected_state',
    });
  }
  const method = resolvePaymentMethod(call, given);
  return confirmSetupIntent(call, intent, { method, returnUrl: readText(parameters, 'return_url') });
}

const create: Operation = {
  supported: [
    ...['automatic_payment_methods', 'confirm', 'customer', 'description', 'metadata', 'payment_method'],
    ...['payment_method_types', 'return_url', 'usage'],
  ],
  run(call, { parameters }) {
    const intent = createSetupIntent(call, parameters);
    if (readFlag(parameters, 'confirm') !== true) return intent;
    // The name of a test card has been made a payment method by now, and shall not be made another one.
    const { payment_method: _named, ...rest } = parameters;
    return confirmByRequest(call, intent, rest);
  },
};

const update: Operation = {
  supported: ['customer', 'description', 'metadata', 'payment_method'],
  run(call, request) {
    const { parameters } = request;
    const intent = needIntent(call, request);
    assertOutsideSession(call, intent.id, 'update');
    if (intent.status === 'succeeded' || intent.status === 'canceled') {
      throw unexpectedState('SetupIntent', 'update', intent.status);
    }
    const given = readText(parameters, 'payment_method');
    const method = given === undefined ? undefined : resolvePaymentMethod(call, given);
    const customer = needCustomer(call, readText(parameters, 'customer'));
    if (method !== undefined) assertOwn(method, customer?.id ?? intent.customer);
    const changes = pickPresent({
      customer: customer?.id,
      description: readUnsettableText(parameters, 'description'),
      payment_method: method?.id,
      status: method === undefined ? undefined : 'requires_confirmation',
      metadata: mergeMetadata(intent.metadata, parameters),
    });
    return call.create(SETUP_INTENTS, { ...intent, ...changes });
  },
};

/** Cancels an intent. Throws StripeError where it is too late. */
export function cancelSetupIntent(call: Call, intent: SetupIntent, reason: string | null): SetupIntent {
  if (intent.status === 'succeeded' || intent.status === 'canceled') {
    throw unexpectedState('SetupIntent', 'cancel', intent.status);
  }
  const changes: Partial<SetupIntent> = { cancellation_reason: reason, next_action: null, status: 'canceled' };
  return call.move(SETUP_INTENTS, intent, changes, 'setup_intent.canceled');
}

function needIntent(call: Call, request: { readonly path: Readonly<Record<string, string>> }): SetupIntent {
  return call.need(SETUP_INTENTS, request.path['intent'] ?? '', 'intent', 404);
}

const ONE = '/v1/setup_intents/{intent}';

/** Is the API of setup intents. */
export const SETUP_INTENT_RESOURCE: Resource = {
  operations: {
    'POST /v1/setup_intents': create,
    'GET /v1/setup_intents': {
      supported: [...PAGE_PARAMETERS, 'created', 'customer', 'payment_method'],
      run(call, { parameters }) {
        const wanted = [readText(parameters, 'customer'), readText(parameters, 'payment_method')];
        const filter = (intent: SetupIntent): boolean =>
          [intent.customer, intent.payment_method].every((id, index) => (wanted[index] ?? id) === id);
        return toPage({ objects: call.tx.all(SETUP_INTENTS), filter, url: '/v1/setup_intents' }, parameters);
      },
    },
    [`GET ${ONE}`]: { supported: [], run: (call, request) => needIntent(call, request) },
    [`POST ${ONE}`]: update,
    [`POST ${ONE}/confirm`]: {
      supported: ['payment_method', 'return_url'],
      run: (call, request) => confirmByRequest(call, needIntent(call, request), request.parameters),
    },
    [`POST ${ONE}/cancel`]: {
      supported: ['cancellation_reason'],
      run(call, request) {
        const intent = needIntent(call, request);
        assertOutsideSession(call, intent.id, 'cancel');
        return cancelSetupIntent(call, intent, readText(request.parameters, 'cancellation_reason') ?? null);
      },
    },
  },
};
