/**
 * Owns: checkout sessions: what is bought, saved or subscribed to on the sandbox's hosted page, from creation to expiry.
 * Does not own: the page (`../hosted-page/`), and paying (`checkout-payment.ts`).
 */
import { type Call, type Operation, type Resource, toPathId } from '../call.ts';
import { schedule, unschedule } from '../due.ts';
import { readFields, readFlag, readInteger, readList, readText, readTexts } from '../field.ts';
import { createId } from '../id.ts';
import { assignToSession } from '../intent.ts';
import type { ApiObject, Json, JsonFields } from '../json.ts';
import { PAGE_PARAMETERS, type Page, toPage } from '../list.ts';
import { mergeMetadata } from '../metadata.ts';
import { assertChargeable, readCurrency } from '../money.ts';
import { invalidRequest, notInSandbox, resourceMissing } from '../stripe-error.ts';
import {
  createLineItems,
  discountLineItems,
  findLineItems,
  type LineItem,
  putLineItems,
  toTotals,
} from './checkout-line.ts';
import {
  BLANK_SESSION,
  CHECKOUT_EXPIRY,
  CHECKOUT_SESSIONS,
  type CheckoutSession,
  hasTrial,
  SESSION_DATA,
} from './checkout-object.ts';
import { CHECKOUT_REACTIONS, dropBegun } from './checkout-payment.ts';
import { COUPONS, toCurrent } from './coupon.ts';
import { type Customer, needCustomer } from './customer-object.ts';
import { cancelPaymentIntent, PAYMENT_INTENTS } from './payment-intent.ts';
import { assertRedeemable } from './promotion-code.ts';
import { cancelSetupIntent, createSetupIntent, SETUP_INTENTS } from './setup-intent.ts';

const MINUTE_SECONDS = 60;
const LIFETIME_SECONDS = { least: 30 * MINUTE_SECONDS, most: 24 * 60 * MINUTE_SECONDS };

const SUBSCRIPTION_DATA = [
  ...['billing_cycle_anchor', 'description', 'metadata', 'proration_behavior', 'trial_end', 'trial_period_days'],
  'trial_settings.end_behavior.missing_payment_method',
];

const create: Operation = {
  supported: [
    ...['allow_promotion_codes', 'cancel_url', 'client_reference_id', 'currency', 'customer', 'customer_creation'],
    ...['customer_email', 'discounts', 'expires_at', 'metadata', 'mode', 'payment_method_collection'],
    ...['payment_method_types', 'setup_intent_data.description', 'setup_intent_data.metadata', 'success_url'],
    ...['line_items.price', 'line_items.quantity', 'line_items.price_data', 'submit_type', 'ui_mode'],
    ...['description', 'metadata', 'receipt_email', 'setup_future_usage'].map((name) => `payment_intent_data.${name}`),
    ...SUBSCRIPTION_DATA.map((name) => `subscription_data.${name}`),
  ],
  run(call, { parameters }) {
    const mode = readMode(parameters);
    if ((readText(parameters, 'ui_mode') ?? 'hosted_page') !== 'hosted_page') {
      throw notInSandbox('pages but the hosted one', 'ui_mode');
    }
    if (readTexts(parameters, 'payment_method_types')?.some((type) => type !== 'card') === true) {
      throw notInSandbox('payments but by card', 'payment_method_types');
    }
    const isTrial = hasTrial(readFields(parameters, 'subscription_data') ?? {});
    const items = mode === 'setup' ? [] : createLineItems(call, parameters, { mode, isTrial });
    const session = createSession(call, mode, items, parameters);
    schedule(call.tx, { kind: CHECKOUT_EXPIRY, subject: session.id, at: session.expires_at, testClock: null });
    return session;
  },
};

