/**
 * Owns: the lines of a checkout session: what is bought, at which price, and what a discount takes off it.
 * Does not own: the session.
 */
import { computeDiscounts } from '../billing/discounting.ts';
import type { Call } from '../call.ts';
import { readFields, readInteger, readList, readText } from '../field.ts';
import { createId } from '../id.ts';
import type { ApiObject, JsonFields } from '../json.ts';
import { defineTable } from '../store.ts';
import { invalidRequest, notInSandbox } from '../stripe-error.ts';
import { COUPONS } from './coupon.ts';
import { toReduction } from './discount.ts';
import { createPrice, PRICES, type Price } from './price.ts';
import { PRODUCTS } from './product-object.ts';

const LINE_ITEMS_MAX = 100;

/** Is a line of what is bought. */
export interface LineItem extends ApiObject {
  readonly amount_discount: number;
  readonly amount_subtotal: number;
  readonly amount_total: number;
  readonly currency: string;
  readonly description: string;
  readonly price: Price;
  readonly quantity: number;
}

const LINE_ITEMS = defineTable<readonly LineItem[]>('checkout.session.items');

/** Returns what is bought in a session. */
export function findLineItems(call: Call, session: ApiObject): readonly LineItem[] {
  return call.tx.find(LINE_ITEMS, session.id) ?? [];
}

/** Keeps what is bought in a session. */
export function putLineItems(call: Call, sessionId: string, items: readonly LineItem[]): void {
  call.tx.put(LINE_ITEMS, sessionId, items);
}

/** Says what a session is for, as far as its lines matter. */
export interface LinePurpose {
  readonly mode: 'payment' | 'subscription';
  /** Says that nothing is paid today. */
  readonly isTrial: boolean;
}

/** Makes the lines that a request wants. Throws StripeError where they can't be bought together. */
export function createLineItems(call: Call, parameters: JsonFields, purpose: LinePurpose): readonly LineItem[] {
  const wanted = readList(parameters, 'line_items') ?? [];
  if (wanted.length > LINE_ITEMS_MAX) {
    throw invalidRequest(`A session has at most ${LINE_ITEMS_MAX} line items.`, { param: 'line_items' });
  }
  const items = wanted.map((line, index) => createLineItem(call, line, purpose, `line_items[${index}]`));
  if (new Set(items.map(({ currency }) => currency)).size > 1) {
    throw invalidRequest('All line items must have the same currency.', { param: 'line_items' });
  }
  return items;
}

function createLineItem(call: Call, line: JsonFields, { mode, isTrial }: LinePurpose, param: string): LineItem {
  const price = toLinePrice(call, line, param);
  if (price.recurring !== null && mode === 'payment') {
    const message =
      'You specified `payment` mode but passed a recurring price. Either switch to `subscription` mode or use only one-time prices.';
    throw invalidRequest(message, { param: 'line_items' });
  }
  if (price.recurring === null && mode === 'subscription') {
    throw notInSandbox('one-time prices in `subscription` mode', param);
  }
  const quantity = readInteger(line, 'quantity') ?? 0;
  if (quantity < 1) {
    throw invalidRequest(`Quantity must be at least 1 for line items in ${mode} mode.`, {
      param: `${param}[quantity]`,
    });
  }
  const amount = isTrial ? 0 : Math.round(Number(price.unit_amount_decimal) * quantity);
  return {
    id: createId('li'),
    object: 'item',
    adjustable_quantity: null,
    amount_discount: 0,
    amount_subtotal: amount,
    amount_tax: 0,
    amount_total: amount,
    currency: price.currency,
    description: call.tx.find(PRODUCTS, price.product)?.name ?? price.product,
    metadata: {},
    price,
    quantity,
  };
}

function toLinePrice(call: Call, line: JsonFields, param: string): Price {
  const [id, data] = [readText(line, 'price'), readFields(line, 'price_data')];
  if ((id === undefined) === (data === undefined)) {
    throw invalidRequest('You must specify exactly one of `price` or `price_data` for each line item.', { param });
  }
  if (id === undefined) return createInlinePrice(call, data ?? {});
  const price = call.need(PRICES, id, `${param}[price]`);
  if (!price.active) {
    throw invalidRequest(`The price specified is inactive. This field only accepts active prices.`, {
      param: `${param}[price]`,
    });
  }
  return price;
}

/** Creates a price for this one sale, which nobody can use again. */
function createInlinePrice(call: Call, data: JsonFields): Price {
  const productData = readFields(data, 'product_data');
  return createPrice(call, {
    ...data,
    active: false,
    ...(productData === undefined ? {} : { product_data: { ...productData, active: false } }),
  });
}

/** Returns lines with what a coupon takes off them; null takes nothing off. */
export function discountLineItems(
  call: Call,
  items: readonly LineItem[],
  couponId: string | null,
): readonly LineItem[] {
  const coupon = couponId === null ? undefined : call.tx.find(COUPONS, couponId);
  const amounts = items.map((item) => ({
    amount: item.amount_subtotal,
    product: item.price.product,
    isDiscountable: true,
  }));
  const taken = computeDiscounts(amounts, coupon === undefined ? [] : [toReduction(call, coupon, '')]);
  return items.map((item, index) => {
    const off = (taken[index] ?? []).reduce((sum, { amount }) => sum + amount, 0);
    return { ...item, amount_discount: off, amount_total: item.amount_subtotal - off };
  });
}

/** Returns what lines come to, as a session shows it. */
export function toTotals(items: readonly LineItem[]) {
  const sum = (name: 'amount_discount' | 'amount_subtotal' | 'amount_total'): number =>
    items.reduce((total, item) => total + item[name], 0);
  return {
    amount_subtotal: sum('amount_subtotal'),
    amount_total: sum('amount_total'),
    total_details: { amount_discount: sum('amount_discount'), amount_shipping: 0, amount_tax: 0 },
  };
}
