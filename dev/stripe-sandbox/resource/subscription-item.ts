/**
 * Owns: the items of a subscription: reading them from parameters, and the API that shows them.
 * Does not own: what a change of them costs (`subscription-billing.ts`). Items change through their subscription only.
 */
import type { Period } from '../billing/period.ts';
import { isSameInterval } from '../billing/period.ts';
import { type Call, type Resource, toPathId } from '../call.ts';
import { readFields, readFlag, readList, readText } from '../field.ts';
import { createId } from '../id.ts';
import type { JsonFields } from '../json.ts';
import { PAGE_PARAMETERS, toPage } from '../list.ts';
import { mergeMetadata } from '../metadata.ts';
import { describeMoney, readAmount } from '../money.ts';
import { invalidRequest, notInSandbox, resourceMissing } from '../stripe-error.ts';
import { createPrice, PRICES, type Price } from './price.ts';
import { PRODUCTS } from './product-object.ts';
import { needSubscription, type RecurringPrice, SUBSCRIPTIONS, type SubscriptionItem } from './subscription-object.ts';

const ITEMS_MAX = 20;

/** Are the parameters of items that are honoured. */
export const ITEM_PARAMETERS = ['price', 'quantity', 'metadata', 'price_data'].map((name) => `items.${name}`);

/** Says what items are read for. */
export interface ItemTarget {
  readonly subscription: string;
  readonly period: Period;
  /** Are the items that are there already. */
  readonly before: readonly SubscriptionItem[];
}

/** Returns the items after what a request sent. Throws StripeError where they can't be billed together. */
export function readItems(call: Call, parameters: JsonFields, target: ItemTarget): readonly SubscriptionItem[] {
  const sent = readList(parameters, 'items') ?? [];
  const items = new Map(target.before.map((item) => [item.id, item]));
  for (const [index, fields] of sent.entries()) {
    const param = `items[${index}]`;
    const id = readText(fields, 'id');
    const known = id === undefined ? undefined : items.get(id);
    if (id !== undefined && known === undefined) throw resourceMissing('subscription_item', id, `${param}[id]`);
    if (known !== undefined && readFlag(fields, 'deleted') === true) items.delete(known.id);
    else {
      const item = known === undefined ? addItem(call, fields, target, param) : changeItem(call, known, fields, param);
      items.set(item.id, item);
    }
  }
  const after = [...items.values()];
  assertTogether(after);
  return after;
}

function addItem(
  call: Call,
  fields: JsonFields,
  { subscription, period }: ItemTarget,
  param: string,
): SubscriptionItem {
  const price = findPrice(call, fields, param);
  if (price === undefined) {
    throw invalidRequest(`You must specify \`price\` or \`price_data\` for ${param}.`, {
      code: 'parameter_missing',
      param,
    });
  }
  return {
    id: createId('si', 14),
    object: 'subscription_item',
    billing_thresholds: null,
    created: call.now,
    current_period_end: period.end,
    current_period_start: period.start,
    discounts: [],
    metadata: mergeMetadata({}, fields),
    price,
    quantity: readAmount(fields, 'quantity') ?? 1,
    subscription,
    tax_rates: [],
  };
}

function changeItem(call: Call, item: SubscriptionItem, fields: JsonFields, param: string): SubscriptionItem {
  return {
    ...item,
    metadata: mergeMetadata(item.metadata, fields),
    price: findPrice(call, fields, param) ?? item.price,
    quantity: readAmount(fields, 'quantity') ?? item.quantity,
  };
}

function findPrice(call: Call, fields: JsonFields, param: string): RecurringPrice | undefined {
  const [id, data] = [readText(fields, 'price'), readFields(fields, 'price_data')];
  if (id !== undefined && data !== undefined) {
    throw invalidRequest('You may only specify one of these parameters: price, price_data.', { param });
  }
  if (data !== undefined) return toRecurring(createPrice(call, { ...data, active: false }), param);
  return id === undefined ? undefined : needActivePrice(call, id, `${param}[price]`);
}

/** Returns a price that can be subscribed to. Throws StripeError for any other. */
export function needActivePrice(call: Call, id: string, param: string): RecurringPrice {
  const price = call.need(PRICES, id, param);
  if (!price.active) {
    throw invalidRequest('The price specified is inactive. This field only accepts active prices.', { param });
  }
  return toRecurring(price, param);
}

function toRecurring(price: Price, param: string): RecurringPrice {
  const { recurring } = price;
  if (recurring !== null) return { ...price, recurring };
  const message =
    'The price specified is set to `type=one_time` but this field only accepts prices with `type=recurring`.';
  throw invalidRequest(message, { param });
}

function assertTogether(items: readonly SubscriptionItem[]): void {
  const [first] = items;
  if (first === undefined) {
    throw invalidRequest('A subscription must have at least one active item.', { param: 'items' });
  }
  if (items.length > ITEMS_MAX) {
    throw invalidRequest(`A subscription has at most ${ITEMS_MAX} items.`, { param: 'items' });
  }
  if (items.some(({ price }) => price.currency !== first.price.currency)) {
    throw invalidRequest('All items of a subscription must have the same currency.', { param: 'items' });
  }
  if (items.some(({ price }) => !isSameInterval(price.recurring, first.price.recurring))) {
    throw notInSandbox('items with different intervals in one subscription', 'items');
  }
  const prices = new Set(items.map(({ price }) => price.id));
  if (prices.size < items.length) {
    throw invalidRequest('Each item of a subscription must have a price of its own.', { param: 'items' });
  }
}

/** Returns what an item costs for one period, in minor units. */
export function toAmount({ price, quantity }: Pick<SubscriptionItem, 'price' | 'quantity'>): number {
  return Math.round(Number(price.unit_amount_decimal) * quantity);
}

/** Returns the name of what an item is about. */
export function toProductName(call: Call, { price }: Pick<SubscriptionItem, 'price'>): string {
  return call.tx.find(PRODUCTS, price.product)?.name ?? price.product;
}

/** Returns what a price costs, as people read it: `$49.00 / month`. */
export function describePrice({ unit_amount_decimal: amount, currency, recurring }: RecurringPrice): string {
  const { interval, interval_count: count } = recurring;
  return `${describeMoney(Number(amount), currency)} / ${count === 1 ? interval : `every ${count} ${interval}s`}`;
}

/** Is the API of subscription items. */
export const SUBSCRIPTION_ITEM_RESOURCE: Resource = {
  operations: {
    'GET /v1/subscription_items': {
      supported: [...PAGE_PARAMETERS, 'subscription'],
      run(call, { parameters }) {
        const id = readText(parameters, 'subscription') ?? '';
        const objects = needSubscription(call, id, 'subscription').items.data;
        return toPage({ objects, url: '/v1/subscription_items' }, parameters);
      },
    },
    'GET /v1/subscription_items/{item}': {
      supported: [],
      run(call, request) {
        const id = toPathId(request);
        const all = call.tx.all(SUBSCRIPTIONS).flatMap(({ items }) => items.data);
        const item = all.find((each) => each.id === id);
        if (item === undefined) throw resourceMissing('subscription_item', id, 'id', 404);
        return item;
      },
    },
  },
};
