/**
 * Owns: checkout sessions: what is bought or saved on the sandbox's hosted page, until it is paid or has expired.
 * Does not own: the page (`../hosted-page/`), and payments. Sessions in mode `subscription` are not here.
 * Invariant: a session is completed in the transaction in which its payment succeeds.
 */
import { type Call, type Operation, type Resource, toPathId } from '../call.ts';
import { schedule, unschedule } from '../due.ts';
import { readFields, readInteger, readList, readText, readTexts } from '../field.ts';
import { createId } from '../id.ts';
import { assignToSession } from '../intent.ts';
import type { ApiObject, Json, JsonFields } from '../json.ts';
import { PAGE_PARAMETERS, type Page, toPage } from '../list.ts';
import { type Metadata, mergeMetadata } from '../metadata.ts';
import { assertChargeable, readCurrency } from '../money.ts';
import { defineTable } from '../store.ts';
import { invalidRequest, notInSandbox, resourceMissing } from '../stripe-error.ts';
import { type Customer, needCustomer } from './customer-object.ts';
import {
  cancelPaymentIntent,
  confirmPaymentIntent,
  createPaymentIntent,
  PAYMENT_INTENTS,
  type PaymentIntent,
} from './payment-intent.ts';
import type { PaymentMethod } from './payment-method.ts';
import { createPrice, PRICES, type Price } from './price.ts';
import { PRODUCTS } from './product-object.ts';
import {
  cancelSetupIntent,
  confirmSetupIntent,
  createSetupIntent,
  SETUP_INTENTS,
  type SetupIntent,
} from './setup-intent.ts';

const MINUTE_SECONDS = 60;
const LIFETIME_SECONDS = { least: 30 * MINUTE_SECONDS, most: 24 * 60 * MINUTE_SECONDS };
const LINE_ITEMS_MAX = 100;

/** Is the kind of note by which a session expires. */
const EXPIRY = 'checkout.session.expired';

/** Is a checkout session. */
export interface CheckoutSession extends ApiObject {
  readonly amount_total: number | null;
  readonly cancel_url: string | null;
  readonly currency: string | null;
  readonly customer: string | null;
  readonly customer_email: string | null;
  readonly expires_at: number;
  readonly metadata: Metadata;
  readonly mode: 'payment' | 'setup';
  readonly payment_intent: string | null;
  readonly setup_intent: string | null;
  readonly status: 'open' | 'complete' | 'expired';
  readonly success_url: string | null;
}

/** Are the sessions. */
export const CHECKOUT_SESSIONS = defineTable<CheckoutSession>('checkout.session');

/** Is a line of what is bought. */
export interface LineItem extends ApiObject {
  readonly amount_total: number;
  readonly currency: string;
  readonly description: string;
  readonly quantity: number;
}

const LINE_ITEMS = defineTable<readonly LineItem[]>('checkout.session.items');

/** Are the parameters of the intent that a payment will make. */
const INTENT_DATA = defineTable<JsonFields>('checkout.session.intent_data');

/** Returns what is bought in a session. */
export function findLineItems(call: Call, session: ApiObject): readonly LineItem[] {
  return call.tx.find(LINE_ITEMS, session.id) ?? [];
}

const create: Operation = {
  supported: [
    ...['cancel_url', 'client_reference_id', 'currency', 'customer', 'customer_email', 'expires_at', 'metadata'],
    ...['mode', 'payment_method_types', 'setup_intent_data.description', 'setup_intent_data.metadata', 'success_url'],
    ...['line_items.price', 'line_items.quantity', 'line_items.price_data', 'submit_type', 'ui_mode'],
    ...['description', 'metadata', 'receipt_email', 'setup_future_usage'].map((name) => `payment_intent_data.${name}`),
  ],
  run(call, { parameters }) {
    const mode = readMode(parameters);
    if ((readText(parameters, 'ui_mode') ?? 'hosted_page') !== 'hosted_page') {
      throw notInSandbox('pages but the hosted one', 'ui_mode');
    }
    if (readTexts(parameters, 'payment_method_types')?.some((type) => type !== 'card') === true) {
      throw notInSandbox('payments but by card', 'payment_method_types');
    }
    const items = mode === 'payment' ? createLineItems(call, parameters) : [];
    const session = createSession(call, mode, items, parameters);
    call.tx.put(LINE_ITEMS, session.id, items);
    schedule(call.tx, { kind: EXPIRY, subject: session.id, at: session.expires_at, testClock: null });
    return session;
  },
};

