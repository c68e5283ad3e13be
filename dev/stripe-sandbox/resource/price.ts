/**
 * Owns: prices of one amount, once or for each period.
 * Does not own: products. Tiers, amounts that customers choose, quantities that are rounded, further currencies: the
 * sandbox refuses them.
 */
import { type Call, type Operation, type Resource, toPathId } from '../call.ts';
import { pickPresent, readFields, readFlag, readInteger, readText, readTexts, readUnsettableText } from '../field.ts';
import { createId } from '../id.ts';
import type { ApiObject, JsonFields } from '../json.ts';
import { PAGE_PARAMETERS, toPage } from '../list.ts';
import { type Metadata, mergeMetadata } from '../metadata.ts';
import { readAmount, readCurrency } from '../money.ts';
import { defineTable } from '../store.ts';
import { invalidRequest, notInSandbox } from '../stripe-error.ts';
import { createProduct, PRODUCTS } from './product-object.ts';

/** Is how often a price is charged. */
export type Recurring = {
  readonly interval: 'day' | 'week' | 'month' | 'year';
  readonly interval_count: number;
  readonly meter: null;
  readonly usage_type: 'licensed' | 'metered';
};

/** Is a price. */
export interface Price extends ApiObject {
  readonly active: boolean;
  readonly currency: string;
  readonly lookup_key: string | null;
  readonly metadata: Metadata;
  readonly product: string;
  readonly recurring: Recurring | null;
  /** Is null where the amount has fractions of a minor unit. */
  readonly unit_amount: number | null;
  readonly unit_amount_decimal: string;
}

/** Are the prices. */
export const PRICES = defineTable<Price>('price');

/** Are three years, the longest that Stripe takes. */
const INTERVAL_COUNT_MAX: Readonly<Record<Recurring['interval'], number>> = {
  day: 1095,
  week: 156,
  month: 36,
  year: 3,
};

/** Says what a price is made of. */
export interface PriceTerms {
  readonly id: string;
  readonly product: string;
  readonly currency: string;
  readonly amount: { readonly unit_amount: number | null; readonly unit_amount_decimal: string };
  readonly recurring: Recurring | null;
}

/** Makes a price as the API answers it. */
export function toPrice(terms: PriceTerms, now: number, details: JsonFields = {}): Price {
  const { id, product, currency, amount, recurring } = terms;
  return {
    id,
    object: 'price',
    active: true,
    billing_scheme: 'per_unit',
    created: now,
    currency,
    custom_unit_amount: null,
    livemode: false,
    lookup_key: null,
    metadata: {},
    nickname: null,
    product,
    recurring,
    tax_behavior: 'unspecified',
    tiers_mode: null,
    transform_quantity: null,
    type: recurring === null ? 'one_time' : 'recurring',
    ...amount,
    ...details,
  };
}

/** Makes what says that a price is charged for each period. */
export function toRecurring(interval: Recurring['interval'], intervalCount = 1): Recurring {
  return { interval, interval_count: intervalCount, meter: null, usage_type: 'licensed' };
}

const create: Operation = {
  supported: [
    ...['active', 'billing_scheme', 'currency', 'lookup_key', 'metadata', 'nickname', 'product'],
    ...['active', 'id', 'metadata', 'name', 'statement_descriptor', 'tax_code', 'unit_label'].map(
      (name) => `product_data.${name}`,
    ),
    ...['recurring', 'tax_behavior', 'transfer_lookup_key', 'unit_amount', 'unit_amount_decimal'],
  ],
  run: (call, { parameters }) => createPrice(call, parameters),
};

/** Creates a price from parameters that are a price's. Throws StripeError where they contradict each other. */
export function createPrice(call: Call, parameters: JsonFields): Price {
  if (parameters['billing_scheme'] === 'tiered') throw notInSandbox('tiered prices', 'billing_scheme');
  const recurring = readFields(parameters, 'recurring');
  const terms: PriceTerms = {
    id: createId('price'),
    currency: readCurrency(parameters) ?? '',
    amount: readUnitAmount(parameters),
    recurring: recurring === undefined ? null : readRecurring(recurring),
    product: toOwner(call, parameters),
  };
  const lookupKey = readText(parameters, 'lookup_key');
  if (lookupKey !== undefined) freeLookupKey(call, lookupKey, readFlag(parameters, 'transfer_lookup_key') === true);
  const details = pickPresent({
    active: readFlag(parameters, 'active'),
    lookup_key: lookupKey,
    nickname: readText(parameters, 'nickname'),
    tax_behavior: readText(parameters, 'tax_behavior'),
    metadata: mergeMetadata({}, parameters),
  });
  return call.create(PRICES, toPrice(terms, call.now, details), 'price.created');
}

