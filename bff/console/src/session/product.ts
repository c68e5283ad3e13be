// Owns what the page was told of its deployment: the BFF writes it into the document.

import { STRINGS } from '../strings.ts';

/** Is the name of the product, as people know it. */
export const PRODUCT_NAME = readMeta('application-name') || STRINGS.product.fallbackName;

/** Is where people reach sales, a `mailto:` or `https:` address; empty where nobody said. */
export const CONTACT_SALES = readMeta('contact-sales');

/** Says whether the browser had a session when it asked for the page. */
export const HAS_SESSION = readMeta('session') !== 'none';

/** Is what styles that are made while the page runs are allowed by; empty where they need nothing. */
export const STYLE_NONCE = document.querySelector<HTMLMetaElement>('meta[property=csp-nonce]')?.nonce ?? '';

function readMeta(name: string): string {
  return document.querySelector<HTMLMetaElement>(`meta[name=${name}]`)?.content ?? '';
}