function readMode(parameters: JsonFields): CheckoutSession['mode'] {
  const mode = readText(parameters, 'mode') ?? 'payment';
  if (mode !== 'payment' && mode !== 'setup') throw notInSandbox(`sessions in mode ${mode}`, 'mode');
  if (mode === 'setup' && parameters['line_items'] !== undefined) {
    throw invalidRequest('You can not pass `line_items` in `setup` mode.', { param: 'line_items' });
  }
  if (mode === 'payment' && (readList(parameters, 'line_items')?.length ?? 0) === 0) {
    throw invalidRequest('You must specify `line_items` in `payment` mode.', { param: 'line_items' });
  }
  return mode;
}

function createLineItems(call: Call, parameters: JsonFields): readonly LineItem[] {
  const wanted = readList(parameters, 'line_items') ?? [];
  if (wanted.length > LINE_ITEMS_MAX) {
    throw invalidRequest(`A session has at most ${LINE_ITEMS_MAX} line items.`, { param: 'line_items' });
  }
  const items = wanted.map((line, index) => createLineItem(call, line, `line_items[${index}]`));
  if (new Set(items.map(({ currency }) => currency)).size > 1) {
    throw invalidRequest('All line items must have the same currency.', { param: 'line_items' });
  }
  assertChargeable(toTotal(items), items[0]?.currency ?? '');
  return items;
}

function createLineItem(call: Call, line: JsonFields, param: string): LineItem {
  const price = toLinePrice(call, line, param);
  if (price.recurring !== null) {
    const message =
      'You specified `payment` mode but passed a recurring price. Either switch to `subscription` mode or use only one-time prices.';
    throw invalidRequest(message, { param: 'line_items' });
  }
  const quantity = readInteger(line, 'quantity') ?? 0;
  if (quantity < 1) {
    throw invalidRequest('Quantity must be at least 1 for line items in payment mode.', {
      param: `${param}[quantity]`,
    });
  }
  const amount = Math.round(Number(price.unit_amount_decimal) * quantity);
  return {
    id: createId('li'),
    object: 'item',
    adjustable_quantity: null,
    amount_discount: 0,
    amount_subtotal: amount,
    amount_tax: 0,
    amount_total: amount,
    currency: price.currency,
    description: call.tx.find(PRODUCTS, price.product)?.name ?? price.product,
    metadata: {},
    price,
    quantity,
  };
}

function toLinePrice(call: Call, line: JsonFields, param: string): Price {
  const [id, data] = [readText(line, 'price'), readFields(line, 'price_data')];
  if ((id === undefined) === (data === undefined)) {
    throw invalidRequest('You must specify exactly one of `price` or `price_data` for each line item.', { param });
  }
  if (id === undefined) return createInlinePrice(call, data ?? {});
  const price = call.need(PRICES, id, `${param}[price]`);
  if (!price.active) {
    throw invalidRequest(`The price specified is inactive. This field only accepts active prices.`, {
      param: `${param}[price]`,
    });
  }
  return price;
}

/** Creates a price for this one sale, which nobody can use again. */
function createInlinePrice(call: Call, data: JsonFields): Price {
  const productData = readFields(data, 'product_data');
  return createPrice(call, {
    ...data,
    active: false,
    ...(productData === undefined ? {} : { product_data: { ...productData, active: false } }),
  });
}

function createSession(
  call: Call,
  mode: CheckoutSession['mode'],
  items: readonly LineItem[],
  parameters: JsonFields,
): CheckoutSession {
  const id = createId('cs_test', 58);
  const customer = needCustomer(call, readText(parameters, 'customer'));
  const intentData = readFields(parameters, mode === 'payment' ? 'payment_intent_data' : 'setup_intent_data') ?? {};
  if (customer === undefined && intentData['setup_future_usage'] !== undefined) {
    throw notInSandbox('customers that a session makes', 'payment_intent_data[setup_future_usage]');
  }
  call.tx.put(INTENT_DATA, id, intentData);
  const session: CheckoutSession = {
    ...BLANK_SESSION,
    id,
    object: 'checkout.session',
    cancel_url: readText(parameters, 'cancel_url') ?? null,
    client_reference_id: readText(parameters, 'client_reference_id') ?? null,
    created: call.now,
    customer: customer?.id ?? null,
    customer_creation: customer === undefined && mode === 'payment' ? 'if_required' : null,
    customer_details: null,
    customer_email: readText(parameters, 'customer_email') ?? null,
    expires_at: readExpiry(call, parameters),
    metadata: mergeMetadata({}, parameters),
    mode,
    payment_intent: null,
    setup_intent: null,
    status: 'open',
    submit_type: readText(parameters, 'submit_type') ?? null,
    success_url: readSuccessUrl(parameters),
    url: `${call.facts.baseUrl}/c/pay/${id}`,
    ...(mode === 'payment' ? toPaymentFields(items) : toSetupFields(call, customer, parameters)),
  };
  if (session.setup_intent !== null) assignToSession(call, session.setup_intent, id);
  return call.create(CHECKOUT_SESSIONS, session);
}

