/** Owns: the object of a checkout session. Does not own: its API (`checkout-session.ts`), and paying it (`checkout-payment.ts`). */
import type { ApiObject, JsonFields } from '../json.ts';
import type { Metadata } from '../metadata.ts';
import { defineTable } from '../store.ts';

/** Is a checkout session. */
export interface CheckoutSession extends ApiObject {
  readonly allow_promotion_codes: boolean | null;
  readonly amount_total: number | null;
  readonly cancel_url: string | null;
  readonly currency: string | null;
  readonly customer: string | null;
  readonly customer_creation: 'always' | 'if_required' | null;
  readonly customer_email: string | null;
  readonly discounts: readonly { readonly coupon: string | null; readonly promotion_code: string | null }[] | null;
  readonly expires_at: number;
  readonly invoice: string | null;
  readonly metadata: Metadata;
  readonly mode: 'payment' | 'setup' | 'subscription';
  readonly payment_intent: string | null;
  readonly payment_method_collection: 'always' | 'if_required' | null;
  readonly setup_intent: string | null;
  readonly status: 'open' | 'complete' | 'expired';
  readonly subscription: string | null;
  readonly success_url: string | null;
  readonly url: string | null;
}

/** Are the sessions. */
export const CHECKOUT_SESSIONS = defineTable<CheckoutSession>('checkout.session');

/** Is the kind of note by which a session expires. */
export const CHECKOUT_EXPIRY = 'checkout.session.expired';

/** Are the parameters of the intent, or the subscription, that a session will make. */
export const SESSION_DATA = defineTable<JsonFields>('checkout.session.intent_data');

/** Says whether a session has a trial, so that nothing is paid today. */
export function hasTrial(data: JsonFields): boolean {
  return data['trial_end'] !== undefined || data['trial_period_days'] !== undefined;
}

/** Says whether a session needs a card: not where nothing is paid, and none was asked for. */
export function needsCard({
  mode,
  amount_total: total,
  payment_method_collection: collection,
}: CheckoutSession): boolean {
  if (mode === 'setup' || (total ?? 0) > 0) return true;
  return mode === 'subscription' && collection === 'always';
}

/** Is what the sandbox's sessions have all alike. */
export const BLANK_SESSION = {
  adaptive_pricing: null,
  after_expiration: null,
  automatic_tax: { enabled: false, liability: null, provider: null, status: null },
  billing_address_collection: null,
  client_secret: null,
  collected_information: null,
  consent: null,
  consent_collection: null,
  currency_conversion: null,
  custom_fields: [],
  custom_text: { after_submit: null, shipping_address: null, submit: null, terms_of_service_acceptance: null },
  invoice_creation: null,
  livemode: false,
  locale: null,
  origin_context: null,
  payment_link: null,
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
  ui_mode: 'hosted_page',
  wallet_options: null,
};
