// Owns where pages of Stripe lead back to: the Console of the workspace's product.

import { DomainError } from '../../domain/error.ts';
import type { ProductCode } from '../../domain/id.ts';

/** Where people of each product sign in, without a slash at the end. */
export type ConsoleUrls = ReadonlyMap<ProductCode, string>;

/**
 * Builds the address of a path of a product's Console. Throws DomainError INTERNAL where the configuration names none: an operator
 * must look.
 */
export function returnAddress(urls: ConsoleUrls, productCode: ProductCode, path: string): string {
  const url = urls.get(productCode);
  if (url === undefined)
    throw new DomainError('INTERNAL', `CONSOLE_URLS says nothing of ${productCode}: add its address`);
  return `${url}${path}`;
}