function readMode(parameters: JsonFields): CheckoutSession['mode'] {
  const mode = readText(parameters, 'mode') ?? 'payment';
  if (mode !== 'payment' && mode !== 'setup' && mode !== 'subscription') {
    throw notInSandbox(`sessions in mode ${mode}`, 'mode');
  }
  if (mode === 'setup' && parameters['line_items'] !== undefined) {
    throw invalidRequest('You can not pass `line_items` in `setup` mode.', { param: 'line_items' });
  }
  if (mode !== 'setup' && (readList(parameters, 'line_items')?.length ?? 0) === 0) {
    throw invalidRequest(`You must specify \`line_items\` in \`${mode}\` mode.`, { param: 'line_items' });
  }
  const others: Readonly<Record<CheckoutSession['mode'], readonly string[]>> = {
    payment: ['subscription_data', 'setup_intent_data', 'payment_method_collection'],
    setup: [
      'subscription_data',
      'payment_intent_data',
      'payment_method_collection',
      'discounts',
      'allow_promotion_codes',
    ],
    subscription: ['payment_intent_data', 'setup_intent_data', 'customer_creation', 'submit_type'],
  };
  const stray = others[mode].find((name) => parameters[name] !== undefined);
  if (stray !== undefined) throw invalidRequest(`You can not pass \`${stray}\` in \`${mode}\` mode.`, { param: stray });
  return mode;
}

function createSession(
  call: Call,
  mode: CheckoutSession['mode'],
  lines: readonly LineItem[],
  parameters: JsonFields,
): CheckoutSession {
  const id = createId('cs_test', 58);
  const customer = needCustomer(call, readText(parameters, 'customer'));
  const data = readFields(parameters, DATA_OF_MODE[mode]) ?? {};
  const creation = readCreation(parameters, mode, customer);
  if (customer === undefined && creation !== 'always' && data['setup_future_usage'] !== undefined) {
    throw notInSandbox('customers that a session makes by itself', 'payment_intent_data[setup_future_usage]');
  }
  call.tx.put(SESSION_DATA, id, data);
  const subtotal = lines.reduce((sum, { amount_subtotal: amount }) => sum + amount, 0);
  const discount = readDiscount(call, parameters, { customer, amount: subtotal, currency: lines[0]?.currency ?? '' });
  const items = discountLineItems(call, lines, discount?.taken ?? null);
  putLineItems(call, id, items);
  const session: CheckoutSession = {
    ...BLANK_SESSION,
    id,
    object: 'checkout.session',
    allow_promotion_codes: readFlag(parameters, 'allow_promotion_codes') ?? null,
    cancel_url: readText(parameters, 'cancel_url') ?? null,
    client_reference_id: readText(parameters, 'client_reference_id') ?? null,
    created: call.now,
    customer: customer?.id ?? null,
    customer_creation: creation,
    customer_details: null,
    customer_email: readText(parameters, 'customer_email') ?? null,
    discounts: discount === undefined ? null : [discount.shown],
    expires_at: readExpiry(call, parameters),
    invoice: null,
    metadata: mergeMetadata({}, parameters),
    mode,
    payment_intent: null,
    payment_method_collection: readCollection(parameters, mode),
    setup_intent: null,
    status: 'open',
    submit_type: readText(parameters, 'submit_type') ?? null,
    subscription: null,
    success_url: readSuccessUrl(parameters),
    url: `${call.facts.baseUrl}/c/pay/${id}`,
    ...(mode === 'setup' ? toSetupFields(call, customer, parameters) : toPaymentFields(mode, items)),
  };
  if (session.setup_intent !== null) assignToSession(call, session.setup_intent, id);
  return call.create(CHECKOUT_SESSIONS, session);
}

const DATA_OF_MODE: Readonly<Record<CheckoutSession['mode'], string>> = {
  payment: 'payment_intent_data',
  setup: 'setup_intent_data',
  subscription: 'subscription_data',
};

function readCreation(
  parameters: JsonFields,
  mode: CheckoutSession['mode'],
  customer: Customer | undefined,
): CheckoutSession['customer_creation'] {
  const wanted = readText(parameters, 'customer_creation');
  if (customer !== undefined && wanted !== undefined) {
    throw invalidRequest('You may only specify one of these parameters: customer, customer_creation.', {
      param: 'customer_creation',
    });
  }
  if (customer !== undefined || mode === 'setup') return null;
  return mode === 'subscription' || wanted === 'always' ? 'always' : 'if_required';
}

