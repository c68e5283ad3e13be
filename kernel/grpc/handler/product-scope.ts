import { DomainError } from '../../domain/error.ts';
import type { ProductCode } from '../../domain/id.ts';
import type { Caller } from '../caller.ts';

/**
 * Decides which product a request is about: for a BFF the one that it is bound to, which the request may only repeat; for
 * others the one that they name, or undefined where they name none.
 * Throws DomainError PRODUCT_SCOPE_MISMATCH.
 */
export function resolveProduct(caller: Caller, requested: string): ProductCode | undefined {
  if (caller.scope !== 'bff') return requested === '' ? undefined : (requested as ProductCode);
  if (requested === '' || requested === caller.productCode) return caller.productCode;
  const message = `product_code: ${JSON.stringify(requested)} is not the product of this credential: leave it out`;
  throw new DomainError('PRODUCT_SCOPE_MISMATCH', message);
}
