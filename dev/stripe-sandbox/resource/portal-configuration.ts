/**
 * Owns: configurations of the billing portal: what people may do there.
 * Does not own: doing it (`../hosted-page/portal-visit.ts`), and sessions (`portal-session.ts`).
 */
import { type Call, type Operation, type Resource, toPathId } from '../call.ts';
import { pickPresent, readFields, readFlag, readList, readText, readTexts, readUnsettableText } from '../field.ts';
import { createId } from '../id.ts';
import type { ApiObject, JsonFields } from '../json.ts';
import { PAGE_PARAMETERS, toPage } from '../list.ts';
import { type Metadata, mergeMetadata } from '../metadata.ts';
import { defineTable, type Transaction } from '../store.ts';
import { invalidRequest } from '../stripe-error.ts';
import { needActivePrice } from './subscription-item.ts';

/** Are the plans of a product that people may switch to. */
export type PortalProduct = JsonFields & { readonly product: string; readonly prices: readonly string[] };

/** Is what people may do. */
export type PortalFeatures = JsonFields & {
  readonly customer_update: JsonFields & { readonly enabled: boolean };
  readonly invoice_history: JsonFields & { readonly enabled: boolean };
  readonly payment_method_update: JsonFields & { readonly enabled: boolean };
  readonly subscription_cancel: JsonFields & {
    readonly enabled: boolean;
    readonly mode: 'at_period_end' | 'immediately';
    readonly proration_behavior: string;
  };
  readonly subscription_update: JsonFields & {
    readonly billing_cycle_anchor: string | null;
    readonly enabled: boolean;
    readonly products: readonly PortalProduct[];
    readonly proration_behavior: string;
    readonly schedule_at_period_end: { readonly conditions: readonly { readonly type: string }[] };
  };
};

/** Is a configuration. */
export interface PortalConfiguration extends ApiObject {
  readonly active: boolean;
  readonly business_profile: JsonFields;
  readonly default_return_url: string | null;
  readonly features: PortalFeatures;
  readonly is_default: boolean;
  readonly metadata: Metadata;
}

/** Are the configurations. */
export const PORTAL_CONFIGURATIONS = defineTable<PortalConfiguration>('billing_portal.configuration');

const WITHHELD = defineTable<true>('sandbox.portal_withheld');
const ONLY_ROW = 'setting';

/** Leaves the account without a default configuration, as one is whose dashboard was never asked for it. */
export function withholdDefaultConfiguration(tx: Transaction): void {
  tx.put(WITHHELD, ONLY_ROW, true);
}

/**
 * Returns the default configuration, as an account's dashboard has one: cards, invoices, cancelling at the period's end. Throws
 * StripeError where the account shall have none.
 */
export function findDefaultConfiguration(call: Call): PortalConfiguration {
  const found = call.tx.all(PORTAL_CONFIGURATIONS).find((each) => each.is_default);
  if (found !== undefined) return found;
  if (call.tx.find(WITHHELD, ONLY_ROW) === true) {
    throw invalidRequest(
      'No configuration provided and your test mode default configuration has not been created. Provide a configuration or create your default by saving your customer portal settings in test mode at https://dashboard.stripe.com/test/settings/billing/portal.',
    );
  }
  const enabled = { enabled: true };
  const features = { invoice_history: enabled, payment_method_update: enabled, subscription_cancel: enabled };
  return call.create(PORTAL_CONFIGURATIONS, toConfiguration(call, { features }, true));
}

function toConfiguration(call: Call, parameters: JsonFields, isDefault: boolean): PortalConfiguration {
  return {
    id: createId('bpc'),
    object: 'billing_portal.configuration',
    active: true,
    application: null,
    business_profile: { ...BLANK_PROFILE, ...readFields(parameters, 'business_profile') },
    created: call.now,
    default_return_url: readText(parameters, 'default_return_url') ?? null,
    features: toFeatures(call, BLANK_FEATURES, readFields(parameters, 'features') ?? {}),
    is_default: isDefault,
    livemode: false,
    login_page: { enabled: false, url: null },
    metadata: mergeMetadata({}, parameters),
    name: readText(parameters, 'name') ?? null,
    updated: call.now,
  };
}

const BLANK_PROFILE = { headline: null, privacy_policy_url: null, terms_of_service_url: null };

const BLANK_FEATURES: PortalFeatures = {
  customer_update: { allowed_updates: [], enabled: false },
  invoice_history: { enabled: false },
  payment_method_update: { enabled: false, payment_method_configuration: null },
  subscription_cancel: {
    cancellation_reason: { enabled: false, feedback_options: null, options: [] },
    enabled: false,
    mode: 'at_period_end',
    proration_behavior: 'none',
  },
  subscription_update: {
    billing_cycle_anchor: null,
    default_allowed_updates: [],
    enabled: false,
    products: [],
    proration_behavior: 'none',
    schedule_at_period_end: { conditions: [] },
    trial_update_behavior: 'end_trial',
  },
};

