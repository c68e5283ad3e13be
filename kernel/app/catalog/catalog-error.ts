import { DomainError } from '../../domain/error.ts';
import type { PlanCode, ProductCode } from '../../domain/id.ts';

/** Says that a product is not registered. */
export function productNotFound(productCode: ProductCode): DomainError {
  const message = `product_code: no product ${productCode} is registered: check the spelling, or seed the catalog first`;
  return new DomainError('PRODUCT_NOT_FOUND', message, { metadata: { product_code: productCode } });
}

/** Says that a product has no such plan. */
export function planNotFound(productCode: ProductCode, planCode: PlanCode): DomainError {
  const message = `plan_code: ${productCode} has no plan ${planCode}: see ListPlans`;
  return new DomainError('PLAN_NOT_FOUND', message, { metadata: { plan_code: planCode } });
}
