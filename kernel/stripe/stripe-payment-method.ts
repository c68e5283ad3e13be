// Owns the payment methods that Stripe keeps for a customer, and which of them is charged. Does not own storing one on a page
// (stripe-checkout.ts), or any number of a card: Stripe alone sees those.
// Invariant: the default is charged. A subscription may have been bought on a page with a card of its own; it gives that up for a
// default that somebody chose.

import type { Stripe } from 'stripe';
import {
  CONSENT_METADATA,
  type StoredConsent,
  type StoredPaymentMethod,
  type StripeBilling,
} from '../app/subscription/ports.ts';
import { DomainError } from '../domain/error.ts';
import { toOptions, withIntent } from './stripe-attempt.ts';
import { guardStripe, isMissing, type StripeClient } from './stripe-client.ts';
import { loadCustomer } from './stripe-customer.ts';
import { LIST_MAX, PAGE_SIZE } from './stripe-list.ts';

type Methods = Pick<
  StripeBilling,
  | 'loadPaymentMethods'
  | 'setDefaultPaymentMethod'
  | 'listDefaultMarks'
  | 'createSetupIntent'
  | 'adoptPaymentMethod'
  | 'loadConsents'
>;

/**
 * By which the metadata of a customer, and of a subscription that has a default of its own, say which choice has set that, and to
 * what. They are written with it at once, and by nobody else: where it is another one than they say, somebody has set it at Stripe since.
 */
const [CHOICE, CHOSEN] = ['card_choice', 'card_choice_method'] as const;

/** Builds the methods about payment methods. */
export function createStripePaymentMethods(client: StripeClient): Methods {
  return {
    loadPaymentMethods: (customer) => guardStripe(() => loadMethods(client, customer)),
    setDefaultPaymentMethod: (customer, id, mark) =>
      guardStripe(async () => {
        if (!(await hasMethod(client, customer, id))) return false;
        await setDefault(client, customer, id, mark);
        return true;
      }),
    listDefaultMarks: (customer) => guardStripe(() => listMarks(client, customer)),
    createSetupIntent: (customer, metadata, attempt) =>
      guardStripe(async () => {
        const terms = { customer, usage: 'off_session' as const, metadata: withIntent(metadata, attempt) };
        const { client_secret: secret } = await client.setupIntents.create(terms, toOptions(attempt));
        if (secret !== null) return secret;
        throw new DomainError('STRIPE_REFUSED', 'Stripe made a setup intent without a secret: ask for one again');
      }),
    adoptPaymentMethod: (customer) => guardStripe(() => adoptMethod(client, customer)),
    loadConsents: (customer) => guardStripe(() => loadConsents(client, customer)),
  };
}

async function loadMethods(client: StripeClient, customer: string): Promise<readonly StoredPaymentMethod[]> {
  const found = await loadCustomer(client, customer);
  if (found === undefined) return [];
  const defaultId = toDefaultId(found);
  const list = client.customers.listPaymentMethods(customer, { limit: PAGE_SIZE });
  const methods = (await list.autoPagingToArray({ limit: LIST_MAX })).map((method) => toStored(method, defaultId));
  return methods.toSorted((a, b) => Number(b.isDefault) - Number(a.isDefault));
}

function toDefaultId({ invoice_settings: settings }: Stripe.Customer): string | undefined {
  return toId(settings.default_payment_method);
}

function toId(method: string | Stripe.PaymentMethod | null): string | undefined {
  return typeof method === 'object' ? method?.id : method;
}

function toStored({ id, type, card }: Stripe.PaymentMethod, defaultId: string | undefined): StoredPaymentMethod {
  return {
    stripePaymentMethodId: id,
    type,
    isDefault: id === defaultId,
    ...(card === undefined
      ? {}
      : { card: { brand: card.brand, last4: card.last4, expireMonth: card.exp_month, expireYear: card.exp_year } }),
  };
}

async function hasMethod(client: StripeClient, customer: string, id: string): Promise<boolean> {
  try {
    await client.customers.retrievePaymentMethod(customer, id);
    return true;
  } catch (error) {
    if (isMissing(error)) return false;
    throw error;
  }
}

/** Doing it again comes to the same, so it needs no key of an attempt. */
async function setDefault(client: StripeClient, customer: string, id: string, mark: string): Promise<void> {
  const metadata = { [CHOICE]: mark, [CHOSEN]: id };
  await client.customers.update(customer, { invoice_settings: { default_payment_method: id }, metadata });
  const subscriptions = await loadSubscriptions(client, customer);
  for (const { id: subscription, default_payment_method: own, metadata: said } of subscriptions) {
    if (own === null || (toId(own) === id && markOf(said, id) === mark)) continue;
    await client.subscriptions.update(subscription, { default_payment_method: id, metadata });
  }
}

function loadSubscriptions(client: StripeClient, customer: string): Promise<readonly Stripe.Subscription[]> {
  return client.subscriptions.list({ customer, limit: PAGE_SIZE }).autoPagingToArray({ limit: LIST_MAX });
}

/** A call to set a subscription's may have landed later than the next choice, though that of the customer had not. */
async function listMarks(client: StripeClient, customer: string): Promise<readonly string[]> {
  const found = await loadCustomer(client, customer);
  const mark = found && markOf(found.metadata, toDefaultId(found));
  if (mark === undefined) return [];
  const subscriptions = await loadSubscriptions(client, customer);
  const marks = subscriptions.map(({ metadata, default_payment_method: own }) => markOf(metadata, toId(own)));
  return [mark, ...marks.filter((each) => each !== undefined)];
}

function markOf(metadata: Stripe.Metadata, method: string | undefined): string | undefined {
  return method !== undefined && metadata[CHOSEN] === method ? metadata[CHOICE] : undefined;
}

/** A card that pays for a subscription already comes before one that was stored later. */
async function adoptMethod(client: StripeClient, customer: string): Promise<void> {
  const found = await loadCustomer(client, customer);
  if (found === undefined || toDefaultId(found) !== undefined) return;
  const subscriptions = await client.subscriptions.list({ customer, limit: PAGE_SIZE });
  const setups = await client.setupIntents.list({ customer, limit: PAGE_SIZE });
  const candidates = [
    ...subscriptions.data.map(({ default_payment_method: own }) => toId(own)),
    ...setups.data.filter(({ status }) => status === 'succeeded').map(({ payment_method: method }) => toId(method)),
  ];
  for (const id of new Set(candidates)) {
    // What was stored may have been taken away since.
    if (id === undefined || !(await hasMethod(client, customer, id))) continue;
    await client.customers.update(customer, { invoice_settings: { default_payment_method: id } });
    return;
  }
}

async function loadConsents(client: StripeClient, customer: string): Promise<readonly StoredConsent[]> {
  const { data } = await client.setupIntents.list({ customer, limit: PAGE_SIZE });
  const consents: StoredConsent[] = [];
  for (const { id, status, metadata, payment_method: method } of data) {
    if (status !== 'succeeded' || metadata?.[CONSENT_METADATA] !== 'true') continue;
    const methodId = toId(method);
    const isStored = methodId !== undefined && (await hasMethod(client, customer, methodId));
    consents.push({ stripeSetupIntentId: id, isStored });
  }
  return consents;
}
