/**
 * Owns: sessions of the billing portal: who is on it, with which configuration, and for what.
 * Does not own: the pages (`../hosted-page/portal-visit.ts`). At Stripe a session's page is there for some minutes; here it stays.
 */
import type { Call, Operation, Resource } from '../call.ts';
import { readFields, readList, readText } from '../field.ts';
import { createId } from '../id.ts';
import type { ApiObject, JsonFields } from '../json.ts';
import { defineTable } from '../store.ts';
import { invalidRequest, notInSandbox, resourceMissing } from '../stripe-error.ts';
import { needCustomer } from './customer-object.ts';
import { findDefaultConfiguration, PORTAL_CONFIGURATIONS, type PortalConfiguration } from './portal-configuration.ts';
import { assertNotOver, needSubscription } from './subscription-object.ts';

/** Is a session. */
export interface PortalSession extends ApiObject {
  readonly configuration: string;
  readonly customer: string;
  readonly flow: JsonFields | null;
  readonly return_url: string | null;
  readonly url: string;
}

/** Are the sessions. */
export const PORTAL_SESSIONS = defineTable<PortalSession>('billing_portal.session');

const FLOW = [
  ...['type', 'after_completion', 'subscription_cancel.subscription', 'subscription_update.subscription'],
  ...['subscription_update_confirm.subscription', 'subscription_update_confirm.items'],
].map((name) => `flow_data.${name}`);

const create: Operation = {
  supported: ['configuration', 'customer', 'return_url', ...FLOW],
  run(call, { parameters }) {
    const customer = needCustomer(call, readText(parameters, 'customer'));
    if (customer === undefined) {
      throw invalidRequest('Missing required param: customer.', { code: 'parameter_missing', param: 'customer' });
    }
    const configurationId = readText(parameters, 'configuration');
    const configuration =
      configurationId === undefined
        ? findDefaultConfiguration(call)
        : call.need(PORTAL_CONFIGURATIONS, configurationId, 'configuration');
    const returnUrl = readText(parameters, 'return_url') ?? configuration.default_return_url;
    if (returnUrl !== null && !URL.canParse(returnUrl)) {
      throw invalidRequest('Not a valid URL', { code: 'url_invalid', param: 'return_url' });
    }
    const flow = readFields(parameters, 'flow_data');
    const id = createId('bps');
    const session: PortalSession = {
      id,
      object: 'billing_portal.session',
      configuration: configuration.id,
      created: call.now,
      customer: customer.id,
      customer_account: null,
      flow: flow === undefined ? null : toFlow(call, flow, configuration, customer.id),
      livemode: false,
      locale: null,
      on_behalf_of: null,
      return_url: returnUrl,
      url: `${call.facts.baseUrl}/p/session/${id}`,
    };
    return call.create(PORTAL_SESSIONS, session, 'billing_portal.session.created');
  },
};

function toFlow(call: Call, sent: JsonFields, { features }: PortalConfiguration, customer: string): JsonFields {
  const type = readText(sent, 'type') ?? '';
  const feature = type === 'subscription_update_confirm' ? 'subscription_update' : type;
  const allowed = features[feature];
  const isEnabled =
    typeof allowed === 'object' && allowed !== null && 'enabled' in allowed && allowed['enabled'] === true;
  if (!isEnabled) {
    throw invalidRequest(`The portal's configuration does not enable ${feature}, which the flow ${type} needs.`, {
      param: 'flow_data[type]',
    });
  }
  if (type === 'customer_update') throw notInSandbox('the flow customer_update', 'flow_data[type]');
  const details = readFields(sent, type);
  const id = details === undefined ? undefined : readText(details, 'subscription');
  if (type !== 'payment_method_update') assertTheirs(call, id, customer, type);
  return {
    after_completion: toAfter(readFields(sent, 'after_completion') ?? {}),
    customer_update: null,
    subscription_cancel: type === 'subscription_cancel' ? { retention: null, subscription: id ?? '' } : null,
    subscription_update: type === 'subscription_update' ? { subscription: id ?? '' } : null,
    subscription_update_confirm:
      type === 'subscription_update_confirm' ? toConfirmation(call, id ?? '', details ?? {}) : null,
    type,
  };
}

function assertTheirs(call: Call, id: string | undefined, customer: string, type: string): void {
  const param = `flow_data[${type}][subscription]`;
  if (id === undefined) throw invalidRequest(`Missing required param: ${param}.`, { code: 'parameter_missing', param });
  const subscription = needSubscription(call, id, param);
  if (subscription.customer !== customer) throw resourceMissing('subscription', id, param);
  assertNotOver(subscription);
}

function toAfter(sent: JsonFields): JsonFields {
  const redirect = readFields(sent, 'redirect');
  const confirmation = readFields(sent, 'hosted_confirmation');
  return {
    hosted_confirmation: confirmation === undefined ? null : { custom_message: confirmation['custom_message'] ?? null },
    redirect: redirect ?? null,
    type: readText(sent, 'type') ?? 'portal_homepage',
  };
}

function toConfirmation(call: Call, subscription: string, details: JsonFields): JsonFields {
  const [item, ...more] = readList(details, 'items') ?? [];
  if (item === undefined || more.length > 0) {
    throw notInSandbox('a confirmation of other than one item', 'flow_data[subscription_update_confirm][items]');
  }
  const { data } = needSubscription(call, subscription, 'subscription').items;
  const known = data.find(({ id }) => id === item['id']);
  if (known === undefined) {
    throw resourceMissing('subscription_item', String(item['id']), 'flow_data[subscription_update_confirm][items]');
  }
  const price = readText(item, 'price') ?? known.price.id;
  return { discounts: null, items: [{ id: known.id, price, quantity: known.quantity }], subscription };
}

/** Is the API of portal sessions. */
export const PORTAL_SESSION_RESOURCE: Resource = {
  operations: { 'POST /v1/billing_portal/sessions': create },
};
