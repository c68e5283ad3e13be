/**
 * Owns: the sandbox's pages for browsers: the one of a checkout session (`/c/pay/<session>`), and the one on which a card's
 * owner authenticates (`/authenticate/<client secret>`).
 * Does not own: what they look like, and the rules of payment.
 * Invariant: what a page does, it does in one transaction.
 */
import { Call, type SandboxFacts } from '../call.ts';
import type { Clock } from '../clock.ts';
import { parseForm } from '../form.ts';
import type { WholeAnswer, WholeRequest } from '../http-server.ts';
import { isFields, type JsonFields } from '../json.ts';
import { describeMoney } from '../money.ts';
import {
  CHECKOUT_SESSIONS,
  type CheckoutSession,
  completeSession,
  findLineItems,
  paySession,
} from '../resource/checkout-session.ts';
import { concludeAuthentication, PAYMENT_INTENTS, type PaymentIntent } from '../resource/payment-intent.ts';
import { createCardMethod, PAYMENT_METHODS, readCard } from '../resource/payment-method.ts';
import { concludeSetupAuthentication, SETUP_INTENTS, type SetupIntent } from '../resource/setup-intent.ts';
import type { Store } from '../store.ts';
import { attempt, StripeError } from '../stripe-error.ts';
import { type Typed, toAuthenticationPage, toCheckoutPage, toClosedPage, toMessagePage } from './checkout-page.ts';

/** Is what the pages work with. */
export interface HostedPageParts {
  readonly store: Store;
  readonly clock: Clock;
  readonly facts: SandboxFacts;
}

const HEADERS = {
  'content-type': 'text/html; charset=utf-8',
  'content-security-policy': "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'",
  'referrer-policy': 'no-referrer',
  'cache-control': 'no-store',
};

/** Says that whoever is behind a browser did it, not a request of the API. */
const BY_BROWSER = { requestId: null, idempotencyKey: null };

/** Answers a browser, or returns undefined for a path that is no page. */
export function answerBrowser(parts: HostedPageParts, request: WholeRequest): WholeAnswer | undefined {
  const [, sessionId] = /^\/c\/pay\/(cs_test_\w+)$/.exec(request.path) ?? [];
  const [, secret] = /^\/authenticate\/(\w+_secret_\w+)$/.exec(request.path) ?? [];
  if (sessionId === undefined && secret === undefined) return undefined;
  if (request.method !== 'GET' && request.method !== 'POST')
    return toAnswer(405, toMessagePage('Not here', 'GET or POST.'));
  try {
    return parts.store.run((tx) => {
      const call = new Call(tx, parts.facts, parts.clock.now(), BY_BROWSER);
      return sessionId === undefined ? authenticate(call, secret ?? '', request) : checkOut(call, sessionId, request);
    });
  } catch (error) {
    // Such as that the customer was deleted meanwhile: nothing was done, and whoever pays is told.
    if (!(error instanceof StripeError)) throw error;
    return toAnswer(error.status, toMessagePage('This did not work', error.message));
  }
}

function toAnswer(status: number, body: string): WholeAnswer {
  return { status, headers: HEADERS, body };
}

function toRedirect(location: string): WholeAnswer {
  return { status: 303, headers: { location, 'cache-control': 'no-store' }, body: '' };
}

function checkOut(call: Call, id: string, request: WholeRequest): WholeAnswer {
  const session = call.tx.find(CHECKOUT_SESSIONS, id);
  if (session === undefined)
    return toAnswer(404, toMessagePage('No such page', 'The link is wrong, or the sandbox is new.'));
  if (session.status !== 'open') return showClosed(session, request);
  if (request.method === 'GET') return show(call, session, {}, findFailure(call, session));
  const typed = readTyped(request.body);
  const outcome = attempt(() => tryToPay(call, session, typed));
  if (outcome instanceof StripeError) return show(call, session, typed, outcome.message, 402);
  return outcome.status === 'complete'
    ? toRedirect(toSuccessUrl(outcome))
    : toRedirect(findAuthentication(call, outcome));
}

/** A browser that comes back from its bank goes on to the shop; any other is told that it is over. */
function showClosed(session: CheckoutSession, request: WholeRequest): WholeAnswer {
  const isBack = new URLSearchParams(request.query).has('redirect_status');
  if (session.status === 'complete' && isBack) return toRedirect(toSuccessUrl(session));
  return toAnswer(session.status === 'complete' ? 200 : 410, toClosedPage(session));
}

function show(call: Call, session: CheckoutSession, typed: Typed, error?: string, status = 200): WholeAnswer {
  return toAnswer(status, toCheckoutPage(session, findLineItems(call, session), typed, error));
}

/** Returns why the last attempt failed, for a browser that comes back from authentication. */
function findFailure(call: Call, session: CheckoutSession): string | undefined {
  const payment = call.tx.find(PAYMENT_INTENTS, session.payment_intent ?? '');
  const setup = call.tx.find(SETUP_INTENTS, session.setup_intent ?? '');
  const error = payment?.['last_payment_error'] ?? setup?.['last_setup_error'];
  return isFields(error) ? String(error['message']) : undefined;
}

