// Owns the title of the document: the page, then the product.

import { useEffect } from 'react';
import { PRODUCT_NAME } from '../session/product.ts';

/** Sets the title for as long as a page is shown. */
export function useDocumentTitle(title: string): void {
  useEffect(() => {
    document.title = `${title} · ${PRODUCT_NAME}`;
  }, [title]);
}
