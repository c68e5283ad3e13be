// Owns how a stored way to pay is called.

import type { PaymentMethod } from '../api/type.ts';
import { STRINGS } from '../strings.ts';

/** Writes a card, such as `Visa •••• 4242`; anything else by its type. */
export function formatCard({ card, type }: PaymentMethod): string {
  const toName = (word: string): string => word.charAt(0).toUpperCase() + word.slice(1).replaceAll('_', ' ');
  return card === null ? toName(type) : STRINGS.billing.payment.card(toName(card.brand), card.last4);
}