interface TypedCard extends Typed {
  readonly expiry: string;
}

function readTyped(body: string): TypedCard {
  const form = parseForm(body);
  const read = (name: string): string => {
    const value = form.get(name);
    return typeof value === 'string' ? value.trim() : '';
  };
  return { email: read('email'), name: read('name'), card: read('card'), expiry: read('expiry') };
}

/** Throws StripeError where the card is none, or is declined; either way the page shows it again. */
function tryToPay(call: Call, session: CheckoutSession, typed: TypedCard): CheckoutSession {
  const [, month = '0', year = '0'] = /^(\d{1,2})\s*\/?\s*(\d{2}|\d{4})$/.exec(typed.expiry) ?? [];
  const fields = { number: typed.card ?? '', exp_month: Number(month), exp_year: Number(year) };
  const card = attempt(() => readShown(call, fields));
  if (card instanceof StripeError) throw card;
  const billingDetails: JsonFields = {
    ...(typed.email ? { email: typed.email } : {}),
    ...(typed.name ? { name: typed.name } : {}),
  };
  return paySession(call, session, createCardMethod(call, { ...card, billingDetails }));
}

/** Reads the card; nothing has been done yet that a failure would have to undo. */
function readShown(call: Call, fields: JsonFields) {
  try {
    return readCard(call, fields);
  } catch (error) {
    if (!(error instanceof StripeError)) throw error;
    throw new StripeError(error.status, error.type, error.message, error.detail, true);
  }
}

function toSuccessUrl(session: CheckoutSession): string {
  return (session.success_url ?? '').replaceAll('{CHECKOUT_SESSION_ID}', session.id);
}

function findAuthentication(call: Call, session: CheckoutSession): string {
  const intent =
    call.tx.find(PAYMENT_INTENTS, session.payment_intent ?? '') ??
    call.tx.find(SETUP_INTENTS, session.setup_intent ?? '');
  return `${call.facts.baseUrl}/authenticate/${intent?.client_secret}`;
}

function authenticate(call: Call, secret: string, request: WholeRequest): WholeAnswer {
  const [id = ''] = secret.split('_secret_');
  const [payment, setup] = [call.tx.find(PAYMENT_INTENTS, id), call.tx.find(SETUP_INTENTS, id)];
  const intent = payment ?? setup;
  if (intent === undefined || intent.client_secret !== secret) {
    return toAnswer(404, toMessagePage('No such page', 'The link is wrong, or the sandbox is new.'));
  }
  if (intent.status !== 'requires_action')
    return toAnswer(410, toMessagePage('All done', 'Nothing is to be authenticated.'));
  if (request.method === 'GET') {
    const amount = payment === undefined ? undefined : describeMoney(payment.amount, payment.currency);
    return toAnswer(200, toAuthenticationPage(amount));
  }
  const isAuthenticated = parseForm(request.body).get('outcome') === 'complete';
  const outcome = attempt(() => conclude(call, { payment, setup }, isAuthenticated));
  const isSuccess = !(outcome instanceof StripeError) && ['succeeded', 'requires_capture'].includes(outcome.status);
  return goBack(intent, isSuccess);
}

function conclude(
  call: Call,
  { payment, setup }: { readonly payment: PaymentIntent | undefined; readonly setup: SetupIntent | undefined },
  isAuthenticated: boolean,
): PaymentIntent | SetupIntent {
  if (payment !== undefined) return completeTheirs(call, concludeAuthentication(call, payment, isAuthenticated));
  if (setup === undefined) throw new TypeError('There is an intent of either kind.');
  return completeTheirs(call, concludeSetupAuthentication(call, setup, isAuthenticated));
}

/** Completes the session that an intent belongs to, if it belongs to one. */
function completeTheirs<Intent extends PaymentIntent | SetupIntent>(call: Call, intent: Intent): Intent {
  const session = call.tx
    .all(CHECKOUT_SESSIONS)
    .find(({ payment_intent: payment, setup_intent: setup }) => payment === intent.id || setup === intent.id);
  const method = call.tx.find(PAYMENT_METHODS, intent.payment_method ?? '');
  if (session !== undefined && method !== undefined) completeSession(call, session, intent, method);
  return intent;
}

function goBack(intent: PaymentIntent | SetupIntent, isSuccess: boolean): WholeAnswer {
  const redirect = intent.next_action?.['redirect_to_url'];
  const returnUrl = isFields(redirect) ? redirect['return_url'] : undefined;
  if (typeof returnUrl !== 'string') {
    return toAnswer(200, toMessagePage(isSuccess ? 'Authenticated' : 'Not authenticated', 'You can close this page.'));
  }
  const url = new URL(returnUrl);
  url.searchParams.set(intent.object, intent.id);
  url.searchParams.set(`${intent.object}_client_secret`, intent.client_secret);
  url.searchParams.set('redirect_status', isSuccess ? 'succeeded' : 'failed');
  return toRedirect(url.href);
}