/** Are the parameters of features that are honoured. */
const FEATURES = [
  ...['invoice_history.enabled', 'payment_method_update.enabled', 'subscription_cancel.enabled'],
  ...['subscription_cancel.mode', 'subscription_cancel.proration_behavior', 'subscription_update.enabled'],
  ...['subscription_update.billing_cycle_anchor', 'subscription_update.default_allowed_updates'],
  ...['subscription_update.proration_behavior', 'subscription_update.schedule_at_period_end'],
  ...['subscription_update.products.product', 'subscription_update.products.prices', 'customer_update.enabled'],
].map((name) => `features.${name}`);

const PARAMETERS = ['business_profile', 'default_return_url', 'metadata', 'name', ...FEATURES];

function toFeatures(call: Call, before: PortalFeatures, sent: JsonFields): PortalFeatures {
  if (readFlag(readFields(sent, 'customer_update') ?? {}, 'enabled') === true) {
    throw invalidRequest('You must specify `features[customer_update][allowed_updates]`.', {
      param: 'features[customer_update][allowed_updates]',
    });
  }
  const update = readFields(sent, 'subscription_update') ?? {};
  return {
    ...before,
    invoice_history: { ...before.invoice_history, ...readFields(sent, 'invoice_history') },
    payment_method_update: { ...before.payment_method_update, ...readFields(sent, 'payment_method_update') },
    subscription_cancel: { ...before.subscription_cancel, ...readFields(sent, 'subscription_cancel') },
    subscription_update: {
      ...before.subscription_update,
      ...update,
      ...pickPresent({
        default_allowed_updates: readTexts(update, 'default_allowed_updates'),
        products: readProducts(call, update),
      }),
    },
  };
}

function readProducts(call: Call, update: JsonFields): readonly PortalProduct[] | undefined {
  return readList(update, 'products')?.map((fields, index) => {
    const param = `features[subscription_update][products][${index}]`;
    const [product, prices] = [readText(fields, 'product') ?? '', readTexts(fields, 'prices') ?? []];
    for (const id of prices) {
      if (needActivePrice(call, id, `${param}[prices]`).product === product) continue;
      throw invalidRequest(`The price ${id} belongs to another product than ${product}.`, {
        param: `${param}[prices]`,
      });
    }
    return { adjustable_quantity: { enabled: false, maximum: null, minimum: 1 }, prices, product };
  });
}

const create: Operation = {
  supported: PARAMETERS,
  run: (call, { parameters }) =>
    call.create(
      PORTAL_CONFIGURATIONS,
      toConfiguration(call, parameters, false),
      'billing_portal.configuration.created',
    ),
};

const update: Operation = {
  supported: ['active', ...PARAMETERS],
  run(call, request) {
    const { parameters } = request;
    const before = call.need(PORTAL_CONFIGURATIONS, toPathId(request), 'configuration', 404);
    const changes = pickPresent({
      active: readFlag(parameters, 'active'),
      business_profile: { ...before.business_profile, ...readFields(parameters, 'business_profile') },
      default_return_url: readUnsettableText(parameters, 'default_return_url'),
      features: toFeatures(call, before.features, readFields(parameters, 'features') ?? {}),
      metadata: mergeMetadata(before.metadata, parameters),
      name: readUnsettableText(parameters, 'name'),
      updated: call.now,
    });
    return call.update(PORTAL_CONFIGURATIONS, before, changes, 'billing_portal.configuration.updated');
  },
};

const PATH = '/v1/billing_portal/configurations';

/** Is the API of portal configurations. */
export const PORTAL_CONFIGURATION_RESOURCE: Resource = {
  operations: {
    [`POST ${PATH}`]: create,
    [`GET ${PATH}`]: {
      supported: [...PAGE_PARAMETERS, 'active', 'is_default'],
      run(call, { parameters }) {
        const [isActive, isDefault] = [readFlag(parameters, 'active'), readFlag(parameters, 'is_default')];
        const filter = (each: PortalConfiguration): boolean =>
          (isActive ?? each.active) === each.active && (isDefault ?? each.is_default) === each.is_default;
        return toPage({ objects: call.tx.all(PORTAL_CONFIGURATIONS), filter, url: PATH }, parameters);
      },
    },
    [`GET ${PATH}/{configuration}`]: {
      supported: [],
      run: (call, request) => call.need(PORTAL_CONFIGURATIONS, toPathId(request), 'configuration', 404),
    },
    [`POST ${PATH}/{configuration}`]: update,
  },
};