function toTotal(items: readonly LineItem[]): number {
  return items.reduce((sum, { amount_total: amount }) => sum + amount, 0);
}

function toPaymentFields(items: readonly LineItem[]) {
  const total = toTotal(items);
  return {
    amount_subtotal: total,
    amount_total: total,
    currency: items[0]?.currency ?? null,
    payment_status: 'unpaid',
    total_details: { amount_discount: 0, amount_shipping: 0, amount_tax: 0 },
  };
}

function toSetupFields(call: Call, customer: Customer | undefined, parameters: JsonFields) {
  const data = readFields(parameters, 'setup_intent_data') ?? {};
  const intent = createSetupIntent(call, { ...data, ...(customer === undefined ? {} : { customer: customer.id }) });
  return {
    amount_subtotal: null,
    amount_total: null,
    currency: readCurrency(parameters) ?? null,
    payment_status: 'no_payment_required',
    setup_intent: intent.id,
    total_details: null,
  };
}

/** Is what the sandbox's sessions have all alike. */
const BLANK_SESSION = {
  adaptive_pricing: null,
  after_expiration: null,
  allow_promotion_codes: null,
  automatic_tax: { enabled: false, liability: null, provider: null, status: null },
  billing_address_collection: null,
  client_secret: null,
  collected_information: null,
  consent: null,
  consent_collection: null,
  currency_conversion: null,
  custom_fields: [],
  custom_text: { after_submit: null, shipping_address: null, submit: null, terms_of_service_acceptance: null },
  discounts: null,
  invoice: null,
  invoice_creation: null,
  livemode: false,
  locale: null,
  origin_context: null,
  payment_link: null,
  payment_method_collection: 'if_required',
  payment_method_configuration_details: null,
  payment_method_options: {},
  payment_method_types: ['card'],
  permissions: null,
  phone_number_collection: { enabled: false },
  recovered_from: null,
  saved_payment_method_options: null,
  shipping_address_collection: null,
  shipping_cost: null,
  shipping_options: [],
  subscription: null,
  ui_mode: 'hosted_page',
  wallet_options: null,
};