function toOwner(call: Call, parameters: JsonFields): string {
  const [product, productData] = [readText(parameters, 'product'), readFields(parameters, 'product_data')];
  if ((product === undefined) === (productData === undefined)) {
    throw invalidRequest('You must specify exactly one of `product` or `product_data`.', { param: 'product' });
  }
  if (product !== undefined) return call.need(PRODUCTS, product, 'product').id;
  const fields = productData ?? {};
  return createProduct(call, readText(fields, 'id') ?? createId('prod', 14), fields).id;
}

function readUnitAmount(parameters: JsonFields): PriceTerms['amount'] {
  const [whole, decimal] = [readAmount(parameters, 'unit_amount'), readText(parameters, 'unit_amount_decimal')];
  if ((whole === undefined) === (decimal === undefined)) {
    throw invalidRequest('You must specify exactly one of `unit_amount` or `unit_amount_decimal`.', {
      param: 'unit_amount',
    });
  }
  if (whole !== undefined) return { unit_amount: whole, unit_amount_decimal: String(whole) };
  const text = decimal ?? '';
  if (!/^\d{1,15}(\.\d{1,12})?$/.test(text)) {
    throw invalidRequest(`Invalid decimal: ${text}; must be non-negative with at most 12 decimal places`, {
      param: 'unit_amount_decimal',
    });
  }
  return { unit_amount: /^\d+(\.0+)?$/.test(text) ? Math.trunc(Number(text)) : null, unit_amount_decimal: text };
}

function readRecurring(fields: JsonFields): Recurring {
  if (fields['usage_type'] === 'metered' || fields['meter'] !== undefined) {
    throw notInSandbox('metered prices', 'recurring[usage_type]');
  }
  // The schema allows no other interval.
  const interval = readText(fields, 'interval') as Recurring['interval'];
  const count = readInteger(fields, 'interval_count') ?? 1;
  const countMax = INTERVAL_COUNT_MAX[interval];
  if (count < 1 || count > countMax) {
    throw invalidRequest(`The interval count must be 1 to ${countMax} for the interval ${interval}, not ${count}.`, {
      param: 'recurring[interval_count]',
    });
  }
  return toRecurring(interval, count);
}

function freeLookupKey(call: Call, lookupKey: string, isTransferred: boolean): void {
  const holder = call.tx.all(PRICES).find((price) => price.lookup_key === lookupKey);
  if (holder === undefined) return;
  if (!isTransferred) {
    throw invalidRequest(`A price (\`${holder.id}\`) already uses that lookup key.`, { param: 'lookup_key' });
  }
  call.update(PRICES, holder, { lookup_key: null }, 'price.updated');
}

const update: Operation = {
  supported: ['active', 'lookup_key', 'metadata', 'nickname', 'tax_behavior', 'transfer_lookup_key'],
  run(call, request) {
    const { parameters } = request;
    const price = call.need(PRICES, toPathId(request), 'price', 404);
    const lookupKey = readUnsettableText(parameters, 'lookup_key');
    if (typeof lookupKey === 'string' && lookupKey !== price.lookup_key) {
      freeLookupKey(call, lookupKey, readFlag(parameters, 'transfer_lookup_key') === true);
    }
    const changes = pickPresent({
      active: readFlag(parameters, 'active'),
      lookup_key: lookupKey,
      nickname: readUnsettableText(parameters, 'nickname'),
      tax_behavior: readText(parameters, 'tax_behavior'),
    });
    return call.update(
      PRICES,
      price,
      { ...changes, metadata: mergeMetadata(price.metadata, parameters) },
      'price.updated',
    );
  },
};

const list: Operation = {
  supported: [
    ...PAGE_PARAMETERS,
    ...['active', 'created', 'currency', 'lookup_keys', 'product', 'type'],
    ...['recurring.interval', 'recurring.usage_type'],
  ],
  run(call, { parameters }) {
    const lookupKeys = readTexts(parameters, 'lookup_keys');
    const wanted = Object.entries(
      pickPresent({
        active: readFlag(parameters, 'active'),
        currency: readText(parameters, 'currency'),
        product: readText(parameters, 'product'),
        type: readText(parameters, 'type'),
      }),
    );
    const recurring = Object.entries(readFields(parameters, 'recurring') ?? {});
    const filter = (price: Price): boolean =>
      (lookupKeys?.includes(price.lookup_key ?? '') ?? true) &&
      wanted.every(([name, value]) => price[name] === value) &&
      recurring.every(([name, value]) => toFields(price.recurring)[name] === value);
    return toPage({ objects: call.tx.all(PRICES), filter, url: '/v1/prices' }, parameters);
  },
};

function toFields(recurring: Recurring | null): JsonFields {
  return recurring ?? {};
}

/** Is the API of prices. */
export const PRICE_RESOURCE: Resource = {
  operations: {
    'POST /v1/prices': create,
    'GET /v1/prices': list,
    'GET /v1/prices/{price}': {
      supported: [],
      run: (call, request) => call.need(PRICES, toPathId(request), 'price', 404),
    },
    'POST /v1/prices/{price}': update,
  },
};
