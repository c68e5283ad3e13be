/**
 * Owns: what a browser does on the page on which a card's owner authenticates, as their bank would ask them to.
 * Does not own: what follows from it: the intent's own file, and what reacts to it.
 */
import type { Call } from '../call.ts';
import type { WholeAnswer, WholeRequest } from '../http-server.ts';
import { isFields } from '../json.ts';
import { describeMoney } from '../money.ts';
import { concludeAuthentication, PAYMENT_INTENTS, type PaymentIntent } from '../resource/payment-intent.ts';
import { concludeSetupAuthentication, SETUP_INTENTS, type SetupIntent } from '../resource/setup-intent.ts';
import { attempt, StripeError } from '../stripe-error.ts';
import { toAuthenticationPage } from './checkout-page.ts';
import { toMessagePage } from './html.ts';
import { readForm, toAnswer, toNowhere, toRedirect } from './page-answer.ts';

/** Answers a browser on the page on which a card's owner authenticates. */
export function visitAuthentication(call: Call, secret: string, request: WholeRequest): WholeAnswer {
  const [id = ''] = secret.split('_secret_');
  const [payment, setup] = [call.tx.find(PAYMENT_INTENTS, id), call.tx.find(SETUP_INTENTS, id)];
  const intent = payment ?? setup;
  if (intent === undefined || intent.client_secret !== secret) {
    return toNowhere();
  }
  if (intent.status !== 'requires_action')
    return toAnswer(410, toMessagePage('All done', 'Nothing is to be authenticated.'));
  if (request.method === 'GET') {
    const amount = payment === undefined ? undefined : describeMoney(payment.amount, payment.currency);
    return toAnswer(200, toAuthenticationPage(amount));
  }
  const isAuthenticated = readForm(request.body)('outcome') === 'complete';
  const outcome = attempt(() => conclude(call, { payment, setup }, isAuthenticated));
  const isSuccess = !(outcome instanceof StripeError) && ['succeeded', 'requires_capture'].includes(outcome.status);
  return goBack(intent, isSuccess);
}

function conclude(
  call: Call,
  { payment, setup }: { readonly payment: PaymentIntent | undefined; readonly setup: SetupIntent | undefined },
  isAuthenticated: boolean,
): PaymentIntent | SetupIntent {
  if (payment !== undefined) return concludeAuthentication(call, payment, isAuthenticated);
  if (setup === undefined) throw new TypeError('There is an intent of either kind.');
  return concludeSetupAuthentication(call, setup, isAuthenticated);
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