function readSuccessUrl(parameters: JsonFields): string {
  const url = readText(parameters, 'success_url');
  if (url === undefined) {
    throw invalidRequest('Missing required param: success_url.', { code: 'parameter_missing', param: 'success_url' });
  }
  for (const [param, value] of [
    ['success_url', url],
    ['cancel_url', readText(parameters, 'cancel_url')],
  ] as const) {
    const isUrl = value === undefined || (/^https?:\/\//.test(value) && URL.canParse(value));
    if (!isUrl) throw invalidRequest('Not a valid URL', { code: 'url_invalid', param });
  }
  return url;
}

function readExpiry(call: Call, parameters: JsonFields): number {
  const at = readInteger(parameters, 'expires_at');
  if (at === undefined) return call.now + LIFETIME_SECONDS.most;
  if (at < call.now + LIFETIME_SECONDS.least || at > call.now + LIFETIME_SECONDS.most) {
    throw invalidRequest(
      'The `expires_at` timestamp must be at least 30 minutes and at most 24 hours from Checkout Session creation.',
      { param: 'expires_at' },
    );
  }
  return at;
}

/**
 * Pays, or saves the card, on the hosted page. Returns the session, complete or with an intent that waits for its owner to
 * authenticate. Throws StripeError (402) for a declined card; the session stays open.
 */
export function paySession(call: Call, session: CheckoutSession, method: PaymentMethod): CheckoutSession {
  const returnUrl = String(session['url']);
  if (session.mode === 'setup') {
    const intent = call.need(SETUP_INTENTS, session.setup_intent ?? '', 'setup_intent');
    return completeSession(call, session, confirmSetupIntent(call, intent, { method, returnUrl }), method);
  }
  const intent = findOrCreateIntent(call, session);
  const begun = call.create(CHECKOUT_SESSIONS, { ...session, payment_intent: intent.id });
  return completeSession(call, begun, confirmPaymentIntent(call, intent, { method, returnUrl }), method);
}

function findOrCreateIntent(call: Call, session: CheckoutSession): PaymentIntent {
  const begun = session.payment_intent === null ? undefined : call.tx.find(PAYMENT_INTENTS, session.payment_intent);
  if (begun !== undefined) return begun;
  const intent = createPaymentIntent(call, {
    ...call.tx.find(INTENT_DATA, session.id),
    amount: session.amount_total,
    currency: session.currency,
    payment_method_types: ['card'],
    ...(session.customer === null ? {} : { customer: session.customer }),
  });
  assignToSession(call, intent.id, session.id);
  return intent;
}

/** Completes a session whose intent has succeeded; with any other, it stays as it is. */
export function completeSession(
  call: Call,
  session: CheckoutSession,
  intent: PaymentIntent | SetupIntent,
  method: PaymentMethod,
): CheckoutSession {
  if (intent.status !== 'succeeded') return session;
  unschedule(call.tx, EXPIRY, session.id);
  const { email = null, name = null, phone = null, address = null } = method.billing_details;
  const details = { address, email, name, phone, tax_exempt: 'none', tax_ids: [] };
  const completed: CheckoutSession = {
    ...session,
    customer_details: { business_name: null, individual_name: null, ...details },
    payment_status: session.mode === 'payment' ? 'paid' : 'no_payment_required',
    status: 'complete',
    url: null,
  };
  return call.create(CHECKOUT_SESSIONS, completed, 'checkout.session.completed');
}

function expireSession(call: Call, session: CheckoutSession): CheckoutSession {
  unschedule(call.tx, EXPIRY, session.id);
  const [payment, setup] = [
    call.tx.find(PAYMENT_INTENTS, session.payment_intent ?? ''),
    call.tx.find(SETUP_INTENTS, session.setup_intent ?? ''),
  ];
  if (payment !== undefined) cancelPaymentIntent(call, payment, 'automatic');
  if (setup !== undefined) cancelSetupIntent(call, setup, 'abandoned');
  return call.move(CHECKOUT_SESSIONS, session, { status: 'expired', url: null }, 'checkout.session.expired');
}

const expire: Operation = {
  supported: [],
  run(call, request) {
    const session = needSession(call, toPathId(request));
    if (session.status !== 'open') {
      throw invalidRequest(
        `Only Checkout Sessions with a status in ["open"] can be expired. This Checkout Session has a status of "${session.status}".`,
        { param: 'session' },
      );
    }
    return expireSession(call, session);
  },
};

const update: Operation = {
  supported: ['metadata'],
  run(call, request) {
    const session = needSession(call, toPathId(request));
    const metadata = mergeMetadata(session.metadata, request.parameters);
    return call.create(CHECKOUT_SESSIONS, { ...session, metadata });
  },
};

const list: Operation = {
  supported: [...PAGE_PARAMETERS, 'created', 'customer', 'payment_intent', 'status'],
  run(call, { parameters }) {
    const wanted = ['customer', 'payment_intent', 'status'].flatMap((name) => {
      const value = readText(parameters, name);
      return value === undefined ? [] : [[name, value] as const];
    });
    const filter = (session: CheckoutSession): boolean => wanted.every(([name, value]) => session[name] === value);
    return toPage({ objects: call.tx.all(CHECKOUT_SESSIONS), filter, url: '/v1/checkout/sessions' }, parameters);
  },
};

function needSession(call: Call, id: string): CheckoutSession {
  const session = call.tx.find(CHECKOUT_SESSIONS, id);
  if (session === undefined) throw resourceMissing('checkout.session', id, 'session', 404);
  return session;
}

function toItemsPage(call: Call, session: ApiObject, parameters: JsonFields): Page {
  // Lines stand in the order in which they were given, not newest first.
  const objects = findLineItems(call, session).toReversed();
  return toPage({ objects, url: `/v1/checkout/sessions/${session.id}/line_items` }, parameters);
}

const ONE = '/v1/checkout/sessions/{session}';

/** Is the API of checkout sessions. */
export const CHECKOUT_SESSION_RESOURCE: Resource = {
  operations: {
    'POST /v1/checkout/sessions': create,
    'GET /v1/checkout/sessions': list,
    [`GET ${ONE}`]: { supported: [], run: (call, request) => needSession(call, toPathId(request)) },
    [`POST ${ONE}`]: update,
    [`POST ${ONE}/expire`]: expire,
    [`GET ${ONE}/line_items`]: {
      supported: PAGE_PARAMETERS,
      run: (call, request) => toItemsPage(call, needSession(call, toPathId(request)), request.parameters),
    },
  },
  included: {
    'checkout.session': { line_items: (call, session): Json => toItemsPage(call, session, {}) },
  },
  due: {
    [EXPIRY]: (call, id) => {
      const session = call.tx.find(CHECKOUT_SESSIONS, id);
      if (session?.status === 'open') expireSession(call, session);
    },
  },
};
