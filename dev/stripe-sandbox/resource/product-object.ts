/** Owns: the object of a product, and creating one. Does not own: the API of products (`product.ts`). */
import type { Call } from '../call.ts';
import { pickPresent, readFlag, readList, readText, readTexts, readUnsettableText } from '../field.ts';
import type { ApiObject, JsonFields } from '../json.ts';
import { type Metadata, mergeMetadata } from '../metadata.ts';
import { defineTable } from '../store.ts';

/** Is a product. */
export interface Product extends ApiObject {
  readonly active: boolean;
  readonly default_price: string | null;
  readonly metadata: Metadata;
  readonly name: string;
}

/** Are the products. */
export const PRODUCTS = defineTable<Product>('product');

/** Is what a product has unless it is said otherwise. */
const BLANK = {
  description: null,
  images: [],
  marketing_features: [],
  package_dimensions: null,
  shippable: null,
  statement_descriptor: null,
  tax_code: null,
  unit_label: null,
  url: null,
};

/** Makes a product as the API answers it. */
export function toProduct(id: string, now: number, details: JsonFields & { readonly name: string }): Product {
  return {
    id,
    object: 'product',
    active: true,
    created: now,
    default_price: null,
    livemode: false,
    metadata: {},
    updated: now,
    ...BLANK,
    ...details,
  };
}

/** Returns the fields of a product that parameters set. */
export function readDetails(parameters: JsonFields): JsonFields {
  const unsettable = ['description', 'statement_descriptor', 'tax_code', 'unit_label', 'url'] as const;
  return pickPresent({
    name: readText(parameters, 'name'),
    active: readFlag(parameters, 'active'),
    images: readTexts(parameters, 'images'),
    marketing_features: readList(parameters, 'marketing_features'),
    shippable: readFlag(parameters, 'shippable'),
    ...Object.fromEntries(unsettable.map((name) => [name, readUnsettableText(parameters, name)])),
  });
}

/** Creates a product from parameters that are a product's. */
export function createProduct(call: Call, id: string, parameters: JsonFields): Product {
  const details = { ...readDetails(parameters), name: readText(parameters, 'name') ?? '' };
  const metadata = mergeMetadata({}, parameters);
  return call.create(PRODUCTS, toProduct(id, call.now, { ...details, metadata }), 'product.created');
}
