// Owns reading a product together with its plans, as most use cases decide over both.

import type { ProductCode } from '../../domain/id.ts';
import { productNotFound } from './catalog-error.ts';
import type { CatalogStore, Plan, Product } from './ports.ts';

/** A product with its plans. */
export interface ProductPlans {
  readonly product: Product;
  readonly plans: readonly Plan[];
}

/** Loads a product with its plans, in no order. Throws DomainError PRODUCT_NOT_FOUND, DATABASE_UNAVAILABLE. */
export async function loadProductPlans(
  catalog: Pick<CatalogStore, 'loadProduct' | 'loadPlans'>,
  productCode: ProductCode,
): Promise<ProductPlans> {
  const [product, plans] = await Promise.all([catalog.loadProduct(productCode), catalog.loadPlans(productCode)]);
  if (product === undefined) throw productNotFound(productCode);
  return { product, plans };
}
