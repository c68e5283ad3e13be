/** Owns: products. Does not own: their prices (`price.ts`). */
import { type Operation, type Resource, toPathId } from '../call.ts';
import { pickPresent, readFields, readFlag, readText, readTexts, readUnsettableText } from '../field.ts';
import { createId } from '../id.ts';
import { PAGE_PARAMETERS, toPage } from '../list.ts';
import { mergeMetadata } from '../metadata.ts';
import { invalidRequest } from '../stripe-error.ts';
import { createPrice, PRICES } from './price.ts';
import { createProduct, PRODUCTS, type Product, readDetails } from './product-object.ts';

const DETAILS = [
  ...['active', 'description', 'images', 'marketing_features', 'metadata', 'name', 'shippable'],
  ...['statement_descriptor', 'tax_code', 'unit_label', 'url'],
] as const;

const create: Operation = {
  supported: [
    ...DETAILS,
    'id',
    ...['currency', 'metadata', 'recurring', 'tax_behavior', 'unit_amount', 'unit_amount_decimal'].map(
      (name) => `default_price_data.${name}`,
    ),
  ],
  run(call, { parameters }) {
    const id = readText(parameters, 'id') ?? createId('prod', 14);
    if (call.tx.find(PRODUCTS, id) !== undefined) {
      throw invalidRequest('Product already exists.', { code: 'resource_already_exists', param: 'id' });
    }
    const product = createProduct(call, id, parameters);
    const priceData = readFields(parameters, 'default_price_data');
    if (priceData === undefined) return product;
    const price = createPrice(call, { ...priceData, product: id });
    return call.update(PRODUCTS, product, { default_price: price.id }, 'product.updated');
  },
};

const update: Operation = {
  supported: [...DETAILS, 'default_price'],
  run(call, request) {
    const { parameters } = request;
    const product = call.need(PRODUCTS, toPathId(request), 'id', 404);
    const defaultPrice = readUnsettableText(parameters, 'default_price');
    if (typeof defaultPrice === 'string') {
      const { product: owner } = call.need(PRICES, defaultPrice, 'default_price');
      if (owner !== product.id) {
        throw invalidRequest(`The price ${defaultPrice} belongs to another product.`, { param: 'default_price' });
      }
    }
    const changes = {
      ...readDetails(parameters),
      ...pickPresent({ default_price: defaultPrice }),
      metadata: mergeMetadata(product.metadata, parameters),
    };
    return call.update(PRODUCTS, product, { ...changes, updated: call.now }, 'product.updated');
  },
};

const remove: Operation = {
  supported: [],
  run(call, request) {
    const product = call.need(PRODUCTS, toPathId(request), 'id', 404);
    if (call.tx.all(PRICES).some((price) => price.product === product.id)) {
      throw invalidRequest('This product cannot be deleted because it has one or more user-created prices.', {
        param: 'id',
      });
    }
    call.tx.remove(PRODUCTS, product.id);
    call.emit({ type: 'product.deleted', object: product });
    return { id: product.id, object: 'product', deleted: true };
  },
};

const list: Operation = {
  supported: [...PAGE_PARAMETERS, 'active', 'created', 'ids', 'shippable', 'url'],
  run(call, { parameters }) {
    const ids = readTexts(parameters, 'ids');
    const wanted = Object.entries(
      pickPresent({
        active: readFlag(parameters, 'active'),
        shippable: readFlag(parameters, 'shippable'),
        url: readText(parameters, 'url'),
      }),
    );
    const filter = (product: Product): boolean =>
      (ids?.includes(product.id) ?? true) && wanted.every(([name, value]) => product[name] === value);
    return toPage({ objects: call.tx.all(PRODUCTS), filter, url: '/v1/products' }, parameters);
  },
};

/** Is the API of products. */
export const PRODUCT_RESOURCE: Resource = {
  operations: {
    'POST /v1/products': create,
    'GET /v1/products': list,
    'GET /v1/products/{id}': {
      supported: [],
      run: (call, request) => call.need(PRODUCTS, toPathId(request), 'id', 404),
    },
    'POST /v1/products/{id}': update,
    'DELETE /v1/products/{id}': remove,
  },
};
