/**
 * Owns: what a browser does on the page of a checkout session.
 * Does not own: what the page looks like (`checkout-page.ts`), and what paying means (`../resource/checkout-payment.ts`).
 */
import type { Call } from '../call.ts';
import type { WholeAnswer, WholeRequest } from '../http-server.ts';
import { isFields } from '../json.ts';
import { findLineItems } from '../resource/checkout-line.ts';
import { CHECKOUT_SESSIONS, type CheckoutSession, needsCard } from '../resource/checkout-object.ts';
import { applyPromotionCode, findSessionIntent, paySession } from '../resource/checkout-payment.ts';
import { attempt, StripeError } from '../stripe-error.ts';
import { toCheckoutPage, toClosedPage } from './checkout-page.ts';
import {
  createTypedMethod,
  readForm,
  readTyped,
  type Typed,
  toAnswer,
  toBillingDetails,
  toNowhere,
  toRedirect,
} from './page-answer.ts';

/** Answers a browser on the page of a session. */
export function visitCheckout(call: Call, id: string, request: WholeRequest): WholeAnswer {
  const session = call.tx.find(CHECKOUT_SESSIONS, id);
  if (session === undefined) return toNowhere();
  if (session.status !== 'open') return showClosed(session, request);
  if (request.method === 'GET') return show(call, session, {}, findFailure(call, session));
  const typed = readTyped(request.body);
  const code = readForm(request.body)('promotion_code');
  if (code !== '') return redeem(call, session, code, typed);
  const outcome = attempt(() => pay(call, session, typed));
  if (outcome instanceof StripeError) {
    const current = call.tx.find(CHECKOUT_SESSIONS, id) ?? session;
    return show(call, current, typed, outcome.message, 402);
  }
  return outcome.status === 'complete'
    ? toRedirect(toSuccessUrl(outcome))
    : toRedirect(`${call.facts.baseUrl}/authenticate/${findSessionIntent(call, outcome)?.client_secret}`);
}

/** Throws StripeError where the card is none, or is declined; either way the page shows it again. */
function pay(call: Call, session: CheckoutSession, typed: Typed): CheckoutSession {
  const method = needsCard(session) ? createTypedMethod(call, typed) : undefined;
  return paySession(call, session, method, toBillingDetails(typed));
}

function redeem(call: Call, session: CheckoutSession, code: string, typed: Typed): WholeAnswer {
  const isTaken = session.allow_promotion_codes === true && session.discounts === null;
  if (!isTaken) return show(call, session, typed, 'This page takes no promotion code.', 400);
  try {
    return show(call, applyPromotionCode(call, session, code), typed);
  } catch (error) {
    if (!(error instanceof StripeError)) throw error;
    return show(call, session, typed, error.message, 400);
  }
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
  const intent = findSessionIntent(call, session);
  const error = intent?.['last_payment_error'] ?? intent?.['last_setup_error'];
  return isFields(error) ? String(error['message']) : undefined;
}

function toSuccessUrl(session: CheckoutSession): string {
  return (session.success_url ?? '').replaceAll('{CHECKOUT_SESSION_ID}', session.id);
}