function readCollection(
  parameters: JsonFields,
  mode: CheckoutSession['mode'],
): CheckoutSession['payment_method_collection'] {
  if (mode !== 'subscription') return 'if_required';
  return readText(parameters, 'payment_method_collection') === 'if_required' ? 'if_required' : 'always';
}

interface SessionDiscount {
  readonly shown: { readonly coupon: string | null; readonly promotion_code: string | null };
  readonly taken: string;
}

/** Returns what is taken off. It is redeemed when the session is complete. */
function readDiscount(
  call: Call,
  parameters: JsonFields,
  {
    customer,
    amount,
    currency,
  }: { readonly customer: Customer | undefined; readonly amount: number; readonly currency: string },
): SessionDiscount | undefined {
  const [wanted, ...more] = readList(parameters, 'discounts') ?? [];
  if (wanted === undefined) return undefined;
  if (more.length > 0) throw invalidRequest('A session has at most one discount.', { param: 'discounts' });
  if (parameters['allow_promotion_codes'] !== undefined) {
    throw invalidRequest('You may only specify one of these parameters: allow_promotion_codes, discounts.', {
      param: 'discounts',
    });
  }
  const [couponId, codeId] = [readText(wanted, 'coupon'), readText(wanted, 'promotion_code')];
  if ((couponId === undefined) === (codeId === undefined)) {
    throw invalidRequest('You must specify exactly one of `coupon` or `promotion_code`.', { param: 'discounts[0]' });
  }
  if (codeId !== undefined) {
    const target = { customer: customer?.id ?? null, amount, currency };
    const code = assertRedeemable(call, codeId, target, 'discounts[0][promotion_code]');
    return { shown: { coupon: null, promotion_code: code.id }, taken: code.promotion.coupon };
  }
  const coupon = toCurrent(call, call.need(COUPONS, couponId ?? '', 'discounts[0][coupon]'));
  if (!coupon.valid) {
    throw invalidRequest(`Coupon expired: ${coupon.id}`, { code: 'coupon_expired', param: 'discounts[0][coupon]' });
  }
  return { shown: { coupon: coupon.id, promotion_code: null }, taken: coupon.id };
}

function toPaymentFields(mode: CheckoutSession['mode'], items: readonly LineItem[]) {
  const [totals, currency] = [toTotals(items), items[0]?.currency ?? null];
  const isFree = totals.amount_total === 0 && (mode === 'subscription' || totals.amount_subtotal > 0);
  if (!isFree) assertChargeable(totals.amount_total, currency ?? '');
  return { ...totals, currency, payment_status: isFree ? 'no_payment_required' : 'unpaid' };
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

function expireSession(call: Call, session: CheckoutSession): CheckoutSession {
  unschedule(call.tx, CHECKOUT_EXPIRY, session.id);
  const [payment, setup] = [
    call.tx.find(PAYMENT_INTENTS, session.payment_intent ?? ''),
    call.tx.find(SETUP_INTENTS, session.setup_intent ?? ''),
  ];
  if (payment !== undefined) cancelPaymentIntent(call, payment, 'automatic');
  if (setup !== undefined) cancelSetupIntent(call, setup, 'abandoned');
  dropBegun(call, session);
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
  supported: [...PAGE_PARAMETERS, 'created', 'customer', 'payment_intent', 'status', 'subscription'],
  run(call, { parameters }) {
    const wanted = ['customer', 'payment_intent', 'status', 'subscription'].flatMap((name) => {
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
  reactions: CHECKOUT_REACTIONS,
  due: {
    [CHECKOUT_EXPIRY]: (call, id) => {
      const session = call.tx.find(CHECKOUT_SESSIONS, id);
      if (session?.status === 'open') expireSession(call, session);
    },
  },
};
